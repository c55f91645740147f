"""What is in shards, and what a scan of them would do: the library side of `provenance inspect` and `scan --plan`."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import to_builtins

from provenance.isolation.supervisor import INSPECTOR, Children
from provenance.runs.engine import Means, OneTask, do
from provenance.runs.listed import list_all
from provenance.units.config import ScanConfig
from provenance.units.cutting import BYTES_A_SECOND, shares_of
from provenance.units.messages import Inspect, InspectorHello


def inspect_shards(
    shards: Sequence[str | Path],
    config: ScanConfig | None = None,
    rows: int = 3,
    anonymous: bool = False,
    children: Children | None = None,
) -> Iterator[dict[str, Any]]:
    """For each file or object: `shard` and either `skipped` or `error`, or what `inspector.inspect` tells.

    Raises UsageError for what names nothing. Objects are fetched into a temporary directory, one after another.
    `children` are an inspector that starts already.
    """
    config = config or ScanConfig()
    with TemporaryDirectory(prefix="provenance-") as folder, children or Children() as pool:
        listed = list_all([str(shard) for shard in shards], anonymous, pool, config.unit_bytes)
        for file in listed:
            if file.skipped:
                yield {"shard": file.name, "skipped": file.skipped}
            if file.unreadable:
                yield {"shard": file.name, "error": file.unreadable}
        files = [file for file in listed if not file.skipped and not file.unreadable]
        jobs = [OneTask(file, lambda name, path: Inspect(name, str(path))) for file in files]
        means = Means(INSPECTOR, InspectorHello(config.to_json(), rows), 1, Path(folder), anonymous)
        for task, answer, _ in do(jobs, means, pool):
            values = to_builtins(answer)
            del values["kind"]
            yield {"shard": task.shard, **values}


@dataclass(frozen=True)
class ScanPlan:
    """How much there is to scan."""

    shards: int
    skipped: int
    unreadable: int
    units: int
    bytes: int  # of the shards as they lie
    text_bytes: int  # about, guessed from the formats
    core_seconds: float  # about
    rate: int  # bytes of text a second and core, with which that was reckoned
    tasks: int
    smallest_task: int  # bytes of text, about
    largest_task: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def plan_scan(
    shards: Sequence[str | Path],
    config: ScanConfig | None = None,
    anonymous: bool = False,
    tasks: int = 1,
    children: Children | None = None,
) -> ScanPlan:
    """List shards and cut them into units, and into shares of so many tasks; nothing is opened.

    Raises UsageError for what names nothing, StorageError for a store that does not answer.
    """
    with children or Children() as pool:
        listed = list_all([str(shard) for shard in shards], anonymous, pool, (config or ScanConfig()).unit_bytes)
    units = [unit for file in listed for unit in file.units("")]
    loads = [0] * tasks
    for unit, task in zip(units, shares_of(units, tasks), strict=True):
        loads[task - 1] += unit.text_bytes
    text = sum(unit.text_bytes for unit in units)
    return ScanPlan(
        shards=sum(file.slots > 0 for file in listed),
        skipped=sum(bool(file.skipped) for file in listed),
        unreadable=sum(bool(file.unreadable) for file in listed),
        units=len(units),
        bytes=sum(file.bytes for file in listed if file.slots),
        text_bytes=text,
        core_seconds=round(text / BYTES_A_SECOND, 1),
        rate=BYTES_A_SECOND,
        tasks=tasks,
        smallest_task=min(loads),
        largest_task=max(loads),
    )
