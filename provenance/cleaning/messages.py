"""The task of those children that write shards anew, and its result."""

from typing import Any, ClassVar

from provenance.isolation.supervisor import Role
from provenance.isolation.tasks import Answer, Item, Number, ShardTask

CLEANER = Role("provenance.cleaning.cleaner")


class CleanAnswer(Answer, frozen=True):
    """What became of a shard; the payload is a table of DONE_SCHEMA."""

    rows: Number | None  # None of one that was copied
    kept: Number | None
    changed: Number
    spans: Number
    bytes: Number
    sha256: str
    lost: str  # what the new file does not have, for people


class Clean(ShardTask, frozen=True, kw_only=True):
    """Check the digest of a shard, and copy it or write it anew."""

    sha256: str  # that it must have
    target: str
    passages: str | None  # a Parquet file of PASSAGES; None: copy

    answer: ClassVar[type[Answer]] = CleanAnswer


class CleanerHello(Item, frozen=True):
    """What a cleaner is told first."""

    config: dict[str, Any]  # of a ScanConfig
    mode: str
    marker: str
    memory: int  # bytes
