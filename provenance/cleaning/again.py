"""Scans new shards as the old ones were: what is still in them is told, and nothing is taken for granted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provenance.cleaning.selection import Scanned, Selection, selected_works
from provenance.errors import UsageError
from provenance.index.near import near_index
from provenance.index.opening import Index
from provenance.runs.engine import Watch
from provenance.runs.scan import scan
from provenance.sketch import Key
from provenance.store.database import RunReader
from provenance.units.config import WorkerLimits


@dataclass(frozen=True)
class Again:
    """What a scan of the new shards found."""

    works: list[dict[str, Any]]  # selected in it as they were in the run, which should be none
    documents_scanned: int
    documents_matched: int
    complete: bool
    index_digest: str
    db: str | None  # its run database, if that was kept


@dataclass(frozen=True)
class How:
    """With what new shards are scanned."""

    index: str | None = None  # None: the one of the run
    key: Key | None = None
    db: Path | None = None  # its run database is kept here
    anonymous: bool = False
    workers: int | None = None
    limits: WorkerLimits = field(default_factory=WorkerLimits)


def refuse_other_index(scanned: Scanned, how: How) -> None:
    """Raise UsageError for an index that is not the one of the run; those of decoys are known only after the scan."""
    if not scanned.terms["decoys"]:
        index = Index(near_index(_index(scanned, how), how.anonymous), how.key, scanned.config.scale)
        _refuse(index.digest, scanned, how)


def scan_again(
    shards: Sequence[str], scanned: Scanned, selection: Selection, how: How, scratch: Path, watch: Watch
) -> Again:
    """Scan shards with the options of a run; raises what `scan` raises, UsageError for another index."""
    terms, saved = scanned.terms, how.db
    db = saved or scratch / "again.duckdb"
    summary = scan(
        shards, _index(scanned, how), db, out=scratch / "again.units", config=scanned.config, workers=how.workers,
        limits=how.limits, key=how.key, overwrite=True, background=terms["background"], decoys=terms["decoys"],
        anonymous=how.anonymous, scratch=scratch, watch=watch,
    )  # fmt: skip
    with RunReader(db) as run:
        digest = str(run.query("SELECT index_digest FROM run")[0]["index_digest"])
        works = selected_works(run, selection, scanned.allowed)
    _refuse(digest, scanned, how)
    counts = summary.documents_scanned, summary.documents_matched
    return Again(works, *counts, not summary.exceptions, digest, None if saved is None else str(saved))


def _index(scanned: Scanned, how: How) -> str:
    return how.index or str(scanned.run["index_path"])


def _refuse(digest: str, scanned: Scanned, how: How) -> None:
    expected = scanned.run["index_digest"]
    if digest != expected:
        digests = f"has the digest {digest}, and the run was made with {expected}"
        raise UsageError(f"index {_index(scanned, how)} {digests}: name that one with --index, or pass --no-check")
