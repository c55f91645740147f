"""Scanning objects of a store that speaks as Google's does."""

from __future__ import annotations

from provenance.runs.scan import scan
from tests.shards import formats


def test_a_scan_of_objects_finds_what_is_in_them(gcs, rows, index, tmp_path):
    gcs.put("data/shard.parquet", formats.parquet(tmp_path, rows).read_bytes())
    summary = scan(["gs://bucket/data/"], index, tmp_path / "r.duckdb", workers=1)
    assert summary.complete
    assert summary.documents_matched == 15
