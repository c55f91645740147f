"""What is said of an index that was built: counts on stdout, and what was odd or is missing on stderr."""

from __future__ import annotations

import click

from provenance.display.text import number, safe, size
from provenance.index.report import BuildReport


def print_report(report: BuildReport) -> None:
    """Print all of a report."""
    click.echo(
        f"{report.folder}: {number(report.editions, 'edition')} of {number(report.works, 'work')}, "
        f"{report.words:,} words, {number(report.postings, 'posting')}, {size(report.index_bytes)}"
    )
    if report.postings:
        click.echo(
            f"lookup tables: {size(report.table_bytes)}, {report.table_bytes / report.postings:.1f} bytes a posting"
        )
    if report.decoys:
        click.echo(f"{number(report.decoys, 'edition')} of them are decoys")
    if report.sources:
        click.echo(f"files: {counts_of(report.outcomes)}; editions: {counts_of(report.formats)}")
    print_works(report.grouped)
    for edition in report.empty_editions:
        click.echo(f"empty: edition {safe(edition)} has no words", err=True)
    for edition, words in report.short_editions.items():
        click.echo(f"nearly empty: edition {safe(edition)} has {number(words, 'word')}", err=True)
    for edition, notes in report.notes.items():
        click.echo(f"note: edition {safe(edition)}: {safe('; '.join(notes))}", err=True)
    if report.cut_editions:
        click.echo(f"header and licence of Project Gutenberg cut off: {number(len(report.cut_editions), 'edition')}")
    for edition, count in report.invalid_utf8.items():
        click.echo(f"not all UTF-8: edition {safe(edition)} has {number(count, 'invalid sequence')}", err=True)
    for source in report.sources:
        if source.outcome != "read":
            click.echo(f"{source.outcome}: {safe(source.path)}: {safe(source.reason)}", err=True)


def counts_of(counts: dict[str, int]) -> str:
    """`3 read, 0 skipped`."""
    return ", ".join(f"{count:,} {name or 'given as text'}" for name, count in counts.items())


def print_works(grouped: dict[str, list[dict[str, str]]]) -> None:
    """Print the works that have several editions."""
    if grouped:
        click.echo(f"{number(len(grouped), 'work')} with several editions (override with work_id in --metadata):")
    for work, editions in grouped.items():
        click.echo(f"  {safe(work)} (by {editions[-1]['grouped_by']})")
        for edition in editions:
            click.echo(f"    {safe(edition['edition_id'])}  {safe(edition['title'])}")
