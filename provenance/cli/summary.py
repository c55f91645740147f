"""Prints what a run found: the works, what was clean, and what was not scanned."""

from collections.abc import Callable
from typing import Any

import click

from provenance.cli.tables import table, width
from provenance.cli.texts import say
from provenance.display.text import percent, safe
from provenance.runs.record import ScanSummary

MOST_WORKS_SHOWN = 40
MOST_EXCEPTIONS_SHOWN = 20
WIDE = 110  # columns of a terminal that shows every column of the table


def print_summary(summary: ScanSummary) -> None:
    """The works found, what was clean, and what was not scanned."""
    if summary.works:
        print_works(summary.works[:MOST_WORKS_SHOWN])
    rate = summary.bytes_scanned / max(summary.seconds - summary.compile_seconds, 0.001)
    say("summary", {"summary": summary, "most": MOST_WORKS_SHOWN, "rate": rate})


def complain(summary: ScanSummary) -> None:
    """What a scan has not scanned, on stderr: also where the summary goes to a machine, for who reads its log."""
    print_problems(summary.exceptions, f"in the table exception of {summary.db}")
    if not summary.shards["scanned"] + summary.shards["partial"]:
        click.echo("provenance: nothing was scanned: this is no statement about any work", err=True)
    elif summary.exceptions:
        click.echo("provenance: incomplete: what was not scanned is not known to be clean", err=True)


def print_problems(problems: list[dict[str, Any]], where: str) -> None:
    """What was not scanned, on stderr."""
    for problem in problems[:MOST_EXCEPTIONS_SHOWN]:
        click.echo(f"not scanned: {safe(problem['reason'])}", err=True)
    if len(problems) > MOST_EXCEPTIONS_SHOWN:
        click.echo(f"not scanned: {len(problems) - MOST_EXCEPTIONS_SHOWN} more, {safe(where)}", err=True)


def _coverage(work: dict[str, Any]) -> str:
    if not work["estimated"]:
        return percent(work["coverage"])
    return f"{percent(work['coverage'])} ({100 * work['coverage_low']:.1f}-{100 * work['coverage_high']:.1f})"


def print_works(works: list[dict[str, Any]]) -> None:
    """A row for each work; a narrow terminal gets the columns that matter most."""
    columns: list[tuple[str, str, Callable[[dict[str, Any]], object]]] = [
        ("work", "left", lambda w: w["title"] or w["work_id"]),
        ("author", "left", lambda w: w["author"]),
        ("grade", "fixed", lambda w: w["grade"] + (" (estimate)" if w["estimated"] else "")),
        ("coverage", "right", _coverage),
        ("identity", "right", lambda w: percent(w["identity"])),
        ("words", "right", lambda w: f"{w['matched_words']:,}"),
        ("longest run", "right", lambda w: f"{w['longest_run']:,}"),
        ("rows", "right", lambda w: f"{w['documents']:,}"),
        ("shards", "right", lambda w: f"{w['shards']:,}"),
        ("copies", "right", lambda w: f"{w['copies']:.2f}"),
    ]
    if width() < WIDE:
        columns = [column for column in columns if column[0] not in ("author", "longest run", "shards")]
    table([column[:2] for column in columns], [[cell(work) for _, _, cell in columns] for work in works])
