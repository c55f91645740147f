"""Has children write shards anew, and keeps each as soon as it is done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from provenance.cleaning.progress import COPIED, WRITTEN, Part, Progress, local_target
from provenance.cleaning.scanned import Scanned
from provenance.cleaning.selection import passages_in
from provenance.errors import InterruptedRun
from provenance.isolation.supervisor import Children, Fetching, Task
from provenance.runs.listed import FETCHERS
from provenance.storage.locations import is_remote
from provenance.store.database import RunReader
from provenance.units.config import WorkerLimits

CLEANER = "provenance.cleaning.cleaner"  # module that children run


@dataclass(frozen=True)
class Settings:
    """What every shard is written with."""

    mode: str
    marker: str
    workers: int
    limits: WorkerLimits
    anonymous: bool
    on_shard: Callable[[int], None]  # is told how many there are, for each that is done
    on_resumed: Callable[[int, int], None]


@dataclass
class Job:
    """The shards of a run, those of them that are done, and those that could not be."""

    run_db: RunReader
    scanned: Scanned
    done: Progress
    targets: dict[str, str]
    works: Sequence[str]
    scratch: Path
    parts: list[Part] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)  # shard and reason
    _rows: dict[str, dict[str, Any]] = field(default_factory=dict)  # of the table `shard`
    _tasks: deque[Task] = field(default_factory=deque)
    _planned: dict[str, Task] = field(default_factory=dict)  # by shard, also those that have to be fetched first
    _fetched: set[str] = field(default_factory=set)

    def run(self, copied: Sequence[dict[str, Any]], written: Sequence[dict[str, Any]], settings: Settings) -> None:
        """Do all of some rows of the table `shard` that are not done yet; raises InterruptedRun after Ctrl-C."""
        self._rows = {row["shard"]: row for row in [*copied, *written]}
        self.parts = [part for name in sorted(self._rows) if (part := self.done.part(name))]
        known = {part.shard for part in self.parts}
        left = [name for name in sorted(self._rows) if name not in known]
        if known:
            settings.on_resumed(len(known), len(self._rows))
        if not left:
            return
        anew = {row["shard"] for row in written}
        fetches = deque(self._plan(left, anew))
        try:
            for header in self._results(fetches, len(left), settings):
                if header["task"] == "fetch":
                    self._take_fetched(header)
                else:
                    self._take(header)
                if header["task"] == "clean" or "error" in header:
                    settings.on_shard(len(left))
        except KeyboardInterrupt:
            raise InterruptedRun(
                f"interrupted: {len(self.parts):,} of {len(self._rows):,} shards are done and kept in "
                f"{self.done.folder.place}; the same command goes on from there"
            ) from None
        self.parts.sort(key=lambda part: part.shard)

    def _plan(self, left: Sequence[str], anew: set[str]) -> Iterator[Task]:
        """Queue the shards that lie here; yields what has to be fetched for the others."""
        for number, name in enumerate(left):
            stem = self.scratch / f"{number:06}"
            task: Task = {
                "task": "clean",
                "shard": name,
                "path": name,
                "sha256": self._rows[name]["sha256"],
                "target": str(local_target(self.done.folder, self.targets[name], self.scratch)),
                "passages": None,
                "done": f"{stem}.done",
            }
            if name in anew:
                task["passages"] = f"{stem}.passages"
                pq.write_table(passages_in(self.run_db, name, self.works), task["passages"])
            self._planned[name] = task
            if not is_remote(name):
                self._tasks.append(task)
                continue
            task["path"] = str(stem)
            known = {"uri": name, "bytes": self._rows[name]["bytes"]}
            item = dict.fromkeys(("etag", "version", "modified", "sha256")) | known
            yield {"task": "fetch", "shard": name, "objects": [item], "targets": [str(stem)]}

    def _results(self, fetches: deque[Task], count: int, settings: Settings) -> Iterator[dict[str, Any]]:
        hello = {
            "config": self.scanned.terms["config"],
            "mode": settings.mode,
            "marker": settings.marker,
            "memory": settings.limits.memory_bytes,
        }
        workers = min(settings.workers, count)
        fetching = Fetching(
            {"anonymous": settings.anonymous}, fetches, min(FETCHERS, len(fetches)),
            lambda: len(self._fetched) <= settings.workers,
        )  # fmt: skip
        with Children(parsing=CLEANER) as children:
            stall = settings.limits.stall_seconds
            results = children.run(
                hello, self._tasks, workers, lambda size: None, lambda: None, fetching=fetching, stall=stall
            )
            for header, _ in results:
                yield header

    def _take_fetched(self, header: dict[str, Any]) -> None:
        name = header["shard"]
        if "error" in header:
            self._fail(name, header["error"])
            return
        self._fetched.add(name)
        self._tasks.append(self._planned[name])

    def _take(self, header: dict[str, Any]) -> None:
        """Give a new shard its name, and note that it is done."""
        name = header["shard"]
        task, row = self._planned[name], self._rows[name]
        new, done = Path(task["target"]), Path(task["done"])
        if name in self._fetched:
            self._fetched.discard(name)
            Path(task["path"]).unlink(missing_ok=True)
        if reason := header.get("error") or _miscounted(row, header):
            new.unlink(missing_ok=True)
            self._fail(name, reason)
            return
        rows = _rows_of(row) if header["rows"] is None else header["rows"]
        kept = rows if header["kept"] is None else header["kept"]
        how = COPIED if task["passages"] is None else WRITTEN
        part = Part(
            name, self.targets[name], how, row["sha256"], header["sha256"], header["bytes"], rows, kept,
            header["changed"], header["spans"], header["lost"],
        )  # fmt: skip
        self.done.folder.put(part.target, new)
        self.done.keep(part, done if how == WRITTEN else None)
        self.parts.append(part)

    def _fail(self, shard: str, reason: str) -> None:
        self.failed.append({"shard": shard, "reason": reason})


def _rows_of(row: dict[str, Any]) -> int:
    """The rows of a shard, of which some may not have been scanned."""
    return int(row["rows_read"] if row["rows"] is None else row["rows"])


def _miscounted(row: dict[str, Any], header: dict[str, Any]) -> str:
    """Why a new shard cannot be right: its rows are not those that were scanned. Empty if they are."""
    if header["rows"] is None or row["outcome"] != "scanned" or header["rows"] == _rows_of(row):
        return ""
    return f"shard {row['shard']} has {header['rows']:,} rows, and had {_rows_of(row):,} when it was scanned"
