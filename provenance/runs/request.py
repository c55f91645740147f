"""What a scan is asked for, by whatever engine and into whatever it writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from provenance.sketch import Key
from provenance.units.config import ScanConfig, WorkerLimits, check_workers


@dataclass(frozen=True)
class Request:
    """What is to be scanned, for what, how."""

    shards: tuple[str, ...]  # files, directories, globs, objects of stores, lists of these
    index: str | Path
    config: ScanConfig = field(default_factory=ScanConfig)
    workers: int | None = None  # None: one a core
    limits: WorkerLimits = field(default_factory=WorkerLimits)
    key: Key | None = None
    background: tuple[str, ...] = ()
    decoys: tuple[str, ...] = ()
    anonymous: bool = False
    scratch: Path | None = None
    engine: str = "local"  # or `ray`
    ray_address: str | None = None

    @property
    def cores(self) -> int:
        """Worker processes on this machine; raises UsageError for a number that makes no sense."""
        return check_workers(self.workers)
