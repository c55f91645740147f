"""The options of a scan, in one place: read by the command line, the workers and the run record."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from provenance.errors import UsageError
from provenance.isolation.supervisor import STALL_SECONDS, cores
from provenance.matching.config import MatchConfig
from provenance.shards.shard import Options
from provenance.shards.tokens import Decoder


@dataclass(frozen=True)
class ScanConfig:
    """What decides the result of a scan besides its inputs; the number of workers does not."""

    text_columns: tuple[str, ...] = ()  # none: the first of the known names
    id_column: str | None = None
    url_column: str | None = None  # from where a document is
    source_column: str | None = None  # the collection it belongs to
    tokenizer: str | None = None  # a tokenizer.json, for columns of token ids
    end_of_text: int | None = None  # id at which packed sequences are split; None: by its usual names
    scale: int | None = None  # coarser than the index was built with: fewer fingerprints looked up
    unit_bytes: int = 256_000_000  # of text in one unit of work, about
    max_row_bytes: int = 64 << 20  # a longer row is not scanned, and named in `exception`
    max_ratio: int = 1000  # a compressed file that gives more bytes than so many times its own is a bomb
    background_documents: int = 3  # a fingerprint in so many documents of the background is common text
    max_excerpt: int = 1000  # characters of a match's text that are stored
    match: MatchConfig = field(default_factory=MatchConfig)

    def to_json(self) -> dict[str, Any]:
        """All options as plain values, as they stand in the run record."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> ScanConfig:
        """The options that `to_json` wrote."""
        columns = tuple(record["text_columns"])
        return cls(**{**record, "text_columns": columns, "match": MatchConfig(**record["match"])})

    def options(self) -> Options:
        """What of it decides how shards are read; loads the tokenizer. Raises UsageError for one that is none."""
        return Options(
            self.text_columns,
            self.id_column,
            self.max_row_bytes,
            self.max_ratio,
            self.unit_bytes,
            None if self.tokenizer is None else Decoder(self.tokenizer, self.end_of_text),
            self.url_column,
            self.source_column,
        )


@dataclass(frozen=True)
class WorkerLimits:
    """What a worker process may use. A unit that takes more is tried once more, then recorded as not scanned."""

    memory_bytes: int = 3 << 30  # of its own; the index, which is mapped, does not count
    stall_seconds: float = STALL_SECONDS  # without a sign of progress


def check_workers(workers: int | None) -> int:
    """The number of workers asked for, or one a core; raises UsageError below 1."""
    if workers is None:
        return cores()
    if workers < 1:
        raise UsageError(f"--workers is {workers}; it must be at least 1")
    return workers
