"""`provenance report`: a run as one page, and the draft of a certificate."""

import click

from provenance.cli.definitions.look import Report
from provenance.display.text import safe, size
from provenance.errors import UsageError
from provenance.files.writing import atomic_write
from provenance.report.facts import ReportOptions
from provenance.report.render import certificate, report
from provenance.store.database import RunReader, refuse_same


def run(options: Report) -> None:
    """Write the report, the draft of a certificate, or both."""
    if options.out is None and options.certificate is None:
        raise UsageError("give --out, the HTML file to write, or --certificate, the draft of a certificate")
    for path in filter(None, (options.out, options.certificate)):
        refuse_same(path, options.db)
    with RunReader(options.db, options.redact) as run:
        if options.out is not None:
            page = report(run, ReportOptions(options.work, options.redact, options.max_matches))
            with atomic_write(options.out) as file:
                file.write(page)
            click.echo(f"{safe(str(options.out))}: {size(len(page))}", err=True)
        if options.certificate is not None:
            with atomic_write(options.certificate) as file:
                file.write(certificate(run).encode())
            draft = safe(str(options.certificate))
            click.echo(f"{draft}: a draft; it certifies nothing until a qualified person does", err=True)
