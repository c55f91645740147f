"""Shards without what a run found in them: which are copied, which are written anew, and what is left after that."""

import json
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from itertools import takewhile
from os.path import abspath
from pathlib import Path, PurePosixPath
from typing import Any, TypedDict, Unpack

from provenance._version import __version__
from provenance.cleaning.again import refuse_other_index, request_again, scan_again
from provenance.cleaning.edits import ANNOTATE, MODES
from provenance.cleaning.job import Cleaning, Order, Result, ledger_in
from provenance.cleaning.messages import CleanerHello
from provenance.cleaning.parts import RECORD, REMOVED, CleanSummary, Part, part_in, write_removed
from provenance.cleaning.selection import Scanned, Selection, passages_in, selected_works, shards_with
from provenance.errors import UsageError
from provenance.files.digests import readable_json
from provenance.isolation.supervisor import Children
from provenance.runs.attempts import Attempt, noted
from provenance.runs.engine import Watch
from provenance.runs.job_ledger import JobLedger
from provenance.runs.lock import kept_to
from provenance.runs.request import Request
from provenance.runs.terms import Terms
from provenance.shards.listing import OURS
from provenance.sketch import Key
from provenance.storage.folders import Folder, LocalFolder, open_folder
from provenance.storage.locations import is_remote, parse
from provenance.store.database import RunReader
from provenance.units.cutting import Share, Unit, units_of

MARKER = "[removed]"


@dataclass(frozen=True)
class Wanted:
    """What is to become of the shards of a run."""

    mode: str  # DROP rows, MASK passages, or ANNOTATE rows
    out: str  # a folder or a prefix of objects
    selection: Selection = field(default_factory=Selection)
    marker: str = MARKER  # stands where a passage was
    keep_unscanned: bool = False  # write shards anew of which not all was scanned
    check: bool = True  # scan the new shards afterwards
    check_db: Path | None = None  # the run database of that scan is kept here
    request: Request = field(default_factory=lambda: Request((), ""))  # for both, by default with the run's index
    overwrite: bool = False
    share: Share | None = None  # of several tasks that write the shards between them; who has none finishes

    @property
    def checks(self) -> bool:
        """Whether the new shards are scanned."""
        return self.check and self.mode != ANNOTATE

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UsageError(f"--mode is {self.mode!r}; there are {', '.join(MODES)}")
        if not self.marker.isprintable():
            raise UsageError("--marker has characters that cannot be printed")


class CleanOptions(TypedDict, total=False):
    """What `clean` takes by name: fields of Selection, Request and Wanted."""

    grade: str
    min_coverage: float
    works: Sequence[str] | None
    index: str | Path | None
    key: Key | None
    workers: int | None
    engine: str
    ray_address: str | None
    marker: str
    keep_unscanned: bool
    check: bool
    scratch: str | Path | None


def clean(
    db: str | Path, out: str | Path, mode: str, *, overwrite: bool = False, **options: Unpack[CleanOptions]
) -> CleanSummary:
    """Write the shards of a run anew below `out`: `drop` rows, `mask` passages, or `annotate` rows.

    Of works of a `grade` or above, by default `substantial`, at least `min_coverage` of which is there, or of some
    `works` alone. See `clean_into`, also for what it raises.
    """
    kinds: dict[str, Callable[[Any], Any]] = {"works": tuple, "index": str, "scratch": Path}
    given = {name: kinds.get(name, lambda same: same)(value) for name, value in options.items() if value is not None}

    def some(kind: type[Selection | Request]) -> dict[str, Any]:
        return {one.name: given.pop(one.name) for one in fields(kind) if one.name in given}

    selection, request = Selection(**some(Selection)), Request((), **{"index": "", **some(Request)})
    return clean_into(db, Wanted(mode, str(out), selection, request=request, overwrite=overwrite, **given))


