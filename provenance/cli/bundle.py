"""`provenance bundle`: all that is needed to read, check and hand over a run, in one folder or file."""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(path_type=Path)


@click.command("bundle", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("db", type=FILE, metavar="RUN.duckdb")
@click.option("--out", type=FILE, required=True, help="Folder to make, or a file that ends in .zip.")
@click.option("--redact", is_flag=True, help="Digests, places and counts, and no text of documents or books.")
@click.option("--minimal", is_flag=True, help="One small file: works, how much of each, a salted commitment.")
@click.option("--salt-file", type=FILE, help="Of --minimal: at least 16 random bytes that you keep.")
@click.option("--max-matches", default=1000, show_default=True, help="Matches that the report shows; tables have all.")
@click.option("--overwrite", is_flag=True, help="Replace the bundle that is there.")
def command(
    db: Path, out: Path, redact: bool, minimal: bool, salt_file: Path | None, max_matches: int, overwrite: bool
) -> None:
    """Write a run as a bundle: report, tables, digests, a statement to be signed, metadata of the scanned set.

    `provenance verify BUNDLE` checks it offline, wherever it is. docs/bundle.md says what is in it. The digest that is
    printed is of the manifest: keep it elsewhere, and the bundle cannot be changed unseen. With --minimal it is one
    file with nothing of the data in it, for the other side of docs/two-party.md.

    \b
    provenance bundle run.duckdb --out evidence.zip
    provenance bundle run.duckdb --out evidence/ --redact
    provenance bundle run.duckdb --out result.json --minimal --salt-file salt
    """
    from provenance.cli.options import refuse_same
    from provenance.cli.printing import safe
    from provenance.errors import UsageError
    from provenance.evidence.contents import Choice
    from provenance.evidence.write import write_bundle

    refuse_same(out, db)
    if minimal:
        digest = _minimal(db, out, salt_file, overwrite)
    elif salt_file is not None:
        raise UsageError("--salt-file goes with --minimal")
    else:
        digest = write_bundle(db, out, Choice(redact, max_matches), overwrite)
    click.echo(f"{digest}  {safe(str(out))}")


def _minimal(db: Path, out: Path, salt_file: Path | None, overwrite: bool) -> str:
    from provenance.errors import UsageError
    from provenance.evidence.minimal import write_minimal
    from provenance.files import read_secret

    if salt_file is None:
        raise UsageError("--minimal needs --salt-file: `head -c 32 /dev/urandom > salt` makes one; keep it")
    return write_minimal(db, out, read_secret(salt_file, "salt"), overwrite)
