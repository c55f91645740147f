"""All that a run database exports, to compare runs byte for byte."""

from __future__ import annotations

from pathlib import Path

from provenance.store import RunReader, export


def exports(db: Path) -> list[bytes]:
    blobs = []
    with RunReader(db) as run:
        for what in ("matches", "works", "documents", "shards"):
            export(run, what, "parquet", db.with_suffix(f".{what}"))
            blobs.append(db.with_suffix(f".{what}").read_bytes())
    return blobs
