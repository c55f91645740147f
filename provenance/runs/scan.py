"""One scan from arguments to a run database: list, describe, scan unit by unit, load, sum up."""

from __future__ import annotations

import shutil
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
from provenance.runs.local import Children
from provenance.runs.located import RESULT_SCHEMA
from provenance.runs.payloads import from_payload
from provenance.runs.plan import Plan, list_all
from provenance.runs.record import ScanSummary, ShardRecord, load_editions, load_run, load_shards, summarize
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
    anonymous: bool = False,
    scratch: str | Path | None = None,
    children: Children | None = None,
    on_planned: Callable[[int], None] = lambda text_bytes: None,
    on_progress: Callable[[int, int], None] = lambda text_bytes, matches: None,
    on_compiling: Callable[[], None] = lambda: None,
) -> ScanSummary:
    """Scan shards (files, directories, globs, objects of stores, lists of these) and write a run database.

    Objects are fetched whole into `scratch`, by default beside `db`, with the credentials of the environment or, with
    `anonymous`, none. Fingerprints of the index that are common in `background`, ordinary text, are discounted.
    `decoys` are books that cannot be in the shards; they are scanned for beside those of the index, and how many match
    is in the record of the run. The result does not depend on `workers`. `children` are worker processes that start
    already.

    Raises UsageError and its kind for arguments that cannot work, IndexDamagedError for a damaged index, BookError for
    decoys and ShardError for background that cannot be read; what cannot be read of a shard is no error but an
    exception in the result.
    """
    begun, started = monotonic(), datetime.now(UTC)
    config, count = config or ScanConfig(), check_workers(workers)
    with children or Children() as pool:
        listed = list_all([str(shard) for shard in shards], anonymous, pool)
        writer = RunWriter(Path(db), overwrite)
        try:
            with _joined_with(decoys, Path(index), Path(db), key, count) as folder:
                opened = Index(folder, key, config.scale)
                opened.verify()
                hello = _hello(opened, folder, config)
                ordinary = learn([str(path) for path in background], hello, config, count)
                load_editions(writer, opened)
                place = Path(db) if scratch is None else Path(scratch) / Path(db).name
                with _scratch_beside(place) as fetched:
                    plan, compiling = Plan(listed, fetched, anonymous, count), 0.0
                    if plan.shards:
                        told = on_planned, on_progress, on_compiling
                        compiling = _run(writer, plan, hello, ordinary, pool, count, *told)
                load_shards(writer, plan.records)
                seconds = monotonic() - begun
                summary = summarize(writer, Path(db), plan.records, config.match.min_words, seconds, compiling)
                load_run(writer, opened, Path(index), config, ordinary, count, started, summary, len(listed))
            writer.finish()
        except BaseException:
            writer.abandon()
            raise
    return summary


def _hello(index: Index, folder: Path, config: ScanConfig) -> dict[str, Any]:
    """What every worker is told first."""
    return {
        "config": config.to_json(),
        "index": str(folder.absolute()),
        "index_digest": index.digest,
        "seed": index.key.seed,
        "key_id": index.key.key_id,
    }


@contextmanager
def _joined_with(decoys: Sequence[str | Path], index: Path, db: Path, key: Key | None, workers: int) -> Iterator[Path]:
    """The index, or for this scan a copy beside the run database with decoys behind its books."""
    if not decoys:
        yield index
        return
    with TemporaryDirectory(prefix=f".{db.name}.", suffix=".decoys", dir=db.parent) as folder:
        yield add_to_index(index, [], Path(folder) / "index", key=key, decoys=decoys, workers=workers).folder


@contextmanager
def _scratch_beside(db: Path) -> Iterator[Path]:
    """Where objects are fetched to: a directory beside the run database, made by the first, gone in the end."""
    folder = db.with_name(f".{db.name}.fetched")
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(
    writer: RunWriter,
    plan: Plan,
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
    compiling = 0.0
    known = background.fingerprints.tobytes()
    results = children.run(
        hello, plan.tasks, min(workers, 2 * plan.shards), lambda size: on_progress(size, 0), on_compiling, known,
        plan.fetching,
    )  # fmt: skip
    try:
        for header, payload in results:
            if header["task"] == "describe":
                on_planned(sum(part["text_bytes"] for unit in header.get("units", []) for part in unit))
            elif header["task"] == "scan" and "error" not in header:
                matches = _scanned(plan.records[header["shard"]], header, payload)
                writer.load("match", matches)
                on_progress(header["untold_bytes"], matches.num_rows)
                compiling = max(compiling, header["compile_seconds"])
            plan.done(header)
    finally:
        results.close()  # type: ignore[attr-defined]  # it is a generator
    return compiling


def _scanned(record: ShardRecord, header: dict[str, Any], payload: bytes) -> pa.Table:
    record.rows_read += header["rows_read"]
    record.counts.add(Counts(**header["counts"]))
    record.problems += header["problems"]
    return from_payload(payload, RESULT_SCHEMA, record.shard)
