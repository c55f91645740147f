"""Scanning objects of Google's emulator."""

from __future__ import annotations

from provenance.runs.scan import scan
from tests.shards import formats


def test_a_scan_of_objects_finds_what_is_in_them(gcs, rows, index, tmp_path):
    bucket, files = gcs
    with files.open_output_stream(f"{bucket}/data/shard.parquet") as file:
        file.write(formats.parquet(tmp_path, rows).read_bytes())
    summary = scan([f"gs://{bucket}/data/"], index, tmp_path / "r.duckdb", workers=1)
    assert summary.complete
    assert summary.documents_matched == 15
