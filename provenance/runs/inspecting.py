"""What is in shards, before anything is scanned: the library side of `provenance inspect`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from provenance.isolation.supervisor import INSPECTOR, Children
from provenance.runs.listed import list_all
from provenance.runs.plan import Job, Plan
from provenance.units.config import ScanConfig


def inspect_shards(
    shards: Sequence[str | Path], config: ScanConfig | None = None, rows: int = 3, anonymous: bool = False
) -> Iterator[dict[str, Any]]:
    """For each file or object: `shard` and either `skipped` or `error`, or what `inspector.inspect` tells.

    Raises UsageError for what names nothing. Objects are fetched into a temporary directory, one after another.
    """
    hello = {"config": (config or ScanConfig()).to_json(), "rows": rows}
    with TemporaryDirectory(prefix="provenance-") as folder, Children(parsing=INSPECTOR) as children:
        settings = config or ScanConfig()
        listed = list_all([str(shard) for shard in shards], anonymous, children, settings.unit_bytes)
        for file in listed:
            if file.skipped:
                yield {"shard": file.name, "skipped": file.skipped}
            if file.unreadable:
                yield {"shard": file.name, "error": file.unreadable}
        jobs = [Job(file, ()) for file in listed if not file.skipped and not file.unreadable]
        plan = Plan(jobs, Path(folder), anonymous, 1, first="inspect")
        if not plan.shards:
            return
        results = children.run(hello, plan.tasks, 1, lambda size: None, lambda: None, fetching=plan.fetching)
        for header, _ in results:
            plan.done(header)
            if header["task"] == "inspect" or "error" in header:
                yield {name: value for name, value in header.items() if name not in ("kind", "task")}
