"""Cleaning shards in a store, into a store: the same bytes as here."""

from __future__ import annotations

import pytest

from provenance.cleaning.selection import Selection
from provenance.cleaning.shards import Wanted, clean_into
from provenance.runs.engine import Watch
from provenance.runs.request import Request
from provenance.runs.scan import scan
from tests.cleaning.making import lines_of, table_of, write_lines, write_parquet


def objects(s3, prefix: str) -> dict[str, bytes]:
    listed = s3.boto.list_objects_v2(Bucket=s3.bucket, Prefix=prefix).get("Contents", [])
    return {
        item["Key"].removeprefix(prefix): s3.boto.get_object(Bucket=s3.bucket, Key=item["Key"])["Body"].read()
        for item in listed
    }


@pytest.mark.slow
def test_objects_are_cleaned_into_objects_and_a_changed_one_is_left_out(s3, rows, index, tmp_path):
    here = tmp_path / "here"
    write_parquet(here / "a.parquet", table_of(rows), compression="zstd")
    write_lines(here / "x" / "b.jsonl.gz", b"\n".join(lines_of(rows)))
    write_parquet(here / "x" / "c.parquet", table_of(rows[:1]))
    for path in sorted(here.rglob("*.*")):
        s3.put(f"data/{path.relative_to(here)}", path.read_bytes())
    request = Request((), "", workers=2)
    results = {}
    for name, shards, out in (
        ("local", [here], str(tmp_path / "out")),
        ("remote", [f"s3://{s3.bucket}/data/"], f"s3://{s3.bucket}/clean"),
    ):
        db = tmp_path / f"{name}.duckdb"
        scan(shards, index, db, workers=1)
        results[name] = clean_into(db, Wanted("drop", out, Selection("quotation"), request=request))
        assert results[name].complete, results[name].left_out
        assert results[name].remaining == []
    assert results["local"].counts == results["remote"].counts
    written = {
        str(p.relative_to(tmp_path / "out")): p.read_bytes() for p in (tmp_path / "out").rglob("*.*") if p.is_file()
    }
    for key, data in objects(s3, "clean/").items():
        if not key.startswith(".provenance/"):
            assert written[key] == data
    assert {key for key in objects(s3, "clean/") if not key.startswith(".")} == {
        "a.parquet",
        "x/b.jsonl.gz",
        "x/c.parquet",
    }
    resumed = []
    wanted = Wanted("drop", f"s3://{s3.bucket}/clean", Selection("quotation"), request=request, check=False)
    clean_into(tmp_path / "remote.duckdb", wanted, watch=Watch(on_resumed=lambda *counts: resumed.append(counts)))
    assert resumed == [(3, 3)]
    s3.put("data/a.parquet", (here / "x" / "c.parquet").read_bytes())
    wanted = Wanted("mask", f"s3://{s3.bucket}/masked", Selection("quotation"), request=request, check=False)
    summary = clean_into(tmp_path / "remote.duckdb", wanted)
    assert [row["shard"] for row in summary.left_out] == [f"s3://{s3.bucket}/data/a.parquet"], summary.left_out
    assert set(objects(s3, "masked/")) >= {"x/b.jsonl.gz", "x/c.parquet"}
    assert "a.parquet" not in objects(s3, "masked/")
