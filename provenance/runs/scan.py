"""One scan from arguments to a run database: list, describe, scan unit by unit, load, sum up."""

from __future__ import annotations

import platform
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any

import pyarrow as pa

from provenance._version import __version__
from provenance.errors import UsageError
from provenance.index import Index
from provenance.matching import Counts
from provenance.runs.config import ScanConfig, check_workers
from provenance.runs.local import Children, Task
from provenance.runs.unit import RESULT_SCHEMA
from provenance.shards import list_shards
from provenance.sketch import Key, to_json
from provenance.store.database import RunWriter, as_json
from provenance.store.grades import GRADES
from provenance.text import TEXT_RULES_VERSION

PACKAGES = ("numpy", "numba", "pyarrow", "duckdb", "datasketch", "xxhash")


@dataclass
class ShardRecord:
    """What is known of one listed file; a row of the table `shard` in the end."""

    shard: str
    skipped: str = ""
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

    def row(self) -> dict[str, Any]:
        """The row of the table `shard`."""
        reason = self.skipped or (self.problems[0]["reason"] if self.problems else None)
        known = {n: getattr(self, n) for n in ("shard", "sha256", "bytes", "row_groups", "rows", "rows_read")}
        columns = {"text_column": self.text_column, "id_column": self.id_column}
        return {**known, **columns, **asdict(self.counts), "outcome": self.outcome, "reason": reason}


@dataclass(frozen=True)
class ScanSummary:
    """What a scan found and what it could not see; `to_json` is the object that `--json` prints."""

    db: Path
    works: list[dict[str, Any]]  # rows of v_works with a match, best covered first
    works_without_match: int
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


def scan(
    shards: Sequence[str | Path],
    index: str | Path,
    db: str | Path,
    *,
    config: ScanConfig | None = None,
    workers: int | None = None,
    key: Key | None = None,
    overwrite: bool = False,
    children: Children | None = None,
    on_planned: Callable[[int], None] = lambda text_bytes: None,
    on_progress: Callable[[int, int], None] = lambda text_bytes, matches: None,
    on_compiling: Callable[[], None] = lambda: None,
) -> ScanSummary:
    """Scan Parquet shards (files, directories, globs) for the books of an index and write a run database.

    The result does not depend on `workers`. `children` are worker processes that start already. Raises UsageError and
    its kind for arguments that cannot work, IndexDamagedError for a damaged index; what cannot be read of a shard is no
    error but an exception in the result.
    """
    begun, started = monotonic(), datetime.now(UTC)
    config, count = config or ScanConfig(), check_workers(workers)
    listed = list_shards([str(shard) for shard in shards])
    opened = Index(Path(index), key, config.scale)
    opened.verify()
    records = {file.path: ShardRecord(file.path, file.skipped) for file in listed}
    writer = RunWriter(Path(db), overwrite)
    try:
        _load_editions(writer, opened)
        todo = [record for record in records.values() if not record.skipped]
        most = min(count, max(1, 2 * len(todo)))
        compiling = 0.0
        if todo:
            pool = children or Children()
            compiling = _run(writer, records, opened, config, pool, most, on_planned, on_progress, on_compiling)
        _load_shards(writer, records)
        summary = _summary(writer, Path(db), records, monotonic() - begun, compiling)
        _load_run(writer, opened, config, count, started, summary, len(listed))
        writer.finish()
    except BaseException:
        writer.abandon()
        raise
    return summary


def _run(
    writer: RunWriter,
    records: dict[str, ShardRecord],
    index: Index,
    config: ScanConfig,
    children: Children,
    workers: int,
    on_planned: Callable[[int], None],
    on_progress: Callable[[int, int], None],
    on_compiling: Callable[[], None],
) -> float:
    """Describe every shard, then scan its units and take its digest; each result is loaded as it comes.

    Returns the seconds that the slowest worker spent on compiling kernels.
    """
    hello = {
        "config": config.to_json(),
        "index": str(index.folder.absolute()),
        "index_digest": index.digest,
        "seed": index.key.seed,
        "key_id": index.key.key_id,
    }
    tasks: deque[Task] = deque(
        {"task": "describe", "shard": record.shard} for record in records.values() if not record.skipped
    )
    compiling = 0.0
    results = children.run(hello, tasks, workers, lambda size: on_progress(size, 0), on_compiling)
    try:
        for header, payload in results:
            record = records[header["shard"]]
            if header["task"] == "describe":
                tasks.extend(_described(record, header))
                on_planned(sum(group["text_bytes"] for unit in header.get("units", []) for group in unit))
            elif "error" in header:
                _note(record, header["error_kind"], header["error"])
            elif header["task"] == "digest":
                record.sha256 = header["sha256"]
            else:
                matches = _scanned(record, header, payload)
                writer.load("match", matches)
                on_progress(header["untold_bytes"], matches.num_rows)
                compiling = max(compiling, header["compile_seconds"])
    finally:
        results.close()  # type: ignore[attr-defined]  # it is a generator
    return compiling


