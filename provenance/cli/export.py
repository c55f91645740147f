"""`provenance export`: what a run found, as files."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("export", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("db", type=click.Path(path_type=Path), metavar="RUN.duckdb")
@click.option("--what", type=click.Choice(["matches", "works", "documents", "shards"]), required=True)
@click.option("--format", "file_format", type=click.Choice(["parquet", "csv", "jsonl"]), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write; replaced when it exists.")
def command(db: Path, what: str, file_format: str, out: Path) -> None:
    """Write what a run found, sorted, so that equal results are equal bytes.

    \b
    provenance export run.duckdb --what matches --format parquet --out matches.parquet
    """
    from provenance.cli.printing import number
    from provenance.errors import UsageError
    from provenance.store import RunReader, export

    if out.exists() and db.exists() and out.samefile(db):
        raise UsageError(f"--out {out} is the run database itself: choose another file")
    with RunReader(db) as run:
        rows = export(run, what, file_format, out)
    click.echo(f"{out}: {number(rows, 'row')}", err=True)
