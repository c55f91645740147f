"""`provenance query`: SQL over a run database."""

import json
import sys

import click

from provenance.cli.definitions.look import Query
from provenance.cli.tables import table
from provenance.display.text import safe
from provenance.store.database import RunReader


def run(options: Query) -> None:
    """Answer a question in SQL."""
    with RunReader(options.db) as run:
        if options.output == "csv":
            _print_csv(run, options.sql)
            return
        names, rows = run.fetch(options.sql)
    if options.output == "json":
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], default=str))
    else:
        numeric = [bool(rows) and isinstance(value, int | float) for value in (rows[0] if rows else names)]
        table([(name, "right" if is_number else "left") for name, is_number in zip(names, numeric, strict=True)], rows)


def _print_csv(run: RunReader, sql: str) -> None:
    from provenance.store.csv_text import csv_of

    text = csv_of(run.arrow(sql))
    sys.stdout.write("\n".join(map(safe, text.split("\r\n"))) if sys.stdout.isatty() else text)
