"""`provenance export`: what a run found, as files."""

import click

from provenance.cli.definitions.act import Export
from provenance.display.text import number
from provenance.store.database import RunReader, refuse_same
from provenance.store.export import export


def run(options: Export) -> None:
    """Write a table of a run."""
    refuse_same(options.out, options.db)
    with RunReader(options.db, options.redact) as run:
        rows = export(run, options.what, options.file_format, options.out)
    click.echo(f"{options.out}: {number(rows, 'row')}", err=True)
