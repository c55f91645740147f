"""`provenance bundle`: all that is needed to read, check and hand over a run, in one folder or file."""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(path_type=Path)


@click.command("bundle", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("db", type=FILE, metavar="RUN.duckdb")
@click.option("--out", type=FILE, required=True, help="Folder to make, or a file that ends in .zip.")
@click.option("--redact", is_flag=True, help="Digests, places and counts, and no text of documents or books.")
@click.option("--max-matches", default=1000, show_default=True, help="Matches that the report shows; tables have all.")
@click.option("--overwrite", is_flag=True, help="Replace the bundle that is there.")
def command(db: Path, out: Path, redact: bool, max_matches: int, overwrite: bool) -> None:
    """Write a run as a bundle: report, tables, digests, a statement to be signed, metadata of the scanned set.

    `provenance verify BUNDLE` checks it offline, wherever it is. docs/bundle.md says what is in it. The digest that is
    printed is of the manifest: keep it elsewhere, and the bundle cannot be changed unseen.

    \b
    provenance bundle run.duckdb --out evidence.zip
    provenance bundle run.duckdb --out evidence/ --redact
    """
    from provenance.bundle import Choice, write_bundle
    from provenance.cli.options import refuse_same
    from provenance.cli.printing import safe

    refuse_same(out, db)
    digest = write_bundle(db, out, Choice(redact, max_matches), overwrite)
    click.echo(f"{digest}  {safe(str(out))}")