def clean_into(
    db: str | Path,
    wanted: Wanted,
    on_shard: Callable[[int], None] = lambda total: None,
    watch: Watch | None = None,
) -> CleanSummary:
    """Write the shards of a run without what is selected, below `wanted.out`, under their names.

    A shard in which nothing is selected is copied byte for byte; others keep schema, row groups, compression and
    metadata. One whose SHA-256 is not the one that was scanned is left out, and named; so is one that was not scanned
    whole, unless `keep_unscanned`. What is done is kept in the folder `.provenance` there: the same call goes on. With
    `wanted.share` one task's share is written, and the same call without it does what is left.
    Raises StoreError for what is no run, UsageError for arguments that cannot work, OtherRunError where `out` belongs
    to another run, OutputError where it cannot be written, InterruptedRun after Ctrl-C, and for the scan afterwards
    what `scan` raises.
    """
    watch = watch or Watch()
    with RunReader(Path(db)) as run, ExitStack() as stack:
        scanned = Scanned.of(run)
        request = request_again(wanted.request, scanned)
        works = selected_works(run, wanted.selection)
        names = [work["work_id"] for work in works]
        if wanted.checks:
            refuse_other_index(request, scanned)
        terms = _terms(scanned, wanted, names)
        targets = targets_of([row["shard"] for row in scanned.shards])
        orders, left_out = _orders(scanned, targets, shards_with(run, names), wanted, terms)
        folder, ledger = _begun(targets, terms, wanted, stack)
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="provenance-", dir=request.scratch)))
        units, share = [order.unit for order in orders], wanted.share
        attempt = Attempt(ledger, request.engine, None if share is None else str(share), request.cores)
        limits = request.limits
        hello = CleanerHello(scanned.terms["config"], wanted.mode, wanted.marker, limits.memory_bytes)
        passages = partial(passages_in, run, names)
        cleaning = Cleaning(hello, limits.stall_seconds, request.anonymous, passages, folder, ledger, scratch)
        with noted(attempt):
            ours = set(units if share is None else share.of(units))
            mine = [order for order in orders if order.unit in ours]
            parts, failed = _written(cleaning, mine, request, attempt, on_shard, watch)
            attempt.note("finished")
        summary = CleanSummary(wanted.out, wanted.mode, wanted.selection, works, parts, failed, scanned.no_shards)
        if share is None:
            left_out = sorted([*left_out, *failed], key=lambda row: row["shard"])
            summary = _finish(cleaning, scanned, units, replace(summary, left_out=left_out), wanted, watch)
    return summary


def _finish(
    cleaning: Cleaning, scanned: Scanned, units: Sequence[Unit], summary: CleanSummary, wanted: Wanted, watch: Watch
) -> CleanSummary:
    """What is due when all shards are written: the table of what was removed, a scan of the new ones, the record."""
    ledger, scratch, again = cleaning.ledger, cleaning.scratch, None
    cleaning.folder.sweep()  # what children were writing when their machine was lost
    removed = None if wanted.mode == ANNOTATE else scratch / REMOVED
    passages = write_removed(ledger, units, summary.works, removed)
    if wanted.checks and summary.parts:
        places = tuple(f"{cleaning.folder.place}/{part.target}" for part in summary.parts)
        request = replace(request_again(wanted.request, scanned), shards=places)
        again = scan_again(request, scanned, wanted.selection, wanted.check_db, ledger.place, scratch, watch)
    summary = replace(summary, passages=passages, again=again)
    if removed is not None:
        ledger.folder.put(REMOVED, removed)
        summary = replace(summary, removed=f"{ledger.place}/{REMOVED}")
    terms = ledger.terms()
    record = {"digest": terms.digest, "terms": terms.values, "state": "done", **summary.to_json()}
    ledger.folder.write(RECORD, readable_json(record), replace=True)
    return summary


def _written(
    cleaning: Cleaning, orders: Sequence[Order], request: Request, attempt: Attempt, on_shard: Callable[[int], None],
    watch: Watch,
) -> tuple[list[Part], list[dict[str, str]]]:  # fmt: skip
    """Have all shards written that are not yet; returns what was done to each, and those that could not be."""
    names = cleaning.ledger.unit_names()
    parts = {order.unit: part_in(cleaning.ledger, order.unit, names, cleaning.folder) for order in orders}
    left = [order for order in orders if parts[order.unit] is None]
    attempt.of, attempt.found = len(orders), len(orders) - len(left)
    if attempt.found:
        watch.on_resumed(attempt.found, attempt.of)
    failed = []
    for order in left:
        cleaning.ledger.forget(order.unit, names)  # it may have been written, and is not there any more
    with Children() as pool, closing(_by_engine(cleaning, left, request, pool, watch)) as results:
        for order, part in results:
            on_shard(len(left))
            if isinstance(part, Part):
                parts[order.unit] = part
                attempt.units += 1
            else:
                failed.append({"shard": order.unit.shard, "reason": str(part)})
    return list(filter(None, parts.values())), failed


def _by_engine(
    cleaning: Cleaning, orders: Sequence[Order], request: Request, pool: Children, watch: Watch
) -> Generator[Result]:
    if request.engine == "local":
        return cleaning.do(orders, request.cores, pool)
    from provenance.cleaning.on_cluster import clean_on_ray

    return clean_on_ray(cleaning, orders, request, watch)


