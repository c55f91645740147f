"""The options of a scan, in one place: read by the command line, the workers and the run record."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from provenance.errors import UsageError
from provenance.isolation.supervisor import STALL_SECONDS, cores
from provenance.matching.config import MatchConfig
from provenance.options.field import group, option
from provenance.shards.reading import Reading

LEAST_MEMORY = 256 << 20  # bytes of a worker


@dataclass(frozen=True)
class ScanConfig(Reading):
    """What decides the result of a scan besides its inputs; the number of workers does not."""

    scale: int | None = option(
        "--scale", "Look up one fingerprint in SCALE, fewer than the index has: faster, coarser."
    )
    match: MatchConfig = group(MatchConfig)
    background_documents: int = 3  # a fingerprint in so many documents of the background is common text
    max_excerpt: int = 1000  # characters of a match's text that are stored

    def to_json(self) -> dict[str, Any]:
        """All options as plain values, as they stand in the run record."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        """The options that `to_json` wrote."""
        columns = tuple(record["text_columns"])
        return cls(**{**record, "text_columns": columns, "match": MatchConfig(**record["match"])})


@dataclass(frozen=True)
class WorkerLimits:
    """What a worker process may use. A unit that takes more is tried once more, then recorded as not scanned."""

    memory_bytes: int = option(  # of its own; the index, which is mapped, does not count
        "--max-memory", "Memory of a worker, without the index.", 3 << 30, "size", least=LEAST_MEMORY, unnamed=True
    )
    stall_seconds: float = option(
        "--max-seconds", "A worker that gets nothing done for so long is ended; its unit is tried once more.",
        STALL_SECONDS, least=1, unnamed=True,
    )  # fmt: skip


def check_workers(workers: int | None) -> int:
    """The number of workers asked for, or one a core; raises UsageError below 1."""
    if workers is None:
        return cores()
    if workers < 1:
        raise UsageError(f"--workers is {workers}; it must be at least 1")
    return workers
