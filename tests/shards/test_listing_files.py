"""Which files of a directory are shards, and why the others are not."""

from __future__ import annotations

import json

import pytest

from provenance.shards.listing import list_shards
from provenance.shards.opening import kind_of
from tests.shards import formats


def test_every_file_of_a_directory_is_a_shard_or_has_a_reason(rows, tmp_path):
    formats.saved_data_set(tmp_path, rows)
    formats.jsonl_gz(tmp_path, rows)
    (tmp_path / "lines.json").write_bytes(formats.json_lines(rows))
    (tmp_path / "settings.json").write_text(json.dumps({"a": 1, "b": [2]}, indent=2))
    (tmp_path / "weights.bin").write_bytes(b"x")
    (tmp_path / "readme.md").write_text("x")
    (tmp_path / ".hidden.parquet").write_bytes(b"x")
    found = {file.path.removeprefix(f"{tmp_path}/"): file.skipped for file in list_shards([str(tmp_path)])}
    assert {name for name, skipped in found.items() if not skipped} == {
        "data_set/data-00000-of-00001.arrow", "shard.jsonl.gz", "lines.json", ".hidden.parquet",
    }  # fmt: skip
    reasons = {name: reason for name, reason in found.items() if reason}
    assert "state.json beside it does not name it" in reasons["data_set/cache-1234.arrow"]
    assert "describes a data set" in reasons["data_set/dataset_info.json"]
    assert "no JSON lines" in reasons["settings.json"]
    assert "no weights.idx beside it" in reasons["weights.bin"]
    assert ".md" in reasons["readme.md"]
    assert len(found) == 10


def test_a_file_that_is_named_is_a_shard_whatever_it_is_called(tmp_path):
    (tmp_path / "settings.json").write_text("{")
    [file] = list_shards([str(tmp_path / "settings.json")])
    assert not file.skipped


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.parquet", "parquet"), ("A.PARQUET", "parquet"), ("a.jsonl.zst", "jsonl"), ("a.json.gz", "jsonl"),
        ("a.tar.gz", "tar"), ("CC-MAIN.warc.wet.gz", "warc"), ("a.parquet.gz", None), ("a.gz", None), ("a", None),
        (".jsonl", None), ("a.npy.gz", None),
    ],
)  # fmt: skip
def test_names_promise_formats(name, kind):
    assert kind_of(name) == kind
