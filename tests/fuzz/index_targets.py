"""Targets that read an index, and what a worker process sends."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pyarrow as pa

import provenance
from provenance.errors import ProvenanceError
from provenance.index import format as names
from provenance.matching.matcher import Matcher
from provenance.shards.opening import open_shard
from provenance.shards.shard import Options
from provenance.units.config import ScanConfig
from provenance.units.located import RESULT_SCHEMA, Source
from provenance.units.payloads import from_payload, to_payload
from provenance.units.unit import scan_unit
from tests.fuzz.target import ROWS, Attempt, Target, index_of, mend
from tests.shards import formats


def index_files(index: Path) -> list[Path]:
    return sorted(path for path in index.iterdir() if path.stat().st_size)


def index_seeds(folder: Path) -> list[bytes]:
    """The number of a file and its bytes."""
    return [bytes([number]) + path.read_bytes() for number, path in enumerate(index_files(index_of(folder)))]


def index_attempt(folder: Path) -> Attempt:
    good, forged = index_of(folder), folder / "forged"
    files = index_files(good)
    shutil.copytree(good, forged, dirs_exist_ok=True)

    def attempt(data: bytes) -> None:
        path = files[data[0] % len(files)] if data else files[0]
        (forged / path.name).write_bytes(data[1:])
        mend(forged)
        try:
            use_index(forged)
        except (ProvenanceError, MemoryError):
            pass
        finally:
            for known in (path, good / names.MANIFEST):
                shutil.copyfile(known, forged / known.name)

    return attempt


def use_index(folder: Path) -> None:
    """Everything that a scan, `index info` and `index merge` do with an index."""
    index = provenance.Index(folder)
    index.verify()
    matcher = Matcher(index)
    matcher.match(pa.array([text for _, text in ROWS]))
    for number in range(min(index.editions.num_rows, 4)):
        index.texts.text(number)
    assert len(index.identities) == len(index.edition_ids) == len(index.work_ids)


def payload_attempt(folder: Path) -> Attempt:
    """What a scan reads of the results of its workers; a ValueError is Arrow's own, as for a name that is no UTF-8."""

    def one(data: bytes) -> None:
        with contextlib.suppress(ProvenanceError, pa.ArrowException, ValueError, OSError, MemoryError):
            from_payload(data, RESULT_SCHEMA, "shard")

    return one


def payload_seeds(folder: Path) -> list[bytes]:
    formats.parquet(folder, ROWS)
    path, config = folder / "shard.parquet", ScanConfig()
    matcher, options = Matcher(provenance.Index(index_of(folder))), Options.of(config)
    with open_shard(str(path), path.name, options) as opened:
        columns = opened.choose_columns()
        parts = opened.parts(columns)
    result = scan_unit(Source(path.name, str(path), columns, options), parts, matcher, config)
    return [bytes(to_payload(result.matches))]


TARGETS = {"index": Target(index_seeds, index_attempt), "payload": Target(payload_seeds, payload_attempt)}
