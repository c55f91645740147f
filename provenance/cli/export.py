"""`provenance export`: what a run found, as files."""

from __future__ import annotations

from pathlib import Path

import click

WHAT = (
    "matches", "works", "documents", "shards", "passages", "coverage", "own-coverage", "editions", "origins",
    "exceptions", "reviews", "allowed", "allowed-findings", "selftest", "journal", "run", "attempts", "units",
)  # fmt: skip
"""Known here too, so that help needs no import."""


@click.command("export", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("db", type=click.Path(path_type=Path), metavar="RUN.duckdb")
@click.option("--what", type=click.Choice(WHAT), required=True, help="What to write.")
@click.option("--format", "file_format", type=click.Choice(["parquet", "csv", "jsonl", "sarif"]), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write; replaced when it exists.")
@click.option("--redact", is_flag=True, help="Digests, places and counts, and no text of documents or books.")
def command(db: Path, what: str, file_format: str, out: Path, redact: bool) -> None:
    """Write what a run found, sorted, so that equal results are equal bytes.

    \b
    provenance export run.duckdb --what matches --format parquet --out matches.parquet
    provenance export run.duckdb --what works --format csv --out works.csv
    provenance export run.duckdb --what matches --format sarif --redact --out matches.sarif
    """
    from provenance.cli.options import refuse_same
    from provenance.cli.printing import number
    from provenance.store.database import RunReader
    from provenance.store.export import export

    refuse_same(out, db)
    with RunReader(db, redact) as run:
        rows = export(run, what, file_format, out)
    click.echo(f"{out}: {number(rows, 'row')}", err=True)