def _begun(targets: dict[str, str], terms: Terms, wanted: Wanted, stack: ExitStack) -> tuple[Folder, JobLedger]:
    """Take the folder for new shards, with nothing of anybody else in it."""
    folder = open_folder(wanted.out)
    _refuse_own(folder, targets)
    ledger = ledger_in(folder)
    stack.enter_context(kept_to(ledger.folder, wanted.share, wanted.out))
    if wanted.overwrite:
        ledger.clear(RECORD, REMOVED)
    taken = sorted(set(folder.names("")) & set(targets.values()))
    if taken and not wanted.overwrite and ledger.begun() is None:  # asked last: another task may begin meanwhile
        place = f"{folder.place} has {taken[0]} already"
        raise UsageError(f"{place}: choose another --out, or pass --overwrite to replace it")
    ledger.take(terms, {})
    if wanted.share is None:
        folder.sweep()
    return folder, ledger


def _terms(scanned: Scanned, wanted: Wanted, works: Sequence[str]) -> Terms:
    values = {
        "tool_version": __version__, "run_terms": scanned.run["terms_digest"], "works": list(works),
        "run_units": scanned.run["units_digest"], "selection": json.loads(json.dumps(asdict(wanted.selection))),
    }  # fmt: skip
    return Terms({**values, **{name: getattr(wanted, name) for name in ("mode", "marker", "keep_unscanned")}})


def _refuse_own(folder: Folder, targets: dict[str, str]) -> None:
    """Raise UsageError where a new shard would take the place of the one that it is made of."""
    for shard, target in targets.items():
        same = f"{folder.place}/{target}" == shard
        if isinstance(folder, LocalFolder) and not is_remote(shard):
            place = folder.path / target
            same = place.exists() and Path(shard).exists() and place.samefile(shard)
        if same:
            raise UsageError(f"--out {folder.place} is where the shards lie: choose another folder")


def _orders(
    scanned: Scanned, targets: dict[str, str], matched: set[str], wanted: Wanted, terms: Terms
) -> tuple[list[Order], list[dict[str, str]]]:
    """What is done with each shard, and those that are left out, before any is looked at."""
    orders, left_out = [], []
    for row in scanned.shards:
        name, anew = row["shard"], row["shard"] in matched or wanted.mode == ANNOTATE
        if reason := _why_not(row, anew, wanted.keep_unscanned):
            left_out.append({"shard": name, "reason": reason})
        else:
            (unit,) = units_of(name, row["bytes"] or 0, row["sha256"], 1, terms.digest)
            orders.append(Order(row, unit, targets[name], anew))
    return orders, left_out


def _why_not(row: dict[str, Any], written: bool, keep_unscanned: bool) -> str:
    """Why a shard is left out; empty for one that is not."""
    kind, name = str(row["format"] or ""), row["shard"]
    if row["outcome"] == "failed" or not row["sha256"]:
        return f"shard {name} was not scanned: {row['reason']}"
    if row["outcome"] == "partial" and not keep_unscanned:
        return f"not all of shard {name} was scanned ({row['reason']}); --keep-unscanned writes it all the same"
    if kind.startswith("megatron") or (written and not kind.startswith(("parquet", "jsonl"))):
        return f"shard {name} is {kind}: only Parquet and JSON lines can be written anew"
    return ""


def targets_of(shards: Sequence[str]) -> dict[str, str]:
    """For each shard its name below the folder that is common to all.

    Raises UsageError for names that would lie elsewhere, or fall together.
    """
    parts = {shard: _parts(shard) for shard in shards}
    levels = zip(*(names[:-1] for names in parts.values()), strict=False)
    common = len(list(takewhile(lambda level: len(set(level)) == 1, levels)))
    shard_of: dict[str, str] = {}
    for shard, names in parts.items():
        below = names[common:]
        if any(name in ("", ".", "..", OURS) for name in below):
            raise UsageError(f"shard {shard} cannot keep its name: {'/'.join(below)} is no plain path")
        target = str(PurePosixPath(*below))
        if target in shard_of:
            raise UsageError(f"shard {shard} has the same name as another, {target}: clean runs of them one by one")
        shard_of[target] = shard
    return {shard: target for target, shard in shard_of.items()}


def _parts(shard: str) -> tuple[str, ...]:
    if not is_remote(shard):
        return Path(abspath(shard)).parts  # noqa: PTH100  (resolve() would follow links)
    location = parse(shard)
    return (f"{location.scheme}:", location.account, location.container, location.revision, *location.key.split("/"))
