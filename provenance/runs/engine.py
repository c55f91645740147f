"""Scans units on this machine, with worker processes, and keeps each in the ledger as soon as it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from provenance.errors import IndexDamagedError, ShardError
from provenance.files.digests import file_identity
from provenance.index.opening import Index
from provenance.isolation.supervisor import Children
from provenance.runs.background import Background, no_background
from provenance.runs.ledger import Kept, Ledger
from provenance.runs.plan import Finished, Job, Plan
from provenance.units.config import ScanConfig, WorkerLimits
from provenance.units.cutting import Unit
from provenance.units.located import RESULT_SCHEMA
from provenance.units.payloads import from_payload


@dataclass(frozen=True)
class Watch:
    """Who wants to know how a run goes on."""

    on_planned: Callable[[int], None] = lambda text_bytes: None  # more bytes of text to scan, about; fewer if negative
    on_progress: Callable[[int, int], None] = lambda text_bytes, matches: None
    on_compiling: Callable[[], None] = lambda: None
    on_compiled: Callable[[float], None] = lambda seconds: None
    on_resumed: Callable[[int, int], None] = lambda done, units: None  # units that an earlier attempt left


@dataclass(frozen=True)
class Setup:
    """What every unit of a run is scanned with, here."""

    index: Index
    config: ScanConfig
    limits: WorkerLimits
    scratch: Path  # where objects are fetched to
    anonymous: bool
    workers: int
    background: Background = field(default_factory=no_background)
    watch: Watch = field(default_factory=Watch)
    keep_workers: bool = False  # for more jobs with the same setup

    def hello(self) -> dict[str, Any]:
        """What every worker is told first."""
        return {
            "config": self.config.to_json(),
            "index": str(self.index.folder.absolute()),
            "index_digest": self.index.digest,
            "key": self.index.key.told(),
            "memory": self.limits.memory_bytes,
        }


def scan_here(ledger: Ledger, jobs: Sequence[Job], setup: Setup, pool: Children) -> Iterator[Kept]:
    """Scan the units of jobs and keep each. Closing the iterator ends the workers.

    Raises IndexDamagedError if the index changes meanwhile; units that were kept before are good.
    """
    units = sum(len(job.units) for job in jobs)
    if not units:
        return
    plan = Plan(jobs, setup.scratch, setup.anonymous, setup.workers)
    estimates = {job.file.name: job.units for job in jobs}
    pinned, watch = index_identity(setup.index), setup.watch
    watch.on_planned(sum(unit.text_bytes for job in jobs for unit in job.units))
    results = pool.run(
        setup.hello(), plan.tasks, min(setup.workers, units + plan.shards),
        lambda size: watch.on_progress(size, 0), watch.on_compiling, setup.background.fingerprints.tobytes(),
        plan.fetching, keep=setup.keep_workers, stall=setup.limits.stall_seconds,
    )  # fmt: skip
    try:
        for header, payload in results:
            if header["task"] == "describe" and "error" not in header:
                watch.on_planned(_correction(header["parts"], estimates[header["shard"]]))
            elif header["task"] == "scan" and "error" not in header:
                watch.on_progress(header["untold_bytes"], 0)
                watch.on_compiled(header["compile_seconds"])
            for done in plan.done(header, payload):
                if index_identity(setup.index) != pinned:
                    raise IndexDamagedError(
                        f"index {setup.index.folder} changed while it was being scanned with: units that were done "
                        "before are kept; begin anew when nobody writes to it"
                    )
                kept = ledger.keep(done.unit, *_checked(done))
                watch.on_progress(0, kept.matches.num_rows)
                yield kept
    finally:
        results.close()  # type: ignore[attr-defined]  # it is a generator


def index_identity(index: Index) -> str:
    """What changes when a file of an index is written to."""
    return " ".join(file_identity(index.folder / name) for name in index.manifest["files"])


def _checked(done: Finished) -> tuple[dict[str, Any], pa.Table]:
    """The closing record and the matches of a unit. What a child sends that parses hostile files may be anything."""
    if not done.payload:
        return done.record, RESULT_SCHEMA.empty_table()
    try:
        return done.record, from_payload(done.payload, RESULT_SCHEMA, done.unit.shard)
    except ShardError as error:
        problem = {"shard": done.unit.shard, "row_group": None, "row": None, "kind": "fault", "reason": str(error)}
        return {**done.record, "problems": [*done.record["problems"], problem]}, RESULT_SCHEMA.empty_table()


def _correction(parts: Sequence[dict[str, Any]], units: Sequence[Unit]) -> int:
    """By how many bytes a shard's own account of its texts differs from the estimate, for those of its units."""
    told = sum(int(part["text_bytes"]) for part in parts)
    return told * len(units) // units[0].slots - sum(unit.text_bytes for unit in units)
