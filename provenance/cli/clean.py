"""`provenance clean`: the shards of a run without what was found in them, or with columns that say what."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.gating import GRADES

if TYPE_CHECKING:
    from provenance.cleaning.shards import CleanSummary

FILE = click.Path(path_type=Path)
MOST_SHOWN = 20


@click.command("clean", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("db", type=FILE, metavar="RUN.duckdb")
@click.option("--out", required=True, metavar="DIR", help="Where the new shards go, also s3://...")
@click.option(
    "--mode",
    type=click.Choice(["drop", "mask", "annotate"]),
    required=True,
    help="Drop rows with passages, mask the passages, or add columns that say what each row copies.",
)
@click.option(
    "--grade", type=click.Choice(GRADES), default="substantial", show_default=True, help="Works of this grade or above."
)
@click.option("--works", type=FILE, metavar="FILE", help="Only these works: their ids, one a line.")
@click.option(
    "--min-coverage", type=click.FloatRange(0, 1), default=0.0, help="Only works of which so much is in the shards."
)
@click.option("--marker", default="[removed]", show_default=True, help="Stands where a passage was masked.")
@click.option("--keep-unscanned", is_flag=True, help="Write shards as well of which not all was scanned.")
@click.option("--no-check", is_flag=True, help="Do not scan the new shards.")
@click.option("--index", help="Index for that scan; by default the one of the run.")
@click.option("--key-file", type=FILE, help="Key that the index was built with.")
@click.option("--check-db", type=FILE, metavar="FILE", help="Keep the run database of that scan.")
@click.option("--anonymous", is_flag=True, help="Read objects without credentials.")
@click.option("--scratch", type=FILE, metavar="DIR", help="For fetched objects and what is made on the way.")
@click.option("--workers", type=int, help="Worker processes; by default one a core.")
@click.option("--max-memory", default="3GiB", show_default=True, help="Memory of a worker: a row group has to fit.")
@click.option("--overwrite", is_flag=True, help="Begin anew, in place of what is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def command(
    db: Path,
    out: str,
    mode: str,
    grade: str,
    works: Path | None,
    min_coverage: float,
    marker: str,
    keep_unscanned: bool,
    no_check: bool,
    index: str | None,
    key_file: Path | None,
    check_db: Path | None,
    anonymous: bool,
    scratch: Path | None,
    workers: int | None,
    max_memory: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write the shards of a run anew: without rows, or passages, of the works that were found.

    Shards keep their names, schema, row groups, compression and metadata; what is not touched stays as it is. The new
    shards are scanned in the end, and what is still found is told. What was taken out, and why, is in
    DIR/.provenance/removed.parquet. The same command again goes on where it stopped. docs/clean.md has all of it.

    Exit code 1: the new shards still have works at or above the grade; 3: a shard was left out, and is named.

    \b
    provenance clean run.duckdb --out clean/ --mode drop
    provenance clean run.duckdb --out masked/ --mode mask --grade excerpts --marker "[...]"
    provenance clean run.duckdb --out noted/ --mode annotate --grade quotation
    """
    from provenance.cleaning.again import How
    from provenance.cleaning.selection import Selection
    from provenance.cleaning.shards import Wanted, clean_into
    from provenance.cli.options import parse_bytes, read_key
    from provenance.cli.watching import counting, watching
    from provenance.units.config import WorkerLimits

    selection = Selection(grade, min_coverage, None if works is None else read_works(works))
    limits = WorkerLimits(parse_bytes(max_memory))
    how = How(index, read_key(key_file), check_db, anonymous, workers, limits)
    wanted = Wanted(mode, out, selection, marker, keep_unscanned, not no_check, how, scratch, overwrite)

    def on_resumed(done: int, total: int) -> None:
        click.echo(f"provenance: going on: {done:,} of {total:,} shards are done", err=True)

    with counting("shard", "writing") as on_shard, watching() as watch:
        summary = clean_into(db, wanted, on_shard, on_resumed, watch)
    if as_json:
        click.echo(json.dumps(summary.to_json(), default=str))
    else:
        print_summary(summary)
    complain(summary)
    if summary.remaining:
        sys.exit(1)
    if not summary.complete:
        sys.exit(3)


def read_works(path: Path) -> tuple[str, ...]:
    """The ids in a file, one a line; lines that are blank or begin with # say nothing. Raises UsageError."""
    from provenance.errors import UsageError

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
    from provenance.cli.printing import number, percent, safe, table

    if summary.works:
        columns = [("work", "left"), ("grade", "fixed"), ("coverage", "right"), ("rows", "right")]
        shown = summary.works[:MOST_SHOWN]
        table(
            columns,
            [[w["title"] or w["work_id"], w["grade"], percent(w["coverage"]), f"{w['documents']:,}"] for w in shown],
        )
        if len(summary.works) > len(shown):
            click.echo(f"... and {number(len(summary.works) - len(shown), 'more work')}")
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
    from provenance.cli.printing import number, safe

    for left in summary.left_out[:MOST_SHOWN]:
        click.echo(f"left out: {safe(left['reason'])}", err=True)
    if len(summary.left_out) > MOST_SHOWN:
        click.echo(f"left out: {len(summary.left_out) - MOST_SHOWN:,} more; --json has them all", err=True)
    for part in [part for part in summary.parts if part.lost][:MOST_SHOWN]:
        click.echo(f"not kept: shard {safe(part.shard)}: {safe(part.lost)}", err=True)
    if summary.remaining:
        names = ", ".join(safe(work["title"] or work["work_id"]) for work in summary.remaining[:MOST_SHOWN])
        found = f"{number(len(summary.remaining), 'work')} at or above the grade"
        click.echo(f"provenance: the new shards still have {found}: {names}; clean them again", err=True)
    if not summary.complete:
        click.echo("provenance: incomplete: what was left out is not among the new shards", err=True)
