"""A run whose index, shards and units all lie in an object store gives what a local one gives, on a bad network too."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

import provenance
from provenance.errors import IndexDamagedError, OtherRunError, ProvenanceError
from provenance.runs.collect import collect
from provenance.runs.request import Request
from provenance.runs.scan import scan_share
from provenance.storage.folders import open_folder
from provenance.store.database import RunReader
from provenance.store.export import export
from provenance.units.cutting import Share
from provenance.verify.check import DIFFERENT, EQUAL, UNCHECKED
from provenance.verify.run import Wanted, verify
from tests.shards import formats

CONFIG = provenance.ScanConfig(unit_bytes=2000)


@pytest.fixture
def stored(s3, rows, index, tmp_path, monkeypatch) -> Path:
    """Shards and index in a bucket; the shards here too."""
    monkeypatch.setenv("PROVENANCE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "local"
    folder.mkdir()
    for path in (formats.parquet(folder, rows), formats.jsonl_gz(folder, rows)):
        s3.put(f"data/{path.name}", path.read_bytes())
    for path in Path(index).iterdir():
        s3.put(f"index/{path.name}", path.read_bytes())
    return folder


def matches(db: Path) -> list[dict]:
    with RunReader(db) as run:
        export(run, "matches", "parquet", db.with_suffix(".matches"))
    table = pq.read_table(db.with_suffix(".matches")).drop_columns(["match_id", "shard", "doc_id"])
    return table.to_pylist()


def test_index_shards_and_units_in_a_bucket_give_what_local_files_give(s3, stored, index, tmp_path):
    provenance.scan([stored], index, tmp_path / "local.duckdb", config=CONFIG)
    place = f"s3://{s3.bucket}"
    for task in (2, 1, 3):
        share = scan_share(Request((f"{place}/data/",), f"{place}/index", CONFIG), f"{place}/run", Share(task, 3))
        assert share.complete
    assert collect(f"{place}/run", tmp_path / "s3.duckdb").complete
    found = matches(tmp_path / "s3.duckdb")
    assert found
    assert found == matches(tmp_path / "local.duckdb")
    again = provenance.scan(
        [f"{place}/data/"], f"{place}/index", tmp_path / "s3.duckdb", out=f"{place}/run", config=CONFIG
    )
    assert again.complete


def test_an_index_that_changed_in_the_store_is_noticed_when_it_is_copied(s3, stored, tmp_path):
    good = s3.boto.get_object(Bucket=s3.bucket, Key="index/postings.u32")["Body"].read()
    s3.put("index/postings.u32", good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(IndexDamagedError, match=r"postings\.u32 is damaged"):
        provenance.scan([stored], f"s3://{s3.bucket}/index", tmp_path / "r.duckdb", config=CONFIG)
    assert not (tmp_path / "r.duckdb").exists()


def test_an_object_is_created_once_and_then_stays(s3):
    folder = open_folder(f"s3://{s3.bucket}/run")
    assert folder.write("units/a", b"first")
    assert not folder.write("units/a", b"second")
    assert folder.write("units/a", b"first"), "an answer that was lost: what is there is ours"
    assert folder.read("units/a") == b"first"
    assert folder.write("units/a", b"third", replace=True)
    assert folder.names("units") == ["units/a"]
    folder.remove("units/a")
    assert folder.read("units/a") is None
    folder.remove("units/a")


def test_an_output_bucket_that_is_not_there_is_told_in_a_line(s3, stored, index, tmp_path):
    place = "s3://no-such-bucket/run"
    with pytest.raises(ProvenanceError) as told:
        provenance.scan([stored], index, tmp_path / "r.duckdb", out=place, config=CONFIG)
    assert told.value.exit_code == 3
    assert str(told.value).startswith(place)
    assert "there is no bucket no-such-bucket: make it, or name another place" in str(told.value)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "r.duckdb").exists()
    folder = open_folder(place)
    for change in (lambda: folder.write("a", b"1"), lambda: folder.remove("a"), lambda: folder.names("units")):
        with pytest.raises(ProvenanceError, match="there is no bucket no-such-bucket"):
            change()


def test_other_terms_in_the_bucket_are_refused(s3, stored, index):
    place = f"s3://{s3.bucket}/run"
    scan_share(Request((str(stored),), index, CONFIG), place)
    with pytest.raises(OtherRunError, match="--unit-size was 2000, now 3000"):
        scan_share(Request((str(stored),), index, provenance.ScanConfig(unit_bytes=3000)), place)


@pytest.mark.slow
def test_a_run_in_a_bucket_is_verified_there(s3, stored, tmp_path):
    place, db = f"s3://{s3.bucket}", tmp_path / "r.duckdb"
    provenance.scan([f"{place}/data/"], f"{place}/index", db, out=f"{place}/run", config=CONFIG)
    wanted = Wanted(shards=True, index=f"{place}/index", everything=True)
    assert [(check.name, check.state) for check in verify(db, wanted)] == [
        (name, EQUAL) for name in ("units", "database", "shards", "index", "matches")
    ]
    name = next(path.name for path in stored.iterdir() if path.name.endswith(".parquet"))
    s3.put(f"data/{name}", (stored / name).read_bytes() + b"\n")
    found = {check.name: check for check in verify(db, wanted)}
    assert found["shards"].state == DIFFERENT
    assert name in found["shards"].examples[0]
    assert found["matches"].state == UNCHECKED
    s3.boto.delete_object(Bucket=s3.bucket, Key=f"data/{name}")
    found = {check.name: check for check in verify(db, wanted)}
    assert found["shards"].state == UNCHECKED
    assert name in found["shards"].examples[0]
