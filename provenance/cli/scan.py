"""`provenance scan`: shards against an index."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.gating import Gating, gated
from provenance.cli.places import PLACE

if TYPE_CHECKING:
    from provenance.isolation.supervisor import Children
    from provenance.runs.request import Request
    from provenance.units.config import ScanConfig
    from provenance.units.cutting import Share

FILE = click.Path(path_type=Path)
LEAST_UNIT, LEAST_MEMORY = 1 << 10, 256 << 20  # bytes
EARLY = 2  # worker processes started before it is known how many there is work for


@click.command("scan", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("shards", nargs=-1, required=True, type=PLACE, metavar="SHARD...")
@click.option("--index", required=True, type=PLACE, metavar="DIR", help="Index of the known books, also s3://...")
@click.option(
    "--db", type=FILE, help="Run database to write (DuckDB); beside it DB.units, from which a run is resumed."
)
@click.option(
    "--out",
    type=PLACE,
    metavar="DIR",
    help="Where units are kept instead, also s3://...; without --db nothing else is.",
)
@click.option(
    "--task", metavar="3/64", help="Scan the third of 64 shares into --out; by default as Slurm's array says."
)
@click.option("--plan", "only_plan", is_flag=True, help="Print what there is to scan, and scan nothing.")
@click.option(
    "--text-column",
    "text_columns",
    multiple=True,
    metavar="NAME",
    help="Column to scan, once or several times; by default the first of text, content, raw_content, body, document, "
    "messages, input_ids.",
)
@click.option("--id-column", help="Column that names a document; by default the first of id, doc_id, url and the like.")
@click.option("--url-column", help="Column that says from where a document is; by default url and the like.")
@click.option("--source-column", help="Column that names its collection; by default source, dataset and the like.")
@click.option("--tokenizer", type=FILE, metavar="JSON", help="tokenizer.json that token ids are decoded with.")
@click.option("--end-of-text", type=int, metavar="ID", help="Token id that ends a document; by default as it is named.")
@click.option("--scale", type=int, help="Look up one fingerprint in SCALE, fewer than the index has: faster, coarser.")
@click.option("--min-words", default=25, show_default=True, help="Shortest match that is reported, in matched words.")
@click.option(
    "--max-row-bytes",
    type=click.IntRange(min=1),
    default=64 << 20,
    show_default=True,
    help="Longer rows are not scanned, and named.",
)
@click.option(
    "--max-ratio",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Compressed files that grow more are not scanned.",
)
@click.option(
    "--background",
    multiple=True,
    type=PLACE,
    metavar="SHARD",
    help="Ordinary text, to learn from which phrases are common; they then count for nothing.",
)
@click.option(
    "--decoys",
    multiple=True,
    type=FILE,
    metavar="BOOKS",
    help="Books that cannot be in the shards: how many match is reported, with the rate of errors it allows.",
)
@click.option("--anonymous", is_flag=True, help="Read objects without credentials.")
@click.option(
    "--scratch", type=FILE, metavar="DIR", help="Where objects are fetched to; by default beside the database."
)
@click.option("--workers", type=int, help="Worker processes; by default one a core.")
@click.option("--unit-size", default="256MB", show_default=True, help="Text in one unit of work, about.")
@click.option("--max-memory", default="3GiB", show_default=True, help="Memory of a worker, without the index.")
@click.option(
    "--max-seconds",
    type=click.FloatRange(min=1),
    default=300,
    show_default=True,
    help="A worker that gets nothing done for so long is ended; its unit is tried once more.",
)
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option("--ray-address", metavar="ADDRESS", help="Of a running cluster, or `auto`; without: one on this machine.")
@click.option("--key-file", type=FILE, help="Key that the index was built with.")
@click.option("--overwrite", is_flag=True, help="Begin anew, in place of the run that is there.")
@gated
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def command(
    shards: tuple[str, ...],
    index: str,
    db: Path | None,
    out: str | None,
    task: str | None,
    only_plan: bool,
    text_columns: tuple[str, ...],
    id_column: str | None,
    url_column: str | None,
    source_column: str | None,
    tokenizer: Path | None,
    end_of_text: int | None,
    scale: int | None,
    min_words: int,
    max_row_bytes: int,
    max_ratio: int,
    background: tuple[str, ...],
    decoys: tuple[Path, ...],
    anonymous: bool,
    scratch: Path | None,
    workers: int | None,
    unit_size: str,
    max_memory: str,
    max_seconds: float,
    engine: str,
    ray_address: str | None,
    key_file: Path | None,
    overwrite: bool,
    as_json: bool,
    gating: Gating | None,
) -> None:
    """Scan training shards for the books of an index: files, directories, globs, objects, @list.txt, or - for a list.

    Parquet, Arrow, JSON lines, CSV, WebDataset, WARC, and token ids (--tokenizer); docs/formats.md has them all.
    The same command again goes on where it stopped. docs/runs.md says how runs are resumed, shared and collected, and
    docs/gate.md how --fail-on makes a scan a gate.

    \b
    provenance scan shards/ --index indexes/books --db run.duckdb
    provenance scan 'data/train-*.parquet' --index indexes/books --db run.duckdb --text-column body
    provenance scan shards/ --index indexes/books --db run.duckdb --background news.parquet --decoys unpublished/
    provenance scan shards/ --index indexes/books --out units/ --task 3/64
    provenance scan shards/ --index indexes/books --db run.duckdb --fail-on excerpts --baseline last.duckdb
    """
    from provenance.isolation.supervisor import Children, cores

    early = min(EARLY, workers or cores()) if engine == "local" and not only_plan else 0
    # they import what they need while this process does
    children = click.get_current_context().with_resource(Children(max(0, early)))

    from provenance.cli.options import parse_bytes, read_key
    from provenance.errors import UsageError
    from provenance.matching.config import MatchConfig
    from provenance.runs.request import Request
    from provenance.units.config import ScanConfig, WorkerLimits
    from provenance.units.cutting import parse_share, share_of_array

    config = ScanConfig(
        text_columns=text_columns,
        id_column=id_column,
        url_column=url_column,
        source_column=source_column,
        tokenizer=None if tokenizer is None else str(tokenizer),
        end_of_text=end_of_text,
        scale=scale,
        unit_bytes=at_least(parse_bytes(unit_size), LEAST_UNIT, "--unit-size"),
        max_row_bytes=max_row_bytes,
        max_ratio=max_ratio,
        match=MatchConfig(min_words=min_words),
    )
    limits = WorkerLimits(at_least(parse_bytes(max_memory), LEAST_MEMORY, "--max-memory"), max_seconds)
    if task is not None and not only_plan and (db is not None or out is None):
        raise UsageError("--task goes with --out: tasks write units, and `provenance collect DIR --db` loads them")
    share = parse_share(task) if task is not None else None
    if gating is not None and (only_plan or db is None):
        raise UsageError("--fail-on looks at a finished run: it goes with --db, or with `provenance collect`")
    if only_plan:
        print_plan(shards, config, anonymous, share, children, as_json)
        return
    if db is None and out is None:
        raise UsageError("give --db, the run database to write, or --out, a folder for the units of a task")
    if ray_address is not None and engine != "ray":
        raise UsageError("--ray-address goes with --engine ray")
    if db is None and share is None:
        share = share_of_array(dict(os.environ))
    request = Request(
        shards, index, config, workers, limits, read_key(key_file), background, tuple(map(str, decoys)), anonymous,
        scratch, engine, ray_address,
    )  # fmt: skip
    if db is None:
        assert out is not None
        if not run_share(request, out, share, overwrite, children, as_json):
            sys.exit(3)
        return
    if code := run_scan(request, db, out, overwrite, children, as_json, gating):
        sys.exit(code)


def at_least(size: int, least: int, option: str) -> int:
    """A size; raises UsageError for one that makes no sense."""
    from provenance.errors import UsageError

    if size < least:
        raise UsageError(f"{option} is {size} bytes; it must be at least {least:,}")
    return size


def run_scan(
    request: Request,
    db: Path,
    out: str | None,
    overwrite: bool,
    children: Children,
    as_json: bool,
    gating: Gating | None,
) -> int:
    """Scan, print what was found; returns the exit code."""
    from provenance.cli.gating import tell
    from provenance.cli.watching import watching
    from provenance.runs.scan import scan_into

    if gating is not None:
        gating.check(db, lambda: works_of(request), f"the index {request.index}")
    with watching() as watch:
        summary = scan_into(request, db, out, overwrite=overwrite, children=children, watch=watch)
    return tell(summary, gating, as_json)


def works_of(request: Request) -> list[str]:
    """The works that will be scanned for, without decoys."""
    from provenance.index.near import near_index
    from provenance.index.opening import Index

    folder = near_index(request.index, request.anonymous)
    return Index(folder, request.key, request.config.scale).work_ids


def run_share(
    request: Request, out: str, share: Share | None, overwrite: bool, children: Children, as_json: bool
) -> bool:
    """Scan a share of the units, print how it went; returns whether all of it was scanned."""
    from provenance.cli.printing import number, safe
    from provenance.cli.summary import print_problems
    from provenance.cli.watching import watching
    from provenance.runs.scan import scan_share

    with watching() as watch:
        summary = scan_share(request, out, share, overwrite=overwrite, children=children, watch=watch)
    if as_json:
        click.echo(json.dumps(summary.to_json()))
    else:
        done = f"{summary.units - summary.found:,} scanned in {summary.seconds:.1f} s, {summary.found:,} done before"
        click.echo(f"Task {summary.task}: {number(summary.units, 'unit')}, {done}. Next, when all tasks are done:")
        click.echo(f"provenance collect {safe(summary.out)} --db RUN.duckdb")
    print_problems(summary.incomplete, f"in the unit files of {summary.out}")
    return summary.complete


def print_plan(
    shards: tuple[str, ...], config: ScanConfig, anonymous: bool, share: Share | None, children: Children, as_json: bool
) -> None:
    """What a scan would do."""
    from provenance.cli.printing import number, size
    from provenance.runs.planning import plan_scan

    plan = plan_scan(shards, config, anonymous, share.tasks if share else 1, children)
    if as_json:
        click.echo(json.dumps(plan.to_json()))
        return
    click.echo(
        f"{number(plan.shards, 'shard')} of {size(plan.bytes)}, about {size(plan.text_bytes)} of text, in "
        f"{number(plan.units, 'unit')}; {plan.skipped:,} other files are skipped, {plan.unreadable:,} cannot be opened."
    )
    click.echo(f"About {plan.core_seconds / 3600:.2f} core hours, at {size(plan.rate)}/s of text a core.")
    if plan.tasks > 1:
        least, most = size(plan.smallest_task), size(plan.largest_task)
        click.echo(f"{plan.tasks:,} tasks of {least} to {most} of text.")
