"""`provenance report`: a run as one page, and the draft of a certificate."""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(path_type=Path)


@click.command("report", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("db", type=FILE, metavar="RUN.duckdb")
@click.option("--out", type=FILE, help="HTML file to write; replaced when it exists.")
@click.option("--certificate", type=FILE, metavar="DRAFT.md", help="Also, or only, the draft of a certificate.")
@click.option("--work", metavar="ID", help="Only this work, with as many of its matches as fit.")
@click.option("--max-matches", default=1000, show_default=True, help="Matches that are shown; the others are counted.")
@click.option("--redact", is_flag=True, help="Digests, places and counts, and no text of documents or books.")
def command(
    db: Path, out: Path | None, certificate: Path | None, work: str | None, max_matches: int, redact: bool
) -> None:
    """Write a report of a run: one HTML file that needs nothing else, for reading, printing and checking.

    The same database gives the same bytes. docs/report.md has the question in SQL behind every number.

    \b
    provenance report run.duckdb --out report.html
    provenance report run.duckdb --out work.html --work ID
    provenance report run.duckdb --certificate draft.md
    """
    from provenance.cli.options import refuse_same
    from provenance.cli.printing import safe, size
    from provenance.errors import UsageError
    from provenance.files import atomic_write
    from provenance.report.certificate import certificate as certificate_of
    from provenance.report.facts import ReportOptions
    from provenance.report.render import report
    from provenance.store.database import RunReader

    if out is None and certificate is None:
        raise UsageError("give --out, the HTML file to write, or --certificate, the draft of a certificate")
    for path in (out, certificate):
        if path is not None:
            refuse_same(path, db)
    with RunReader(db, redact) as run:
        if out is not None:
            page = report(run, ReportOptions(work, redact, max_matches))
            with atomic_write(out) as file:
                file.write(page)
            click.echo(f"{safe(str(out))}: {size(len(page))}", err=True)
        if certificate is not None:
            with atomic_write(certificate) as file:
                file.write(certificate_of(run).encode())
            click.echo(
                f"{safe(str(certificate))}: a draft; it certifies nothing until a qualified person does", err=True
            )
