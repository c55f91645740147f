"""`provenance clean`: the shards of a run without what was found in them, or with columns that say what."""

import json
import sys
from pathlib import Path

import click

from provenance.cleaning.parts import CleanSummary
from provenance.cleaning.selection import Selection
from provenance.cleaning.shards import Wanted, clean_into
from provenance.cli.definitions.act import Clean
from provenance.cli.tables import table
from provenance.cli.texts import say
from provenance.cli.watching import counting, watching
from provenance.display.text import number, percent
from provenance.errors import UsageError
from provenance.runs.request import Request
from provenance.sketch import Key
from provenance.units.config import WorkerLimits
from provenance.units.cutting import parse_share

MOST_SHOWN = 20


def run(options: Clean) -> None:
    """Write the shards of a run anew."""
    works = None if options.works is None else read_works(options.works)
    selection = Selection(options.grade, options.min_coverage, works)
    request = Request(
        (), options.index or "", workers=options.workers, limits=WorkerLimits(options.max_memory),
        key=Key.from_file(options.key_file), anonymous=options.anonymous, scratch=options.scratch,
        engine=options.engine, ray_address=options.ray_address,
    )  # fmt: skip
    share = None if options.task is None else parse_share(options.task)
    wanted = Wanted(
        options.mode, options.out, selection, options.marker, options.keep_unscanned, not options.no_check,
        options.check_db, request, options.overwrite, share,
    )  # fmt: skip
    with counting("shard", "writing") as on_shard, watching() as watch:
        summary = clean_into(options.db, wanted, on_shard, watch)
    if options.as_json:
        click.echo(json.dumps(summary.to_json(), default=str))
    else:
        _print_summary(summary)
        if options.task is not None:
            click.echo("Next, when all tasks are done: the same command without --task, which finishes.")
    names = [work["title"] or work["work_id"] for work in summary.remaining[:MOST_SHOWN]]
    say("clean_complaints", {"summary": summary, "most": MOST_SHOWN, "names": names}, err=True)
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


def _print_summary(summary: CleanSummary) -> None:
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
    say("clean", {"summary": summary})
