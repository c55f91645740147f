"""A scan's result does not depend on how it was done, and its counts add up."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.errors import UsageError
from provenance.store.database import RunReader
from tests.runs.exports import exports
from tests.shards.fixtures import prose


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Three books, an index, and five shards with parts of two of them."""
    folder = tmp_path_factory.mktemp("scan")
    books = [prose(seed, 6000) for seed in range(3)]
    table = pa.table({"id": ["a", "b", "c"], "title": ["A", "B", "C"], "author": ["x", "y", "z"], "text": books})
    pq.write_table(table, folder / "books.parquet")
    provenance.build_index([folder / "books.parquet"], folder / "index")
    shards = folder / "shards"
    shards.mkdir()
    rng = random.Random(5)
    for number in range(5):
        rows = []
        for row in range(200):
            text = prose(1000 + 200 * number + row, 300)
            if row % 7 == 0:
                words, first = books[row % 2].split(), rng.randrange(5700)
                text = f"{text[:500]} {' '.join(words[first : first + 200])} {text[500:]}"
            rows.append(text if row % 50 else None)
        pq.write_table(pa.table({"text": rows}), shards / f"{number}.parquet", row_group_size=30)
    (shards / "_SUCCESS").touch()
    return folder


def test_workers_units_and_order_change_nothing(folder, tmp_path):
    shards = sorted((folder / "shards").glob("*.parquet"))
    results = []
    for number, (workers, unit_bytes, order) in enumerate([(1, 1 << 28, 1), (2, 5_000, 1), (3, 50_000, -1)]):
        config = provenance.ScanConfig(unit_bytes=unit_bytes)
        db = tmp_path / f"{number}.duckdb"
        provenance.scan(shards[::order], folder / "index", db, config=config, workers=workers)
        results.append(exports(db))
    assert results[0] == results[1] == results[2]


def test_files_rows_and_documents_add_up(folder, tmp_path):
    summary = provenance.scan([folder / "shards"], folder / "index", tmp_path / "r.duckdb", workers=2)
    assert summary.shards == {"scanned": 5, "partial": 0, "failed": 0, "skipped": 1}
    assert summary.complete
    assert (summary.documents_scanned, summary.nulls) == (1000, 20)
    with RunReader(tmp_path / "r.duckdb") as run:
        shards = run.query("SELECT * FROM v_shards WHERE outcome = 'scanned'")
        assert all(s["rows"] == s["rows_read"] == s["documents"] == 200 for s in shards)
        assert all(len(s["sha256"]) == 64 for s in shards)
        assert sum(s["documents_matched"] for s in shards) == summary.documents_matched
        assert run.query("SELECT count(*) AS n FROM v_documents")[0]["n"] == summary.documents_matched
        credited = run.query("SELECT sum(matched_words) AS n FROM match")[0]["n"]
        assert run.query("SELECT sum(credited_words) AS n FROM v_works")[0]["n"] == credited


def test_rows_are_where_the_run_says_and_each_planted_row_is_found(folder, tmp_path):
    provenance.scan([folder / "shards" / "2.parquet"], folder / "index", tmp_path / "r.duckdb")
    texts = pq.read_table(folder / "shards" / "2.parquet")["text"]
    with RunReader(tmp_path / "r.duckdb") as run:
        rows = run.query('SELECT * FROM match ORDER BY "row"')
    assert {row["row"] for row in rows} == {row for row in range(200) if row % 7 == 0 and row % 50}
    for row in rows:
        assert row["doc_id"] == f"{row['shard']}:{row['row_group']}:{row['row']}"
        assert row["row_group"] == row["row"] // 30
        assert row["edition_id"] == "ab"[row["row"] % 2]
        assert texts[row["row"]].as_py().encode()[row["doc_begin"] : row["doc_end"]].decode() == row["excerpt"] or (
            row["doc_end"] - row["doc_begin"] > 1000
        )
        assert row["matched_words"] >= 200


def test_coverage_is_the_union_of_matched_words(folder, tmp_path):
    provenance.scan([folder / "shards"], folder / "index", tmp_path / "r.duckdb")
    with RunReader(tmp_path / "r.duckdb") as run:
        blocks = run.query("SELECT edition_id, unnest(blocks) AS b FROM v_passages")
        works = {row["work_id"]: row for row in run.query("SELECT * FROM v_works")}
        stretches = run.query("SELECT * FROM v_coverage")
    covered: dict[str, set[int]] = {}
    for row in blocks:
        first = row["b"]["ref_word"]
        covered.setdefault(row["edition_id"], set()).update(range(first, first + row["b"]["words"]))
    for work in ("a", "b"):
        assert works[work]["covered_words"] == len(covered[work])
        assert works[work]["coverage"] == pytest.approx(len(covered[work]) / len(prose(0, 6000).split()), abs=1e-6)
        assert sum(s["words"] for s in stretches if s["edition_id"] == work) == len(covered[work])
    assert works["c"]["grade"] == "none"


def test_every_type_of_text_column_gives_the_same_matches(folder, tmp_path):
    texts = pq.read_table(folder / "shards" / "1.parquet")["text"].combine_chunks()
    found = []
    for number, kind in enumerate(
        [pa.string(), pa.large_string(), pa.binary(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
    ):
        column = texts.dictionary_encode() if pa.types.is_dictionary(kind) else texts.cast(kind)
        path = tmp_path / f"{number}.parquet"
        pq.write_table(pa.table({"text": column}), path)
        provenance.scan([path], folder / "index", tmp_path / f"{number}.duckdb")
        with RunReader(tmp_path / f"{number}.duckdb") as run:
            found.append(
                run.query('SELECT "row", doc_begin, doc_end, edition_id, ref_begin, ref_end FROM match ORDER BY ALL')
            )
    assert found[0]
    assert all(rows == found[0] for rows in found)


def test_a_dictionary_bomb_costs_little_memory(folder, tmp_path):
    """A megabyte of text, referred to 20,000 times: 20 GB if each row had its copy."""
    text = prose(1, 6000)[:20_000] + " filler" * 150_000
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array([text]))
    pq.write_table(pa.table({"text": column}), tmp_path / "bomb.parquet")
    assert (tmp_path / "bomb.parquet").stat().st_size < 200_000
    summary = provenance.scan([tmp_path / "bomb.parquet"], folder / "index", tmp_path / "r.duckdb", workers=1)
    assert (summary.documents_scanned, summary.documents_matched) == (20_000, 20_000)


def test_zero_workers_are_refused(folder, tmp_path):
    with pytest.raises(UsageError, match="--workers"):
        provenance.scan([folder / "shards"], folder / "index", tmp_path / "r.duckdb", workers=0)
    assert not (tmp_path / "r.duckdb").exists()
