"""`provenance query`: SQL over a run database."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click


@click.command("query", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("db", type=click.Path(path_type=Path), metavar="RUN.duckdb")
@click.argument("sql")
@click.option("--format", "output", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def command(db: Path, sql: str, output: str) -> None:
    """Ask a run database a question in SQL; read-only, without access to other files.

    Tables: run, attempt, unit, shard, edition, work, match, exception, origin, journal. Views: v_works, v_matches,
    v_passages, v_documents, v_coverage, v_own_coverage, v_shards, v_reviews, v_allowed, v_allowed_findings,
    v_selftest.

    \b
    provenance query run.duckdb "SELECT title, grade, coverage FROM v_works ORDER BY coverage DESC LIMIT 10"
    provenance query run.duckdb "SELECT * FROM exception" --format json
    """
    from provenance.cli.printing import safe_lines, table
    from provenance.store.database import RunReader
    from provenance.store.export import csv_of

    with RunReader(db) as run:
        result = run.arrow(sql)
    if output == "json":
        click.echo(json.dumps(result.to_pylist(), default=str))
    elif output == "csv":
        text = csv_of(result)
        sys.stdout.write(safe_lines(text) if sys.stdout.isatty() else text)
    else:
        rows = result.to_pylist()
        numeric = {name for name in result.column_names if rows and isinstance(rows[0][name], int | float)}
        table(
            [(name, "right" if name in numeric else "left") for name in result.column_names],
            [list(row.values()) for row in rows],
        )
