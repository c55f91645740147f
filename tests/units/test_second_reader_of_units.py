"""The page on unit files is enough: a few lines of plain Python that import nothing of ours read a run's ledger."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.store.database import RunReader
from tests.units import second_reader

COLUMNS = ("shard", "row", "doc_begin", "doc_end", "edition_id", "ref_word", "matched_words", "excerpt_sha256")


@pytest.fixture(scope="module")
def db(index, rows, tmp_path_factory) -> Path:
    """A run over two shards, one of which is cut into several units."""
    folder = tmp_path_factory.mktemp("units")
    for name, part in {"ä one": rows, "two": rows[:4]}.items():
        table = pa.table({"id": [n for n, _ in part], "text": [text for _, text in part]})
        pq.write_table(table, folder / f"{name}.parquet", row_group_size=4)
    config = provenance.ScanConfig(unit_bytes=4000)
    provenance.scan([folder], index, folder / "run.duckdb", config=config, workers=1)
    return folder / "run.duckdb"


def test_a_second_reader_finds_counts_and_matches_of_the_database(db):
    sums, matches, missing = second_reader.read_run(Path(f"{db}.units"))
    with RunReader(db) as run:
        columns = ", ".join(f'"{name}"' for name in COLUMNS)
        ours = run.query(f"SELECT {columns} FROM match ORDER BY ALL")
        totals = run.query("SELECT CAST(sum(documents) AS BIGINT) AS documents, CAST(sum(words) AS BIGINT) AS words, "
                           "CAST(sum(documents_matched) AS BIGINT) AS documents_matched FROM shard")[0]  # fmt: skip
        units = run.query("SELECT count(*) AS n FROM unit")[0]["n"]
    assert units > 2
    assert missing == []
    assert sorted(tuple(row[name] for name in COLUMNS) for row in matches) == [tuple(row.values()) for row in ours]
    assert {name: sums[name] for name in totals} == totals


def test_what_it_reads_locates_itself_in_the_shard(db):
    _, matches, _ = second_reader.read_run(Path(f"{db}.units"))
    texts = {path: pq.read_table(path)["text"].to_pylist() for path in {row["shard"] for row in matches}}
    assert matches
    for match in matches:
        passage = texts[match["shard"]][match["row"]].encode()[match["doc_begin"] : match["doc_end"]]
        assert hashlib.sha256(passage).hexdigest() == match["excerpt_sha256"]
        assert sum(block["words"] for block in match["blocks"]) == match["matched_words"]


def test_a_unit_that_is_missing_or_damaged_is_noticed(db, tmp_path):
    ledger = shutil.copytree(f"{db}.units", tmp_path / "units")
    first, second = sorted(Path(ledger).rglob("units/*/*.parquet"))[:2]
    first.unlink()
    assert second_reader.read_run(ledger)[2] == [first.stem]
    data = bytearray(second.read_bytes())
    data[len(data) // 2] ^= 1
    second.write_bytes(data)
    with pytest.raises(ValueError, match="is damaged"):
        second_reader.read_run(ledger)
