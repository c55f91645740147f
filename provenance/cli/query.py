"""`provenance query`: SQL over a run database."""

import json
import sys

import click

from provenance.cli.definitions.look import Query
from provenance.cli.tables import table
from provenance.display.text import safe
from provenance.store.csv_text import csv_of
from provenance.store.database import RunReader


def run(options: Query) -> None:
    """Answer a question in SQL."""
    with RunReader(options.db) as run:
        result = run.arrow(options.sql)
    if options.output == "json":
        click.echo(json.dumps(result.to_pylist(), default=str))
    elif options.output == "csv":
        text = csv_of(result)
        sys.stdout.write("\n".join(map(safe, text.split("\r\n"))) if sys.stdout.isatty() else text)
    else:
        rows = result.to_pylist()
        numeric = {name for name in result.column_names if rows and isinstance(rows[0][name], int | float)}
        headings = [(name, "right" if name in numeric else "left") for name in result.column_names]
        table(headings, [list(row.values()) for row in rows])
