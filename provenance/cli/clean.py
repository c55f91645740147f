"""`provenance clean`: the shards of a run without what was found in them, or with columns that say what."""

import json
import sys
from pathlib import Path

import click

from provenance.cleaning.again import How
from provenance.cleaning.selection import Selection
from provenance.cleaning.shards import Wanted, clean_into
from provenance.cleaning.summary import CleanSummary
from provenance.cli.definitions.act import Clean
from provenance.cli.tables import table
from provenance.cli.watching import counting, watching
from provenance.display.text import number, percent, safe
from provenance.errors import UsageError
from provenance.sketch import Key
from provenance.units.config import WorkerLimits
from provenance.units.cutting import parse_share

MOST_SHOWN = 20


def run(options: Clean) -> None:
    """Write the shards of a run anew."""
    works = None if options.works is None else read_works(options.works)
    selection = Selection(options.grade, options.min_coverage, works)
    key, limits = Key.from_file(options.key_file), WorkerLimits(options.max_memory)
    how = How(options.index, key, options.check_db, options.anonymous, options.workers, limits)
    wanted = Wanted(
        options.mode, options.out, selection, options.marker, options.keep_unscanned, not options.no_check, how,
        options.scratch, options.overwrite, None if options.task is None else parse_share(options.task),
    )  # fmt: skip

    def on_resumed(done: int, total: int) -> None:
        click.echo(f"provenance: going on: {done:,} of {total:,} shards are done", err=True)

    with counting("shard", "writing") as on_shard, watching() as watch:
        summary = clean_into(options.db, wanted, on_shard, on_resumed, watch)
    if options.as_json:
        click.echo(json.dumps(summary.to_json(), default=str))
    else:
        print_summary(summary)
        if options.task is not None:
            click.echo("Next, when all tasks are done: the same command without --task, which finishes.")
    complain(summary)
    if summary.remaining:
        sys.exit(1)
    if not summary.complete:
        sys.exit(3)


def read_works(path: Path) -> tuple[str, ...]:
    """The ids in a file, one a line; lines that are blank or begin with # say nothing. Raises UsageError."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the works in {path}: {getattr(error, 'strerror', None) or error}") from error
    works = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not works:
        raise UsageError(f"{path} names no works: give their ids, one a line, as `v_works` has them")
    return tuple(dict.fromkeys(works))


def print_summary(summary: CleanSummary) -> None:
    """What was selected, what was written, and what a scan of that found."""
    if summary.works:
        cells = [
            [work["title"] or work["work_id"], work["grade"], percent(work["coverage"]), f"{work['documents']:,}"]
            for work in summary.works[:MOST_SHOWN]
        ]
        table([("work", "left"), ("grade", "fixed"), ("coverage", "right"), ("rows", "right")], cells)
        if len(summary.works) > MOST_SHOWN:
            click.echo(f"... and {number(len(summary.works) - MOST_SHOWN, 'more work')}")
        click.echo()
    counts, of = summary.counts, f"{summary.selection.grade} or above"
    done = {
        "drop": f"{counts['dropped']:,} dropped",
        "mask": f"{counts['changed']:,} masked in {number(counts['spans'], 'place')}",
        "annotate": f"{counts['changed']:,} with passages noted",
    }[summary.mode]
    rows = f"Rows: {counts['rows']:,} in, {done}, {counts['kept']:,} out."
    click.echo(f"{number(len(summary.works), 'work')} of grade {of}. {rows}")
    click.echo(
        f"Shards: {counts['shards']:,}: {counts['written']:,} written anew, {counts['copied']:,} copied as they were, "
        f"{counts['left_out']:,} left out. {safe(summary.out)}"
    )
    if summary.removed is not None:
        click.echo(f"What was taken out and why, {number(summary.passages, 'passage')}: {safe(summary.removed)}")
    again = summary.again
    if again is not None and not again.works:
        click.echo(
            f"Scanned again: {number(again.documents_scanned, 'document')}, {again.documents_matched:,} with matches; "
            f"none of these works is {of} any more."
        )
    elif again is None and summary.mode != "annotate":
        click.echo("The new shards were not scanned.")


def complain(summary: CleanSummary) -> None:
    """What is not as it should be, on stderr."""
    for left in summary.left_out[:MOST_SHOWN]:
        click.echo(f"left out: {safe(left['reason'])}", err=True)
    if len(summary.left_out) > MOST_SHOWN:
        click.echo(f"left out: {len(summary.left_out) - MOST_SHOWN:,} more; --json has them all", err=True)
    for part in [part for part in summary.parts if part.lost][:MOST_SHOWN]:
        click.echo(f"not kept: shard {safe(part.shard)}: {safe(part.lost)}", err=True)
    if summary.remaining:
        names = ", ".join(safe(work["title"] or work["work_id"]) for work in summary.remaining[:MOST_SHOWN])
        remaining = f"{number(len(summary.remaining), 'work')} at or above the grade"
        click.echo(f"provenance: the new shards still have {remaining}: {names}; clean them again", err=True)
    if not summary.complete:
        click.echo("provenance: incomplete: what was left out is not among the new shards", err=True)
