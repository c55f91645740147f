"""What a run says of the shards it scanned, and how it scanned them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from provenance.store.database import RunReader
from provenance.units.config import ScanConfig


@dataclass(frozen=True)
class Scanned:
    """A run, as far as its shards are concerned."""

    run: dict[str, Any]  # the row of the table `run`
    shards: list[dict[str, Any]]  # rows of the table `shard`, without files that are no shards; by name
    no_shards: int
    allowed: frozenset[str]  # works that may be in the data

    @property
    def terms(self) -> dict[str, Any]:
        """All that decided its result."""
        return dict(json.loads(self.run["terms"]))

    @property
    def config(self) -> ScanConfig:
        """The options that it was scanned with."""
        return ScanConfig.from_json(self.terms["config"])


def read_run(run: RunReader) -> Scanned:
    """What a run database says."""
    files = run.query("SELECT * FROM shard ORDER BY shard")
    shards = [row for row in files if row["outcome"] != "skipped"]
    allowed = run.query("SELECT work_id FROM v_allowed WHERE holds")
    return Scanned(
        run.query("SELECT * FROM run")[0],
        shards,
        len(files) - len(shards),
        frozenset(row["work_id"] for row in allowed if row["work_id"]),
    )
