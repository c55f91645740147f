"""What a run leaves in its database besides matches: editions, shards, exceptions, and the record of the run itself."""

from __future__ import annotations

import platform
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa

from provenance._version import __version__
from provenance.files import file_sha256
from provenance.index import Index
from provenance.matching import Counts
from provenance.matching.chance import LAMBDA, LOG_K, upper_bound
from provenance.runs.background import Background
from provenance.runs.config import ScanConfig
from provenance.sketch import to_json
from provenance.store.database import RunWriter, as_json
from provenance.store.grades import GRADES, NO_MATCH
from provenance.text import TEXT_RULES_VERSION

PACKAGES = ("numpy", "numba", "pyarrow", "duckdb", "datasketch", "xxhash")


@dataclass
class ShardRecord:
    """What is known of one listed file; a row of the table `shard` in the end."""

    shard: str
    skipped: str = ""
    format: str | None = None
    version: str | None = None  # of an object: its version or ETag; a local file is pinned by its digest
    sha256: str | None = None
    bytes: int | None = None
    row_groups: int | None = None
    rows: int | None = None
    rows_read: int = 0
    text_column: str | None = None
    id_column: str | None = None
    counts: Counts = field(default_factory=Counts)
    problems: list[dict[str, Any]] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """`skipped`, `scanned`, `partial` (some rows were not scanned) or `failed` (none were)."""
        if self.skipped:
            return "skipped"
        if not self.problems:
            return "scanned"
        return "partial" if self.counts.documents else "failed"

    def note(self, kind: str, reason: str) -> None:
        """Note what was not scanned, once: a file that cannot be opened cannot be hashed either."""
        if all(problem["reason"] != reason for problem in self.problems):
            problem = {"shard": self.shard, "row_group": None, "row": None, "kind": kind, "reason": reason}
            self.problems.append(problem)

    def row(self) -> dict[str, Any]:
        """The row of the table `shard`."""
        reason = self.skipped or (self.problems[0]["reason"] if self.problems else None)
        names = ("shard", "format", "version", "sha256", "bytes", "row_groups", "rows", "rows_read")
        known = {name: getattr(self, name) for name in names}
        if self.rows is None and self.outcome == "scanned":
            known["rows"] = self.rows_read  # formats without a footer do not say how many there are
        columns = {"text_column": self.text_column, "id_column": self.id_column}
        return {**known, **columns, **asdict(self.counts), "outcome": self.outcome, "reason": reason}


@dataclass(frozen=True)
class ScanSummary:
    """What a scan found and what it could not see; `to_json` is the object that `--json` prints."""

    db: Path
    works: list[dict[str, Any]]  # rows of v_works with a grade, best covered first
    works_shared: int  # works without one, some lines of which stand in passages of others
    works_without_match: int
    decoys: dict[str, Any]  # how many works that cannot be in the data there are, how many matched, and the upper bound
    documents_scanned: int
    documents_matched: int
    bytes_scanned: int  # of text
    seconds: float
    compile_seconds: float  # of them: kernels are compiled once for a processor
    shards: dict[str, int]  # by outcome
    exceptions: list[dict[str, Any]]
    nulls: int
    invalid_documents: int

    @property
    def complete(self) -> bool:
        """Whether all that was listed as a shard was scanned, and something was."""
        return not self.exceptions and self.documents_scanned > 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "db": str(self.db), "complete": self.complete}


def load_editions(writer: RunWriter, index: Index) -> None:
    """Fill the tables `edition` and `work`."""
    writer.load("edition", index.editions.drop_columns(["identity_fingerprints"]))
    works: dict[str, dict[str, Any]] = {}
    for edition in sorted(index.editions.to_pylist(), key=lambda row: str(row["edition_id"])):
        empty = {"title": edition["title"], "author": edition["author"], "editions": 0, "decoy": edition["decoy"]}
        work = works.setdefault(edition["work_id"], {"work_id": edition["work_id"], **empty})
        work["editions"] += 1
    writer.load("work", pa.Table.from_pylist(list(works.values())))


