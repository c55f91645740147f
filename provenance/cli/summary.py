"""Prints what a run found: the works, what was clean, and what was not scanned."""

from collections.abc import Callable
from typing import Any

import click

from provenance.cli.tables import table, width
from provenance.display.text import number, percent, safe, size
from provenance.runs.record import ScanSummary

MOST_WORKS_SHOWN = 40
MOST_EXCEPTIONS_SHOWN = 20
WIDE = 110  # columns of a terminal that shows every column of the table


def print_summary(summary: ScanSummary) -> None:
    """The works found, what was clean, and what was not scanned."""
    if summary.works:
        shown = summary.works[:MOST_WORKS_SHOWN]
        print_works(shown)
        if len(summary.works) > len(shown):
            rest = number(len(summary.works) - len(shown), "more work")
            export = f"provenance export {summary.db} --what works --format csv --out works.csv"
            click.echo(f"... and {rest} with matches: {export}")
        click.echo()
    clean = summary.documents_scanned - summary.nulls - summary.documents_matched
    rate = summary.bytes_scanned / max(summary.seconds - summary.compile_seconds, 0.001)
    took = f"({size(rate)}/s)" if summary.attempts == 1 else f"of {summary.attempts} attempts"
    sentence = "No document was scanned, so nothing is said of any work. "
    if summary.documents_scanned:
        sentence = (
            f"{number(len(summary.works), 'work')} found, {summary.works_shared:,} only by lines they share with "
            f"others, {summary.works_without_match:,} without a match. "
        )
    click.echo(
        f"{sentence}{number(summary.documents_scanned, 'document')} scanned: {summary.documents_matched:,} with "
        f"matches, {clean:,} clean. {size(summary.bytes_scanned)} of text in {summary.seconds:.1f} s {took}."
    )
    if (seconds := summary.compile_seconds) >= 1:
        click.echo(f"Of that time {seconds:.0f} s went into compiling for this processor, which is done once.")
    if summary.decoys["works"] and summary.documents_scanned:
        matched, most = summary.decoys["matched"], percent(summary.decoys["upper95"])
        click.echo(
            f"{matched:,} of {number(summary.decoys['works'], 'decoy')} matched, which cannot be in the data: "
            f"of such works at most {most} would (95 %)."
        )
        if too_short := summary.decoys["too_short"]:
            click.echo(f"{number(too_short, 'decoy')} besides cannot match, being too short: not counted.")
        if matched:
            query = '"SELECT title, grade, documents, longest_run FROM v_works WHERE decoy AND documents > 0"'
            click.echo(f"Which: provenance query {safe(str(summary.db))} {query}")
    outcomes = ", ".join(f"{count:,} {kind}" for kind, count in summary.shards.items() if count)
    click.echo(f"Files: {outcomes or 'none'}. Run database: {safe(str(summary.db))}")
    if summary.nulls or summary.invalid_documents:
        invalid = f"{number(summary.invalid_documents, 'row')} with invalid UTF-8 (scanned, bad bytes separate words)"
        click.echo(f"{number(summary.nulls, 'row')} without text (null); {invalid}.")


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
