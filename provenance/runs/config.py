"""The options of a scan, in one place: read by the command line, the workers and the run record."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import Any

from provenance.errors import UsageError
from provenance.matching import MatchConfig


@dataclass(frozen=True)
class ScanConfig:
    """What decides the result of a scan besides its inputs; the number of workers does not."""

    text_column: str | None = None  # None: the first of the known names
    id_column: str | None = None
    scale: int | None = None  # coarser than the index was built with: fewer fingerprints looked up
    unit_bytes: int = 256 << 20  # of text in one unit of work
    max_row_bytes: int = 64 << 20  # a longer row is not scanned, and named in `exception`
    background_documents: int = 3  # a fingerprint in so many documents of the background is common text
    max_excerpt: int = 1000  # characters of a match's text that are stored
    match: MatchConfig = field(default_factory=MatchConfig)

    def to_json(self) -> dict[str, Any]:
        """All options as plain values, as they stand in the run record."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> ScanConfig:
        """The options that `to_json` wrote."""
        return cls(**{**record, "match": MatchConfig(**record["match"])})


def check_workers(workers: int | None) -> int:
    """The number of workers asked for, or one a core; raises UsageError below 1."""
    if workers is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if workers < 1:
        raise UsageError(f"--workers is {workers}; it must be at least 1")
    return workers
