"""All that a run database exports, to compare runs byte for byte; and that every file has an outcome."""

from __future__ import annotations

from pathlib import Path

from provenance.store.database import RunReader
from provenance.store.export import export


def exports(db: Path) -> list[bytes]:
    blobs = []
    with RunReader(db) as run:
        counted = {
            row["outcome"]: row["n"] for row in run.query("SELECT outcome, count(*) AS n FROM shard GROUP BY ALL")
        }
        assert counted.keys() <= {"scanned", "partial", "failed", "skipped"}
        assert sum(counted.values()) == run.query("SELECT files_listed AS n FROM run")[0]["n"]
        for what in (
            "matches",
            "works",
            "documents",
            "shards",
            "passages",
            "coverage",
            "own-coverage",
            "editions",
            "origins",
            "exceptions",
        ):
            export(run, what, "parquet", db.with_suffix(f".{what}"))
            blobs.append(db.with_suffix(f".{what}").read_bytes())
    return blobs