def load_shards(writer: RunWriter, records: dict[str, ShardRecord]) -> None:
    """Fill the tables `shard` and `exception`."""
    if not records:
        return
    writer.load("shard", pa.Table.from_pylist([record.row() for record in records.values()]))
    problems = [problem for record in records.values() for problem in record.problems]
    order = sorted(problems, key=lambda p: (p["shard"], p["row_group"] or -1, p["row"] or -1, p["kind"], p["reason"]))
    if order:
        writer.load("exception", pa.Table.from_pylist(order))


def summarize(
    writer: RunWriter, db: Path, records: dict[str, ShardRecord], least_words: int, seconds: float, compiling: float
) -> ScanSummary:
    """Sum up what is loaded so far. A decoy of fewer than `least_words` cannot match, and proves nothing by it."""
    outcomes = [record.outcome for record in records.values()]
    totals = Counts()
    for record in records.values():
        totals.add(record.counts)
    rows = writer.query("SELECT * FROM v_works ORDER BY coverage DESC, matched_words DESC, work_id")
    works, decoys = [row for row in rows if not row["decoy"]], [row for row in rows if row["decoy"]]
    found = [work for work in works if work["grade"] != NO_MATCH]
    shared = sum(work["grade"] == NO_MATCH and work["documents"] > 0 for work in works)
    matched = sum(decoy["documents"] > 0 for decoy in decoys)
    able = writer.query(
        "SELECT count(DISTINCT work_id) AS works FROM edition WHERE decoy AND words >= ?", [least_words]
    )[0]["works"]
    return ScanSummary(
        db=db,
        works=found,
        works_shared=shared,
        works_without_match=len(works) - len(found) - shared,
        decoys={
            "works": able,
            "too_short": len(decoys) - able,
            "matched": matched,
            "upper95": upper_bound(matched, able),
        },
        documents_scanned=totals.documents,
        documents_matched=totals.documents_matched,
        bytes_scanned=totals.text_bytes,
        seconds=round(seconds, 3),
        compile_seconds=round(compiling, 3),
        shards={kind: outcomes.count(kind) for kind in ("scanned", "partial", "failed", "skipped")},
        exceptions=writer.query("SELECT * FROM exception ORDER BY ALL"),
        nulls=totals.nulls,
        invalid_documents=totals.invalid_documents,
    )


def _digest_of(tokenizer: str | None) -> str | None:
    return None if tokenizer is None else file_sha256(Path(tokenizer))


def load_run(
    writer: RunWriter,
    index: Index,
    named: Path,
    config: ScanConfig,
    background: Background,
    workers: int,
    started: datetime,
    summary: ScanSummary,
    listed: int,
) -> None:
    """Fill the table `run`."""
    row = {
        "tool_version": __version__,
        "text_rules": TEXT_RULES_VERSION,
        "unicode": index.manifest["unicode"],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": as_json({name: version(name) for name in PACKAGES}),
        "command": as_json(sys.argv),
        "config": as_json({**config.to_json(), "tokenizer_sha256": _digest_of(config.tokenizer)}),
        "grades": as_json([grade._asdict() for grade in GRADES]),
        "chance": as_json({"lambda": LAMBDA, "log_k": LOG_K, "unit": "expectation = exp(log_k - lambda score) m n"}),
        "background": as_json(background.record),
        "decoys": as_json(summary.decoys),
        "index_path": str(named),
        "index_digest": index.digest,
        "key_id": index.key.key_id,
        "sketch": as_json({**to_json(index.sketch), "stride": index.stride}),
        "workers": workers,
        "started_utc": started.replace(tzinfo=None),
        "ended_utc": datetime.now(UTC).replace(tzinfo=None),
        "seconds": summary.seconds,
        "outcome": "complete" if summary.complete else "incomplete",
        "files_listed": listed,
        "documents_scanned": summary.documents_scanned,
        "documents_matched": summary.documents_matched,
        "bytes_scanned": summary.bytes_scanned,
    }
    writer.load("run", pa.Table.from_pylist([row]))
