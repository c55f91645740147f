"""Shards that are no plain text, and runs that compared none: what clean does with them."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.cleaning.shards import clean
from provenance.index.building import build_index
from provenance.runs.scan import scan
from provenance.store.database import RunReader
from provenance.units.config import ScanConfig
from tests.cleaning.making import lines_of, table_of, write_lines, write_parquet

pytestmark = pytest.mark.slow


def rows_of(db) -> set[int]:
    with RunReader(db) as run:
        return {row["row"] for row in run.query('SELECT DISTINCT "row" FROM match')}


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_rows_of_token_ids_are_dropped_and_annotated_and_not_masked(form, rows, index, tokenizer, tmp_path):
    trained, file = tokenizer
    ids = [trained.encode(text).ids for _, text in rows]
    if form == "parquet":
        path = write_parquet(tmp_path / "data" / "a.parquet", pa.table({"input_ids": ids}))
    else:
        path = write_lines(
            tmp_path / "data" / "a.jsonl", b"\n".join(json.dumps({"input_ids": i}).encode() for i in ids)
        )
    db = tmp_path / "run.duckdb"
    assert scan([path], index, db, config=ScanConfig(tokenizer=file), workers=1).complete
    gone = rows_of(db)
    assert 0 < len(gone) < len(rows)
    dropped = clean(db, tmp_path / "dropped", "drop", grade="quotation", workers=1)
    assert (dropped.complete, dropped.remaining, dropped.counts["dropped"]) == (True, [], len(gone))
    kept = read(tmp_path / "dropped" / path.name)
    assert [row["input_ids"] for row in kept] == [i for n, i in enumerate(ids) if n not in gone]
    noted = clean(db, tmp_path / "noted", "annotate", grade="quotation", workers=1)
    assert noted.complete, noted.left_out
    annotated = read(tmp_path / "noted" / path.name)
    assert {n for n, row in enumerate(annotated) if row["prov_works"]} == gone
    assert all(0 < annotated[n]["prov_coverage"] <= 1 for n in gone)
    masked = clean(db, tmp_path / "masked", "mask", grade="quotation", check=False, workers=1)
    assert masked.parts == []
    assert f"of shard {path} holds token ids, in which nothing can be masked" in masked.left_out[0]["reason"]


def read(path):
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_one_turn_of_a_chat_in_json_is_masked_and_the_others_stay(rows, index, tmp_path):
    lines = [
        json.dumps(
            {"messages": [{"role": "user", "content": "Go on."}, {"content": text, "role": "assistant"}]}
        ).encode()
        for _, text in rows
    ]
    path = write_lines(tmp_path / "data" / "chat.jsonl", b"\n".join(lines))
    db = tmp_path / "run.duckdb"
    assert scan([path], index, db, workers=1).complete
    summary = clean(db, tmp_path / "out", "mask", grade="quotation", workers=1)
    assert (summary.complete, summary.remaining, summary.again.documents_matched) == (True, [], 0)
    new = (tmp_path / "out" / "chat.jsonl").read_bytes().split(b"\n")
    for n, (line, other) in enumerate(zip(lines, new, strict=True)):
        assert (line == other) == (n not in rows_of(db))
        assert json.loads(other)["messages"][0] == {"role": "user", "content": "Go on."}
        assert json.loads(other)["messages"][1]["role"] == "assistant"


def test_what_an_index_without_texts_estimates_is_dropped(books, rows, tmp_path):
    (tmp_path / "books").mkdir()
    for name, text in books.items():
        (tmp_path / "books" / f"{name}.txt").write_text(text, encoding="utf-8")
    sketch = provenance.FracMinHash(5, 1)
    index = build_index([tmp_path / "books"], tmp_path / "index", keep_texts=False, sketch=sketch).folder
    write_parquet(tmp_path / "data" / "a.parquet", table_of(rows))
    write_lines(tmp_path / "data" / "b.jsonl", b"\n".join(lines_of(rows)))
    db = tmp_path / "run.duckdb"
    assert scan([tmp_path / "data"], index, db, workers=1).complete
    summary = clean(db, tmp_path / "out", "drop", grade="quotation", workers=1)
    assert (summary.complete, summary.remaining, summary.again.documents_matched) == (True, [], 0)
    assert summary.counts["dropped"] == 2 * len(rows_of(db))
    masked = clean(db, tmp_path / "masked", "mask", grade="quotation", check=False, workers=1)
    assert masked.complete
    assert masked.counts["changed"] == summary.counts["dropped"]
