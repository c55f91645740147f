"""Shards without what a run found in them: which are copied, which are written anew, and what is left after that."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from provenance._version import __version__
from provenance.cleaning.again import Again, How, refuse_other_index, scan_again
from provenance.cleaning.edits import ANNOTATE, MODES
from provenance.cleaning.job import Job, Settings
from provenance.cleaning.progress import COPIED, REMOVED, REMOVED_SCHEMA, WRITTEN, Part, Progress
from provenance.cleaning.scanned import Scanned, read_run
from provenance.cleaning.selection import Selection, selected_works, shards_with
from provenance.cleaning.targets import STATE, targets_of
from provenance.errors import UsageError
from provenance.runs.engine import Watch
from provenance.runs.lock import held
from provenance.sketch import Key
from provenance.storage.folders import Folder, LocalFolder, open_folder
from provenance.storage.locations import is_remote
from provenance.store.database import RunReader
from provenance.units.config import check_workers

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
    how: How = field(default_factory=How)  # and with what
    scratch: Path | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UsageError(f"--mode is {self.mode!r}; there are {', '.join(MODES)}")
        if not self.marker.isprintable():
            raise UsageError("--marker has characters that cannot be printed")


@dataclass(frozen=True)
class CleanSummary:
    """What was done; `to_json` is the object that `--json` prints."""

    out: str
    mode: str
    selection: Selection
    works: list[dict[str, Any]]  # that were selected, as rows of v_works
    parts: list[Part]
    left_out: list[dict[str, str]]  # shards that were not written, and why
    skipped: int  # files that were no shards
    removed: str | None  # where the table of passages is
    passages: int
    again: Again | None  # what a scan of the new shards found

    @property
    def counts(self) -> dict[str, int]:
        """Shards and rows; `rows = kept + dropped`, and all shards are written, copied or left out."""
        rows, kept = (sum(getattr(part, name) for part in self.parts) for name in ("rows", "kept"))
        return {
            "shards": len(self.parts) + len(self.left_out),
            "written": sum(part.how == WRITTEN for part in self.parts),
            "copied": sum(part.how == COPIED for part in self.parts),
            "left_out": len(self.left_out),
            "no_shards": self.skipped,
            "rows": rows,
            "kept": kept,
            "dropped": rows - kept,
            "changed": sum(part.changed for part in self.parts),
            "spans": sum(part.spans for part in self.parts),
            "passages": self.passages,
        }

    @property
    def complete(self) -> bool:
        """Whether every shard was written, and the scan of the new ones, if there was one, missed nothing."""
        return not self.left_out and (self.again is None or self.again.complete)

    @property
    def remaining(self) -> list[dict[str, Any]]:
        """Works that the new shards still have, at or above the grade."""
        return [] if self.again is None else self.again.works

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "out": self.out,
            "mode": self.mode,
            "selection": asdict(self.selection),
            "works": self.works,
            "counts": self.counts,
            "parts": [asdict(part) for part in self.parts],
            "left_out": self.left_out,
            "removed": self.removed,
            "check": None if self.again is None else asdict(self.again),
            "complete": self.complete,
        }


def clean(
    db: str | Path,
    out: str | Path,
    mode: str,
    *,
    grade: str = "substantial",
    min_coverage: float = 0.0,
    works: Sequence[str] | None = None,
    marker: str = MARKER,
    keep_unscanned: bool = False,
    check: bool = True,
    index: str | Path | None = None,
    key: Key | None = None,
    workers: int | None = None,
    scratch: str | Path | None = None,
    overwrite: bool = False,
) -> CleanSummary:
    """Write the shards of a run anew below `out`: `drop` rows, `mask` passages, or `annotate` rows.

    Of works of a `grade` or above, at least `min_coverage` of which is there, or of some `works` alone. See
    `clean_into`, also for what it raises.
    """
    selection = Selection(grade, min_coverage, None if works is None else tuple(works))
    how = How(None if index is None else str(index), key, workers=workers)
    place = None if scratch is None else Path(scratch)
    return clean_into(db, Wanted(mode, str(out), selection, marker, keep_unscanned, check, how, place, overwrite))


def clean_into(
    db: str | Path,
    wanted: Wanted,
    on_shard: Callable[[int], None] = lambda total: None,
    on_resumed: Callable[[int, int], None] = lambda done, total: None,
    watch: Watch | None = None,
) -> CleanSummary:
    """Write the shards of a run without what is selected, below `wanted.out`, under their names.

    A shard in which nothing is selected is copied byte for byte; others keep schema, row groups, compression and
    metadata. One whose SHA-256 is not the one that was scanned is left out, and named; so is one that was not scanned
    whole, unless `keep_unscanned`. What is done is kept in the folder `.provenance` there: the same call goes on.
    Raises StoreError for what is no run, UsageError for arguments that cannot work, OtherRunError where `out` belongs
    to another run, OutputError where it cannot be written, InterruptedRun after Ctrl-C, and for the scan afterwards
    what `scan` raises.
    """
    with RunReader(Path(db)) as run, ExitStack() as stack:
        scanned = read_run(run)
        works = selected_works(run, wanted.selection)
        names = [work["work_id"] for work in works]
        decided = _Decided.of(scanned, shards_with(run, names), wanted)
        targets = targets_of([row["shard"] for row in scanned.shards])
        checks = wanted.check and wanted.mode != ANNOTATE
        if checks:
            refuse_other_index(scanned, wanted.how)
        folder = open_folder(wanted.out)
        done = _begun(folder, targets, _terms(scanned, wanted, names), wanted, stack)
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="provenance-", dir=wanted.scratch)))
        job = Job(run, scanned, done, targets, names, scratch)
        how, workers = wanted.how, check_workers(wanted.how.workers)
        settings = Settings(wanted.mode, wanted.marker, workers, how.limits, how.anonymous, on_shard, on_resumed)
        job.run(decided.copied, decided.written, settings)
        removed = None if wanted.mode == ANNOTATE else scratch / "removed.parquet"
        passages = _write_removed(done, job.parts, works, removed)
        again = None
        if checks and job.parts:
            places = [f"{folder.place}/{part.target}" for part in job.parts]
            again = scan_again(places, scanned, wanted.selection, how, scratch, watch or Watch())
        summary = CleanSummary(
            wanted.out, wanted.mode, wanted.selection, works, job.parts,
            sorted([*decided.left_out, *job.failed], key=lambda row: row["shard"]), scanned.no_shards,
            None if removed is None else f"{folder.place}/{REMOVED}", passages, again,
        )  # fmt: skip
        done.finish(removed, summary.to_json())
    return summary


def _begun(
    folder: Folder, targets: dict[str, str], terms: dict[str, Any], wanted: Wanted, stack: ExitStack
) -> Progress:
    """Take the folder for new shards, with nothing of anybody else in it."""
    _refuse_own(folder, targets)
    done = Progress(folder, terms)
    if isinstance(folder, LocalFolder):
        (folder.path / STATE).mkdir(exist_ok=True)
        stack.enter_context(held(folder.path / STATE / "lock", wanted.out))
    if not done.begun() and not wanted.overwrite:
        _refuse_taken(folder, targets.values())
    done.begin(wanted.overwrite)
    folder.sweep()
    return done


def _terms(scanned: Scanned, wanted: Wanted, works: Sequence[str]) -> dict[str, Any]:
    return {
        "version": 1,
        "tool_version": __version__,
        "run_terms": scanned.run["terms_digest"],
        "run_units": scanned.run["units_digest"],
        "mode": wanted.mode,
        "marker": wanted.marker,
        "selection": asdict(wanted.selection),
        "works": list(works),
        "keep_unscanned": wanted.keep_unscanned,
    }


def _refuse_own(folder: Folder, targets: dict[str, str]) -> None:
    """Raise UsageError where a new shard would take the place of the one that it is made of."""
    for shard, target in targets.items():
        same = f"{folder.place}/{target}" == shard
        if isinstance(folder, LocalFolder) and not is_remote(shard):
            place = folder.path / target
            same = place.exists() and Path(shard).exists() and place.samefile(shard)
        if same:
            raise UsageError(f"--out {folder.place} is where the shards lie: choose another folder")


def _refuse_taken(folder: Folder, targets: Iterable[str]) -> None:
    """Raise UsageError where there are files with the names of new shards."""
    taken = sorted(set(folder.names("")) & set(targets))
    if taken:
        raise UsageError(
            f"{folder.place} has {taken[0]} already: choose another --out, or pass --overwrite to replace it"
        )


@dataclass(frozen=True)
class _Decided:
    """What is done with each shard before any is looked at."""

    copied: list[dict[str, Any]]
    written: list[dict[str, Any]]
    left_out: list[dict[str, str]]

    @classmethod
    def of(cls, scanned: Scanned, found: set[str], wanted: Wanted) -> _Decided:
        decided = cls([], [], [])
        for row in scanned.shards:
            written = row["shard"] in found or wanted.mode == ANNOTATE
            if reason := _why_not(row, written, wanted.keep_unscanned):
                decided.left_out.append({"shard": row["shard"], "reason": reason})
            else:
                (decided.written if written else decided.copied).append(row)
        return decided


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


def _write_removed(done: Progress, parts: Sequence[Part], works: list[dict[str, Any]], out: Path | None) -> int:
    """Write what was taken out, and why, as REMOVED_SCHEMA, in order of shard, row and place; returns the passages."""
    known = {work["work_id"]: work for work in works}
    passages = 0
    with ExitStack() as stack:
        writer = None if out is None else stack.enter_context(pq.ParquetWriter(out, REMOVED_SCHEMA, compression="zstd"))
        for part in parts:
            table = done.done(part) if part.how == WRITTEN else None
            passages += 0 if table is None else table.num_rows
            if writer is not None and table is not None:
                ids = table["work_id"].to_pylist()
                columns = {
                    **{name: table[name] for name in table.column_names},
                    **{name: pa.array([known[work][name] for work in ids], pa.string()) for name in ("grade", "title")},
                    "shard": pa.repeat(part.shard, table.num_rows),
                }
                writer.write_table(pa.table([columns[name] for name in REMOVED_SCHEMA.names], schema=REMOVED_SCHEMA))
    return passages
