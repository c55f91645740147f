"""Which files and objects a run has: as they were listed, and as the plan of the run keeps them."""

import json
import os
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from msgspec.structs import asdict

from provenance.errors import StorageError, UsageError
from provenance.files.digests import file_identity
from provenance.isolation.supervisor import FETCHER, Children, Crew
from provenance.isolation.tasks import Failed, Task
from provenance.shards.listing import ListedFile, list_shards, why_no_shard
from provenance.shards.opening import MEGATRON, kind_of
from provenance.storage.locations import expand_lists, is_remote
from provenance.units.cutting import Unit, slots_of, units_of
from provenance.units.messages import FetcherHello, List, ListAnswer

CHANGED, REMOVED, ADDED = "changed", "removed", "added"

FETCHERS = 2  # processes; each has several requests in flight

PLAN_SCHEMA = pa.schema(
    [
        ("shard", pa.string()),
        ("skipped", pa.string()),  # why it is not scanned; empty for a shard
        ("unreadable", pa.string()),  # why it cannot even be opened
        ("bytes", pa.int64()),
        ("identity", pa.string()),  # what changes when its bytes do
        ("objects", pa.string()),  # JSON: of a remote shard it, and what belongs to it, as listed
        ("slots", pa.int32()),
    ]
)


@dataclass(frozen=True)
class Listed:
    """A file or object that was found."""

    name: str
    skipped: str = ""  # why it is not scanned; empty for a shard
    objects: tuple[dict[str, Any], ...] = ()  # of a remote shard: it, and what belongs to it
    unreadable: str = ""  # why it cannot even be opened
    bytes: int = 0
    identity: str = ""  # what changes when its bytes do; empty if it could not be asked
    slots: int = 0  # units it is cut into; none for what is not scanned

    def units(self, terms: str) -> list[Unit]:
        """Its units in a run on these terms."""
        return units_of(self.name, self.bytes, self.identity, self.slots, terms)


def changes(planned: Iterable[Listed], now: Iterable[Listed]) -> dict[str, str]:
    """Shards that are not as they were planned, by name, and what became of each."""
    before, after = ({file.name: file for file in some if file.slots} for some in (planned, now))
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return {name: REMOVED if name not in after else ADDED if name not in before else CHANGED for name in names}


class Job(NamedTuple):
    """A shard, and those of its units that have to be done."""

    file: Listed
    units: tuple[Unit, ...]


def jobs_of(listed: Iterable[Listed], units: Iterable[Unit]) -> list[Job]:
    """The shards of some units, each with its own, in the order of the listing."""
    of_shard: dict[str, list[Unit]] = {}
    for unit in units:
        of_shard.setdefault(unit.shard, []).append(unit)
    return [Job(file, tuple(of_shard[file.name])) for file in listed if file.name in of_shard]


def list_all(specs: Sequence[str], anonymous: bool, children: Children, unit_bytes: int) -> list[Listed]:
    """Everything that the specs name, here and elsewhere, by name; raises UsageError or StorageError.

    Processes that list are kept by `children`, to fetch.
    """
    specs = expand_lists(specs, sys.stdin.buffer if "-" in specs else BytesIO())  # a notebook has no such stdin
    local = [spec for spec in specs if not is_remote(spec)]
    remote = [spec for spec in specs if is_remote(spec)]
    files = {file.name: file for file in (_local(file, unit_bytes) for file in list_shards(local))} if local else {}
    if remote:
        for listed in _list_remote(remote, anonymous, children, unit_bytes):
            listed_here = files.get(listed.name)
            if listed_here is None or (listed_here.skipped and not listed.skipped):
                files[listed.name] = listed
    return [files[name] for name in sorted(files)]


def _local(file: ListedFile, unit_bytes: int) -> Listed:
    """A file; one whose name is no text is told by an escaped name, because no table could hold its own."""
    try:
        file.path.encode()
    except UnicodeEncodeError:
        name = os.fsencode(file.path).decode("utf-8", "backslashreplace")
        reason = f"shard {name} was not scanned: its name is no UTF-8; rename it"
        return Listed(name, file.skipped, unreadable="" if file.skipped else reason)
    try:
        path = Path(file.path)
        size, identity = path.stat().st_size, file_identity(path)
    except OSError:
        size, identity = 0, ""  # opening it will tell
    slots = 0 if file.skipped else slots_of(file.path, size, unit_bytes)[0]
    return Listed(file.path, file.skipped, bytes=size, identity=identity, slots=slots)


def _list_remote(specs: Sequence[str], anonymous: bool, children: Children, unit_bytes: int) -> list[Listed]:
    indexes = [spec.removesuffix(".bin") + ".idx" for spec in specs if spec.endswith(".bin")]
    tasks = deque[Task](List(spec) for spec in dict.fromkeys([*specs, *indexes]))
    objects: dict[str, dict[str, Any]] = {}
    for _, answer, _ in children.run([Crew(FETCHER, FetcherHello(anonymous), tasks, FETCHERS)], keep=True):
        if isinstance(answer, Failed):
            raise UsageError(answer.error) if answer.error_kind == "usage" else StorageError(answer.error)
        if isinstance(answer, ListAnswer):
            objects.update((item.uri, asdict(item)) for item in answer.objects)
    return [_judged(item, objects, item["uri"] in specs, unit_bytes) for item in objects.values()]


def _judged(item: dict[str, Any], others: dict[str, dict[str, Any]], named: bool, unit_bytes: int) -> Listed:
    """An object as a shard or not; one that was named by itself is a shard whatever it is called."""
    uri = item["uri"]
    name = uri.rpartition("/")[2]
    objects, skipped = [item], "" if named else why_no_shard(uri)
    if kind_of(name) == MEGATRON:
        index = others.get(uri[: -len(".bin")] + ".idx")
        objects += [index] if index is not None else []
        skipped = "" if index is not None else "not a shard: no .idx beside it, as Megatron's have; list both"
    identity = json.dumps([{key: item[key] for key in sorted(item) if key != "uri"} for item in objects])
    slots = 0 if skipped else slots_of(uri, item["bytes"], unit_bytes)[0]
    return Listed(uri, skipped, tuple(objects), bytes=item["bytes"], identity=identity, slots=slots)


def plan_table(listed: Iterable[Listed]) -> pa.Table:
    """The plan of a run, as PLAN_SCHEMA."""
    rows = [{**vars(file), "shard": file.name, "objects": json.dumps(file.objects, sort_keys=True)} for file in listed]
    return pa.Table.from_pylist(rows, schema=PLAN_SCHEMA)


def planned(table: pa.Table) -> list[Listed]:
    """What `plan_table` was given."""
    rows = table.rename_columns({"shard": "name"}).to_pylist()
    return [Listed(**{**row, "objects": tuple(json.loads(row["objects"]))}) for row in rows]
