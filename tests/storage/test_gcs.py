"""Objects of Google's emulator."""

from __future__ import annotations

import hashlib

import pytest

from provenance.errors import StorageError, UsageError
from provenance.runs.scan import scan
from provenance.storage import fetch, list_remote
from provenance.storage.fetching import PART_BYTES, RetryPolicy
from tests.shards import formats

QUICK = RetryPolicy(attempts=2, first_wait=0.05, read_seconds=20, object_seconds=30)


def put(gcs, key: str, data: bytes) -> str:
    with gcs.open_output_stream(f"bucket/{key}", compression=None) as file:
        file.write(data)
    return f"gs://bucket/{key}"


def test_objects_are_listed_and_arrive_whole(gcs, tmp_path):
    data = hashlib.shake_128(b"x").digest(PART_BYTES + 1000)
    put(gcs, "d/b.bin", b"b")
    put(gcs, "d/a.bin", data)
    items = list_remote("gs://bucket/d/*.bin")
    assert [item.uri for item in items] == ["gs://bucket/d/a.bin", "gs://bucket/d/b.bin"]
    fetched = fetch(items[0], tmp_path / "a")
    assert fetched.sha256 == hashlib.sha256(data).hexdigest()
    assert fetched.version or fetched.etag


def test_an_object_that_changed_is_refused(gcs, tmp_path):
    [item] = list_remote(put(gcs, "a.bin", b"x"))
    put(gcs, "a.bin", b"yy")
    with pytest.raises(StorageError, match="changed after it was listed"):
        fetch(item, tmp_path / "a", QUICK)


def test_what_is_not_there_is_an_error(gcs):
    with pytest.raises(UsageError):
        list_remote("gs://bucket/none.parquet")


def test_a_scan_of_objects_finds_what_is_in_them(gcs, rows, index, tmp_path):
    put(gcs, "data/shard.parquet", formats.parquet(tmp_path, rows).read_bytes())
    summary = scan(["gs://bucket/data/"], index, tmp_path / "r.duckdb", workers=1)
    assert summary.complete
    assert summary.documents_matched == 15
