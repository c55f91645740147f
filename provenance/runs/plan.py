"""Which tasks the shards of a run have: what is fetched when, when a unit is whole, when bytes go.

A shard is described, then its units are scanned, and beside the first one its digest is taken. One shard is finished
before the next is begun, so that what was done survives a kill, and fetched bytes do not pile up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import to_builtins

from provenance.isolation.supervisor import Fetching, Result, Task
from provenance.matching.counts import Counts
from provenance.runs.listed import FETCHERS, Listed
from provenance.shards.shard import Part
from provenance.units.cutting import Unit, parts_in

DIGEST_SLOT = 0  # the unit in whose record the digest of its shard stands


class Job(NamedTuple):
    """A shard, and those of its units that have to be scanned."""

    file: Listed
    units: tuple[Unit, ...]


def jobs_of(listed: Iterable[Listed], units: Iterable[Unit]) -> list[Job]:
    """The shards of some units, each with its own, in the order of the listing."""
    found: dict[str, list[Unit]] = {}
    for unit in units:
        found.setdefault(unit.shard, []).append(unit)
    return [Job(file, tuple(found[file.name])) for file in listed if file.name in found]


class Finished(NamedTuple):
    """A unit that is done: its closing record, and its matches as they came from the worker."""

    unit: Unit
    record: dict[str, Any]
    payload: bytes


@dataclass
class _Open:
    """A shard under way."""

    job: Job
    paths: list[Path]  # where its bytes lie, or will
    fetched: bool
    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[dict[str, Any]] = field(default_factory=list)  # of the shard as a whole
    sha256: str | None = None
    waiting: set[str] = field(default_factory=set)  # tasks that are not done: `digest`, numbers of slots
    results: dict[int, Result] = field(default_factory=dict)
    told: set[int] = field(default_factory=set)

    def note(self, header: dict[str, Any]) -> None:
        problem = _problem(self.job.file.name, header)
        if all(known["reason"] != problem["reason"] for known in self.problems):
            self.problems.append(problem)


class Plan:
    """The tasks of jobs, local shards first. A remote shard is fetched when there is room, and removed when done."""

    def __init__(
        self, jobs: Sequence[Job], scratch: Path, anonymous: bool, workers: int, first: str = "describe"
    ) -> None:
        """`scratch` is where objects are fetched to; it is made when there is one. `first` is done with each shard."""
        self._first, self._scratch, self._ahead = first, scratch, workers + 1
        self._shards: dict[str, _Open] = {}
        self.tasks = deque[Task]()
        fetches = deque[Task]()
        for number, job in enumerate(jobs):
            if job.file.objects:
                fetches.append(self._fetch(number, job))
            else:
                shard = self._shards[job.file.name] = _Open(job, [Path(job.file.name)], False, waiting={first})
                self.tasks.append(self._task(first, shard))
        if fetches:
            scratch.mkdir(parents=True, exist_ok=True)
        processes = min(FETCHERS, len(fetches))
        self.fetching = Fetching({"anonymous": anonymous}, fetches, processes, self._has_room)
        self.shards = len(jobs)

    def _fetch(self, number: int, job: Job) -> Task:
        stem = self._scratch / f"{number:06}"
        suffixes = (".bin", ".idx") if len(job.file.objects) > 1 else ("",)
        paths = [stem.with_name(stem.name + suffix) for suffix in suffixes]
        self._shards[job.file.name] = _Open(job, paths, True)
        targets = [str(path) for path in paths]
        return {"task": "fetch", "shard": job.file.name, "objects": list(job.file.objects), "targets": targets}

    def _has_room(self) -> bool:
        return sum(bool(shard.waiting) for shard in self._shards.values() if shard.fetched) < self._ahead

    def done(self, header: dict[str, Any], payload: bytes = b"") -> list[Finished]:
        """Take the result of any task; returns the units that are done now."""
        shard = self._shards[header["shard"]]
        task = header["task"]
        shard.waiting.discard(str(header["slot"]) if task == "scan" else task)
        if task == "fetch":
            self._fetched(shard, header)
        elif task == "describe":
            self._described(shard, header)
        elif task == "digest":
            shard.sha256 = header.get("sha256")
            if "error" in header:
                shard.note(header)
        elif task == "scan":
            shard.results[header["slot"]] = header, payload
        finished = self._finished(shard)
        if not shard.waiting:
            del self._shards[header["shard"]]
            for path in shard.paths if shard.fetched else ():
                with suppress(OSError):
                    path.unlink()
        return finished

    def _fetched(self, shard: _Open, header: dict[str, Any]) -> None:
        if "error" in header:
            kind = "not fetched" if header["error_kind"] == "storage" else header["error_kind"]
            shard.note({**header, "error_kind": kind})
            return
        shard.sha256 = header["sha256"]
        shard.facts = {"bytes": header["bytes"], "version": header["version"]}
        shard.waiting.add(self._first)
        self.tasks.appendleft(self._task(self._first, shard))

    def _task(self, name: str, shard: _Open) -> Task:
        """A task; a local file has to be the one that was listed, a fetched one the one that was described."""
        identity = None if shard.fetched else shard.job.file.identity or None
        return {"task": name, "shard": shard.job.file.name, "path": str(shard.paths[0]), "identity": identity}

    def _described(self, shard: _Open, header: dict[str, Any]) -> None:
        tasks: list[Task] = []
        if "error" in header:
            shard.note(header)
        else:
            shard.facts |= {name: header[name] for name in ("format", "rows", "row_groups", "bytes")}
            columns = header["columns"]
            shard.facts |= {"text_column": ", ".join(columns["texts"]), "id_column": columns["id"]}
            shard.facts |= {"url_column": columns["url"], "source_column": columns["source"]}
            parts = [Part(**part) for part in header["parts"]]
            more = {"columns": header["columns"], "identity": header["identity"]}
            for unit in shard.job.units:
                told = [to_builtins(part) for part in parts_in(unit.slot, unit.slots, parts)]
                if told:
                    tasks.append(self._task("scan", shard) | {"slot": unit.slot, "parts": told, **more})
        first = any(unit.slot == DIGEST_SLOT for unit in shard.job.units)
        if first and not shard.fetched and shard.paths[0].is_file():
            tasks.insert(1, self._task("digest", shard))
        shard.waiting |= {str(task["slot"]) if task["task"] == "scan" else task["task"] for task in tasks}
        self.tasks.extendleft(reversed(tasks))

    def _finished(self, shard: _Open) -> list[Finished]:
        found = []
        for unit in shard.job.units:
            needed = {self._first, str(unit.slot)} | ({"digest"} if unit.slot == DIGEST_SLOT else set())
            if unit.slot not in shard.told and not shard.waiting & needed:
                shard.told.add(unit.slot)
                found.append(_close(shard, unit))
        return found


def failed_record(shard: str, kind: str, reason: str) -> dict[str, Any]:
    """The closing record of a unit of which nothing was scanned."""
    problem = _problem(shard, {"error_kind": kind, "error": reason})
    return {"facts": {}, "rows_read": 0, "counts": to_builtins(Counts()), "problems": [problem], "origins": []}


def _close(shard: _Open, unit: Unit) -> Finished:
    """The closing record of a unit. A unit without a part of its own, or of a shard that cannot be read, has one."""
    header, payload = shard.results.pop(unit.slot, ({}, b""))
    problems = shard.problems + header.get("problems", [])
    if "error" in header:
        problems = [*problems, _problem(unit.shard, header)]
    record = {
        "facts": {**shard.facts, "sha256": shard.sha256 if unit.slot == DIGEST_SLOT else None},
        "rows_read": header.get("rows_read", 0),
        "counts": header.get("counts", to_builtins(Counts())),
        "problems": problems,
        "origins": header.get("origins", []),
    }
    return Finished(unit, record, payload if "error" not in header else b"")


def _problem(shard: str, header: dict[str, Any]) -> dict[str, Any]:
    """A row of the table `exception` for a task that failed."""
    return {"shard": shard, "row_group": None, "row": None, "kind": header["error_kind"], "reason": header["error"]}
