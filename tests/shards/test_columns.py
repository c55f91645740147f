"""Which columns are scanned, and how texts are taken out of nested ones."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from provenance.errors import TextColumnError
from provenance.runs.scan import scan
from provenance.shards.columns import choose_columns, completed, leaves_of, text_path
from provenance.shards.reading import Reading
from provenance.store.database import RunReader
from provenance.units.config import ScanConfig

CHAT = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
PARTS = pa.list_(pa.struct([("type", pa.string()), ("text", pa.string())]))

SAID = pa.list_(pa.struct([("from", pa.string()), ("value", pa.string())]))

CHOSEN = [
    ([("id", pa.int64()), ("text", pa.string())], ("text",), "id"),
    ([("content", pa.large_string()), ("url", pa.string())], ("content",), "url"),
    ([("text", pa.int64()), ("body", pa.binary())], ("body",), None),
    ([("messages", CHAT)], ("messages[].content",), None),
    ([("conversations", SAID)], ("conversations[].value",), None),
    ([("text", pa.list_(pa.string()))], ("text[]",), None),
    ([("document", pa.struct([("title", pa.string()), ("text", pa.string())]))], ("document.text",), None),
    ([("text", pa.dictionary(pa.int32(), pa.string()))], ("text",), None),
    ([("id", PARTS), ("text", pa.string())], ("text",), None),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "texts", "row_id"), CHOSEN)
def test_columns_are_found_by_name_and_type(fields, texts, row_id):
    columns = choose_columns(pa.schema(fields), "s", Reading())
    assert (columns.texts, columns.id) == (texts, row_id)


def test_paths_can_be_given_and_names_that_look_like_paths_are_names():
    schema = pa.schema(
        [("a.b", pa.string()), ("meta", pa.struct([("deep", pa.struct([("note", pa.string())]))])), ("m", CHAT)]
    )
    columns = choose_columns(schema, "s", Reading(("a.b", "meta.deep.note", "m[].role", "m")))
    assert columns.texts == ("a.b", "meta.deep.note", "m[].role", "m[].content")
    assert text_path("a.b", schema.names).steps == ()
    assert columns.names() == ["a.b", "meta", "m"]


@pytest.mark.parametrize("write", [pq.write_table, lambda table, path: feather.write_feather(table, str(path))])
def test_columns_whose_names_look_like_paths_are_scanned(write, rows, index, tmp_path):
    write(pa.table({"a": [1] * len(rows), "a.b": [text for _, text in rows]}), tmp_path / "shard")
    config = ScanConfig(text_columns=("a.b",))
    summary = scan([tmp_path / "shard"], index, tmp_path / "r.duckdb", workers=1, config=config)
    assert (summary.complete, summary.documents_matched) == (True, 15)


@pytest.mark.parametrize("path", ["none", "id", "m[].none", "m.content", "m[][]", "meta"])
def test_a_path_without_text_is_refused_naming_what_there_is(path):
    schema = pa.schema([("id", pa.int64()), ("m", CHAT), ("meta", pa.struct([("n", pa.int64())]))])
    with pytest.raises(TextColumnError, match="meta"):
        choose_columns(schema, "s", Reading((path,)))


def test_token_ids_need_a_tokenizer():
    schema = pa.schema([("input_ids", pa.list_(pa.int32())), ("n", pa.int64())])
    with pytest.raises(TextColumnError, match="--tokenizer"):
        choose_columns(schema, "s", Reading())
    assert choose_columns(schema, "s", Reading(), tokenizer=True).texts == ("input_ids",)
    assert completed("n", schema) is None


@pytest.mark.parametrize("kind", [pa.list_, pa.large_list, pa.list_view])
def test_items_know_their_row_and_number_also_in_slices_with_nulls(kind):
    values = [["x"], ["a", None, "b"], None, [], ["c"]]
    array = pa.array(values, kind(pa.string())).slice(1)
    leaves = leaves_of(array, ["[]"])
    assert leaves.values.to_pylist() == ["a", None, "b", "c"]
    assert leaves.owners.tolist() == [0, 0, 0, 3]
    assert leaves.items.tolist() == [0, 1, 2, 0]


def test_several_columns_of_a_row_are_one_document(rows, index, tmp_path):
    texts = [text for _, text in rows]
    nothing = ["nothing of note"] * len(rows)
    talks = [
        [{"role": "u", "content": other}, {"role": "a", "content": text}]
        for text, other in zip(texts, nothing, strict=True)
    ]
    pq.write_table(pa.table({"a": texts, "b": [None] * len(rows), "m": pa.array(talks, CHAT)}), tmp_path / "s.parquet")
    config = ScanConfig(text_columns=("a", "m"))
    summary = scan([tmp_path / "s.parquet"], index, tmp_path / "r.duckdb", workers=1, config=config)
    assert (summary.documents_scanned, summary.documents_matched) == (20, 15)
    with RunReader(tmp_path / "r.duckdb") as run:
        found = run.query('SELECT "row", text_column, doc_begin, excerpt FROM match ORDER BY ALL')
        shards = run.query("SELECT text_column FROM shard")
        documents = run.query('SELECT "row", matched_words FROM v_documents ORDER BY "row"')
        words = run.query('SELECT "row", sum(doc_words) AS words FROM match GROUP BY "row" ORDER BY "row"')
    assert {row["text_column"] for row in found} == {"a", "m[1].content"}
    per_column = [
        [(r["row"], r["doc_begin"], r["excerpt"]) for r in found if r["text_column"] == name]
        for name in ("a", "m[1].content")
    ]
    assert per_column[0] == per_column[1]
    assert shards == [{"text_column": "a, m[].content"}]
    # the same passage in two columns is there twice
    assert [row["matched_words"] for row in documents] == [row["words"] for row in words]
