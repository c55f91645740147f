"""What is in shards, before anything is scanned: the library side of `provenance inspect`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import to_builtins

from provenance.isolation.crews import INSPECTOR
from provenance.isolation.supervisor import Children
from provenance.runs.engine import Means, OneTask, do
from provenance.runs.listed import list_all
from provenance.units.config import ScanConfig
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
