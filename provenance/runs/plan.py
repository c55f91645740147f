"""Which tasks a run has: what is listed, what is fetched when, what is told of each shard, when its bytes can go."""

from __future__ import annotations

import os
import sys
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from provenance.errors import StorageError, UsageError
from provenance.runs.local import Children, Fetching, Task
from provenance.runs.record import ShardRecord
from provenance.shards import ListedFile, list_shards
from provenance.shards.listing import why_no_shard
from provenance.shards.opening import MEGATRON, kind_of
from provenance.storage import expand_lists, is_remote

FETCHERS = 2  # processes; each has several requests in flight


@dataclass(frozen=True)
class Listed:
    """A file or object that was found."""

    name: str
    skipped: str  # why it is not scanned; empty for a shard
    objects: tuple[dict[str, Any], ...] = ()  # of a remote shard: it, and what belongs to it
    unreadable: str = ""  # why it cannot even be opened


def list_all(specs: Sequence[str], anonymous: bool, children: Children) -> list[Listed]:
    """Everything that the specs name, here and elsewhere, by name; raises UsageError or StorageError.

    Processes that list are kept by `children`, to fetch.
    """
    specs = expand_lists(specs, sys.stdin.buffer if "-" in specs else BytesIO())  # a notebook has no such stdin
    local = [spec for spec in specs if not is_remote(spec)]
    remote = [spec for spec in specs if is_remote(spec)]
    found = {file.name: file for file in map(_local, list_shards(local))} if local else {}
    if remote:
        for listed in _list_remote(remote, anonymous, children):
            known = found.get(listed.name)
            if known is None or (known.skipped and not listed.skipped):
                found[listed.name] = listed
    return [found[name] for name in sorted(found)]


def _local(file: ListedFile) -> Listed:
    """A file; one whose name is no text is told by an escaped name, because no table could hold its own."""
    try:
        file.path.encode()
    except UnicodeEncodeError:
        name = os.fsencode(file.path).decode("utf-8", "backslashreplace")
        reason = f"shard {name} was not scanned: its name is no UTF-8; rename it"
        return Listed(name, file.skipped, unreadable="" if file.skipped else reason)
    return Listed(file.path, file.skipped)


def _list_remote(specs: Sequence[str], anonymous: bool, children: Children) -> list[Listed]:
    indexes = [spec.removesuffix(".bin") + ".idx" for spec in specs if spec.endswith(".bin")]
    tasks = deque[Task]({"task": "list", "shard": spec} for spec in dict.fromkeys([*specs, *indexes]))
    fetching = Fetching({"anonymous": anonymous}, tasks, FETCHERS)
    found: dict[str, dict[str, Any]] = {}
    for header, _ in children.run({}, deque(), 0, lambda size: None, lambda: None, fetching=fetching, keep=True):
        if "error" in header:
            usage = header["error_kind"] == "usage"
            raise UsageError(header["error"]) if usage else StorageError(header["error"])
        found.update((item["uri"], item) for item in header["objects"])
    return [_judged(item, found, named=item["uri"] in specs) for item in found.values()]


def _judged(item: dict[str, Any], others: dict[str, dict[str, Any]], named: bool) -> Listed:
    """An object as a shard or not; one that was named by itself is a shard whatever it is called."""
    uri = item["uri"]
    name = uri.rpartition("/")[2]
    if kind_of(name) != MEGATRON:
        return Listed(uri, "" if named else why_no_shard(name), (item,))
    index = others.get(uri[: -len(".bin")] + ".idx")
    if index is None:
        return Listed(uri, "not a shard: no .idx beside it, as Megatron's have; list both", (item,))
    return Listed(uri, "", (item, index))