def _described(record: ShardRecord, header: dict[str, Any]) -> list[Task]:
    """The tasks that a described shard gives: its digest, and its units."""
    digest: Task = {"task": "digest", "shard": record.shard}
    if "error" in header:
        _note(record, header["error_kind"], header["error"])
        return [digest] if Path(record.shard).is_file() else []
    record.rows, record.row_groups, record.bytes = header["rows"], header["row_groups"], header["bytes"]
    record.text_column, record.id_column = header["columns"]["text"], header["columns"]["id"]
    units = header["units"]
    scans = [
        {"task": "scan", "shard": record.shard, "columns": header["columns"], "row_groups": unit} for unit in units
    ]
    return [*scans, digest]


def _scanned(record: ShardRecord, header: dict[str, Any], payload: bytes) -> pa.Table:
    record.rows_read += header["rows_read"]
    record.counts.add(Counts(**header["counts"]))
    record.problems += header["problems"]
    with pa.ipc.open_stream(payload) as reader:
        table = reader.read_all()
    table.validate(full=True)  # it comes from the process that parsed hostile files
    if table.schema != RESULT_SCHEMA:
        raise UsageError(f"a worker sent a result of another shape for {record.shard}: is it of another version?")
    return table


def _note(record: ShardRecord, kind: str, reason: str) -> None:
    if any(problem["reason"] == reason for problem in record.problems):
        return  # a file that cannot be opened cannot be hashed either
    record.problems.append({"shard": record.shard, "row_group": None, "row": None, "kind": kind, "reason": reason})


def _load_editions(writer: RunWriter, index: Index) -> None:
    writer.load("edition", index.editions.drop_columns(["identity_fingerprints"]))
    works: dict[str, dict[str, Any]] = {}
    for edition in sorted(index.editions.to_pylist(), key=lambda row: str(row["edition_id"])):
        empty = {"title": edition["title"], "author": edition["author"], "editions": 0}
        work = works.setdefault(edition["work_id"], {"work_id": edition["work_id"], **empty})
        work["editions"] += 1
    writer.load("work", pa.Table.from_pylist(list(works.values())))


def _load_shards(writer: RunWriter, records: dict[str, ShardRecord]) -> None:
    if not records:
        return
    writer.load("shard", pa.Table.from_pylist([record.row() for record in records.values()]))
    problems = [problem for record in records.values() for problem in record.problems]
    order = sorted(problems, key=lambda p: (p["shard"], p["row_group"] or -1, p["row"] or -1, p["kind"], p["reason"]))
    if order:
        writer.load("exception", pa.Table.from_pylist(order))


def _summary(
    writer: RunWriter, db: Path, records: dict[str, ShardRecord], seconds: float, compiling: float
) -> ScanSummary:
    outcomes = [record.outcome for record in records.values()]
    totals = Counts()
    for record in records.values():
        totals.add(record.counts)
    works = writer.query("SELECT * FROM v_works ORDER BY coverage DESC, matched_words DESC, work_id")
    found = [work for work in works if work["documents"]]
    return ScanSummary(
        db=db,
        works=found,
        works_without_match=len(works) - len(found),
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


def _load_run(
    writer: RunWriter,
    index: Index,
    config: ScanConfig,
    workers: int,
    started: datetime,
    summary: ScanSummary,
    listed: int,
) -> None:
    row = {
        "tool_version": __version__,
        "text_rules": TEXT_RULES_VERSION,
        "unicode": index.manifest["unicode"],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": as_json({name: version(name) for name in PACKAGES}),
        "command": as_json(sys.argv),
        "config": as_json(config.to_json()),
        "grades": as_json([grade._asdict() for grade in GRADES]),
        "index_path": str(index.folder),
        "index_digest": index.digest,
        "key_id": index.key.key_id,
        "sketch": as_json(to_json(index.sketch)),
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
