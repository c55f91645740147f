"""Rows are taken from all over a shard, the same every time, and never more of them than was asked for."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.errors import ShardError
from provenance.runs.sampling import MOST_SHARDS, Sample, _take, some_shards
from provenance.shards.shard import Options
from provenance.units import sampler
from provenance.units.messages import SampleAnswer
from provenance.units.payloads import from_payload, to_payload
from provenance.units.sampler import ROW_BYTES, SAMPLE_SCHEMA, sample


def taken(path, most: int, seed: int = 0) -> list[tuple[int, str, bytes, int]]:
    _, payload = sample(str(path), "s", Options(), most, seed)
    return [tuple(row.values()) for row in from_payload(bytes(payload), SAMPLE_SCHEMA, "s").to_pylist()]


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "s.parquet"
    pq.write_table(pa.table({"text": [f"row {n}" for n in range(1000)]}), path, row_group_size=100)
    return path


def test_rows_come_from_everywhere_in_order_and_again_the_same(shard):
    rows = taken(shard, 200)
    assert rows == taken(shard, 200)
    assert rows != taken(shard, 200, seed=1)
    assert all(text == f"row {row}".encode() and size == len(text) for row, _, text, size in rows)
    numbers = [row for row, *_ in rows]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 200
    assert {number // 100 for number in numbers} == set(range(10)), "every row group"
    assert len(taken(shard, 5000)) == 1000


def test_of_a_long_part_its_first_rows_are_read(shard, monkeypatch):
    monkeypatch.setattr(sampler, "PART_BYTES", 1)
    monkeypatch.setattr(sampler, "SHARD_BYTES", 3)
    looked, _ = sample(str(shard), "s", Options(), 10, 0)
    assert 3 <= looked.texts < 1000


@pytest.mark.parametrize("letter", ["x", "é", "中", "𝒳"])
def test_a_stretch_of_a_long_row_has_whole_characters(tmp_path, letter):
    path = tmp_path / "s.parquet"
    pq.write_table(pa.table({"text": ["a" + letter * ROW_BYTES]}), path)
    for seed in range(20):
        ((_, _, text, size),) = taken(path, 1, seed)
        assert set(text.decode()) <= {"a", letter}
        assert ROW_BYTES - 6 <= len(text) <= ROW_BYTES
        assert size == 1 + len(letter.encode()) * ROW_BYTES


def test_a_child_that_gives_more_than_was_asked_for_is_not_believed():
    for texts in ([b"one", b"two"], [b"x" * (ROW_BYTES + 1)], [None]):
        rows = [{"row": 0, "column": "text", "text": text, "bytes": 1} for text in texts]
        payload = bytes(to_payload(pa.Table.from_pylist(rows, schema=SAMPLE_SCHEMA)))
        with pytest.raises(ShardError, match="makes no sense"):
            _take(Sample(), "s", SampleAnswer(1, 0, 0), payload, 1)


def test_shards_are_some_of_those_there_are_whatever_their_order():
    names = [f"shard-{n}" for n in range(100)]
    chosen = some_shards(names, 3)
    assert chosen == some_shards(names[::-1], 3) == sorted(chosen)
    assert len(set(chosen)) == MOST_SHARDS
    assert set(chosen) < set(names)
    assert some_shards(["b", "a"], 0) == ["a", "b"]