class Plan:
    """The tasks of a run, local shards first. A remote shard is fetched when there is room, and removed when done."""

    def __init__(
        self, listed: Sequence[Listed], scratch: Path, anonymous: bool, workers: int, first: str = "describe"
    ) -> None:
        """`scratch` is where objects are fetched to; it is made when there is one. `first` is done with each shard."""
        self.records = {file.name: ShardRecord(file.name, file.skipped) for file in listed}
        for file in listed:
            if file.unreadable:
                self.records[file.name].note("unreadable", file.unreadable)
        todo = [file for file in listed if not file.skipped and not file.unreadable]
        self.tasks = deque[Task](
            {"task": first, "shard": file.name, "path": file.name} for file in todo if not file.objects
        )
        self._first = first
        self._scratch, self._ahead = scratch, workers + 1
        self._paths: dict[str, list[Path]] = {}
        self._open = Counter[str]()  # tasks of a shard that are not done
        fetches = deque(self._fetch(number, file) for number, file in enumerate(todo) if file.objects)
        if fetches:
            scratch.mkdir(exist_ok=True)
        processes = min(FETCHERS, len(fetches))
        self.fetching = Fetching({"anonymous": anonymous}, fetches, processes, self._has_room)
        self.shards = len(todo)

    def _fetch(self, number: int, file: Listed) -> Task:
        stem = self._scratch / f"{number:06}"
        suffixes = (".bin", ".idx") if len(file.objects) > 1 else ("",)
        self._paths[file.name] = [stem.with_name(stem.name + suffix) for suffix in suffixes]
        targets = [str(path) for path in self._paths[file.name]]
        return {"task": "fetch", "shard": file.name, "objects": list(file.objects), "targets": targets}

    def _has_room(self) -> bool:
        return sum(count > 0 for count in self._open.values()) < self._ahead

    def done(self, header: dict[str, Any]) -> None:
        """Take the result of any task: note what it tells of its shard, and what is to be done next."""
        record = self.records[header["shard"]]
        if header["task"] == "fetch":
            self._fetched(record, header)
        elif header["task"] == "describe":
            self._described(record, header)
        elif "error" in header:
            record.note(header["error_kind"], header["error"])
        elif header["task"] == "digest":
            record.sha256 = header["sha256"]
        if record.shard in self._paths and header["task"] != "fetch":
            self._open[record.shard] -= 1
            if not self._open[record.shard]:
                self._remove(record.shard)

    def _remove(self, shard: str) -> None:
        for path in self._paths[shard]:
            with suppress(OSError):
                path.unlink()

    def _fetched(self, record: ShardRecord, header: dict[str, Any]) -> None:
        if "error" in header:
            record.note("not fetched" if header["error_kind"] == "storage" else header["error_kind"], header["error"])
            self._remove(record.shard)
            return
        record.sha256, record.bytes = header["sha256"], header["bytes"]
        record.version = header["version"]
        path = str(self._paths[record.shard][0])
        self._add([{"task": self._first, "shard": record.shard, "path": path}], record)

    def _add(self, tasks: list[Task], record: ShardRecord) -> None:
        """A remote shard is finished before the next one is begun: its bytes take room."""
        if record.shard in self._paths:
            self._open[record.shard] += len(tasks)
            self.tasks.extendleft(reversed(tasks))
        else:
            self.tasks.extend(tasks)

    def _described(self, record: ShardRecord, header: dict[str, Any]) -> None:
        remote = record.shard in self._paths
        path = str(self._paths[record.shard][0]) if remote else record.shard
        file = {"shard": record.shard, "path": path, "identity": header.get("identity")}
        digest = [] if remote else [{"task": "digest", **file}]
        if "error" in header:
            record.note(header["error_kind"], header["error"])
            if Path(path).is_file():
                self._add(digest, record)
            return
        record.rows, record.row_groups, record.bytes = header["rows"], header["row_groups"], header["bytes"]
        record.format = header["format"]
        record.text_column, record.id_column = ", ".join(header["columns"]["texts"]), header["columns"]["id"]
        scans = [{"task": "scan", **file, "columns": header["columns"], "parts": parts} for parts in header["units"]]
        self._add([*scans, *digest], record)
