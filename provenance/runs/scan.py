"""One scan from arguments to a run database: list, describe, scan unit by unit, load, sum up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import pyarrow as pa

from provenance.building import add_to_index
from provenance.index import Index
from provenance.matching import Counts
from provenance.runs.background import Background, learn
from provenance.runs.config import ScanConfig, check_workers
from provenance.runs.local import Children, Task
from provenance.runs.payloads import from_payload
from provenance.runs.record import ScanSummary, ShardRecord, load_editions, load_run, load_shards, summarize
from provenance.runs.unit import RESULT_SCHEMA
from provenance.shards import list_shards
from provenance.sketch import Key
from provenance.store.database import RunWriter


def scan(
    shards: Sequence[str | Path],
    index: str | Path,
    db: str | Path,
    *,
    config: ScanConfig | None = None,
    workers: int | None = None,
    key: Key | None = None,
    overwrite: bool = False,
    background: Sequence[str | Path] = (),
    decoys: Sequence[str | Path] = (),
    children: Children | None = None,
    on_planned: Callable[[int], None] = lambda text_bytes: None,
    on_progress: Callable[[int, int], None] = lambda text_bytes, matches: None,
    on_compiling: Callable[[], None] = lambda: None,
) -> ScanSummary:
    """Scan Parquet shards (files, directories, globs) for the books of an index and write a run database.

    Fingerprints of the index that are common in `background`, Parquet files of ordinary text, are discounted. `decoys`
    are books that cannot be in the shards; they are scanned for beside those of the index, and how many match is in the
    record of the run. The result does not depend on `workers`. `children` are worker processes that start already.

    Raises UsageError and its kind for arguments that cannot work, IndexDamagedError for a damaged index, BookError for
    decoys and ShardError for background that cannot be read; what cannot be read of a shard is no error but an
    exception in the result.
    """
    begun, started = monotonic(), datetime.now(UTC)
    config, count = config or ScanConfig(), check_workers(workers)
    listed = list_shards([str(shard) for shard in shards])
    records = {file.path: ShardRecord(file.path, file.skipped) for file in listed}
    writer = RunWriter(Path(db), overwrite)
    try:
        with _joined_with(decoys, Path(index), Path(db), key, count) as folder:
            opened = Index(folder, key, config.scale)
            opened.verify()
            hello = {
                "config": config.to_json(),
                "index": str(folder.absolute()),
                "index_digest": opened.digest,
                "seed": opened.key.seed,
                "key_id": opened.key.key_id,
            }
            ordinary = learn([str(path) for path in background], hello, config, count)
            load_editions(writer, opened)
            todo = [record for record in records.values() if not record.skipped]
            most = min(count, max(1, 2 * len(todo)))
            compiling = 0.0
            if todo:
                pool = children or Children()
                compiling = _run(writer, records, hello, ordinary, pool, most, on_planned, on_progress, on_compiling)
            load_shards(writer, records)
            summary = summarize(writer, Path(db), records, config.match.min_words, monotonic() - begun, compiling)
            load_run(writer, opened, Path(index), config, ordinary, count, started, summary, len(listed))
        writer.finish()
    except BaseException:
        writer.abandon()
        raise
    return summary


@contextmanager
def _joined_with(decoys: Sequence[str | Path], index: Path, db: Path, key: Key | None, workers: int) -> Iterator[Path]:
    """The index, or for this scan a copy beside the run database with decoys behind its books."""
    if not decoys:
        yield index
        return
    with TemporaryDirectory(prefix=f".{db.name}.", suffix=".decoys", dir=db.parent) as folder:
        yield add_to_index(index, [], Path(folder) / "index", key=key, decoys=decoys, workers=workers).folder


def _run(
    writer: RunWriter,
    records: dict[str, ShardRecord],
    hello: dict[str, Any],
    background: Background,
    children: Children,
    workers: int,
    on_planned: Callable[[int], None],
    on_progress: Callable[[int, int], None],
    on_compiling: Callable[[], None],
) -> float:
    """Describe every shard, then scan its units and take its digest; each result is loaded as it comes.

    Returns the seconds that the slowest worker spent on compiling kernels.
    """
    tasks: deque[Task] = deque(
        {"task": "describe", "shard": record.shard, "path": record.shard}
        for record in records.values()
        if not record.skipped
    )
    compiling = 0.0
    known = background.fingerprints.tobytes()
    results = children.run(hello, tasks, workers, lambda size: on_progress(size, 0), on_compiling, known)
    try:
        for header, payload in results:
            record = records[header["shard"]]
            if header["task"] == "describe":
                tasks.extend(_described(record, header))
                on_planned(sum(part["text_bytes"] for unit in header.get("units", []) for part in unit))
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
    file = {"shard": record.shard, "path": record.shard, "identity": header.get("identity")}
    digest: Task = {"task": "digest", **file}
    if "error" in header:
        _note(record, header["error_kind"], header["error"])
        return [digest] if Path(record.shard).is_file() else []
    record.rows, record.row_groups, record.bytes = header["rows"], header["row_groups"], header["bytes"]
    record.format = header["format"]
    record.text_column, record.id_column = ", ".join(header["columns"]["texts"]), header["columns"]["id"]
    scans = [{"task": "scan", **file, "columns": header["columns"], "parts": unit} for unit in header["units"]]
    return [*scans, digest]


def _scanned(record: ShardRecord, header: dict[str, Any], payload: bytes) -> pa.Table:
    record.rows_read += header["rows_read"]
    record.counts.add(Counts(**header["counts"]))
    record.problems += header["problems"]
    return from_payload(payload, RESULT_SCHEMA, record.shard)


def _note(record: ShardRecord, kind: str, reason: str) -> None:
    if any(problem["reason"] == reason for problem in record.problems):
        return  # a file that cannot be opened cannot be hashed either
    record.problems.append({"shard": record.shard, "row_group": None, "row": None, "kind": kind, "reason": reason})
