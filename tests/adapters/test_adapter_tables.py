"""Arrow tables in, the same with columns out: in this process, in threads, and wherever the callable is sent."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

import provenance
from provenance.adapters import recipe, tables
from provenance.adapters.recipe import Recipe
from provenance.adapters.tables import Annotate
from provenance.errors import IndexMissingError, KeyMismatchError, UsageError
from provenance.matching.annotations import PROV_SCHEMA
from tests.adapters.oracle import told


def test_tables_and_batches_get_the_columns_and_keep_what_they_had(index, texts, expected):
    table = pa.table({"id": range(len(texts)), "text": texts}).replace_schema_metadata({"kept": "yes"})
    annotated = Annotate(index)(table)
    assert annotated.select(PROV_SCHEMA.names).to_pylist() == expected
    assert annotated.schema == pa.schema([*table.schema, *PROV_SCHEMA], metadata=table.schema.metadata)
    assert annotated.select(["id", "text"]).equals(table)
    batch = Annotate(index)(table.to_batches()[0])
    assert isinstance(batch, pa.RecordBatch)
    assert batch.equals(annotated.to_batches()[0])


def test_a_column_of_another_name_and_thresholds_are_told_as_options(index, texts):
    config = provenance.MatchConfig(min_words=200)
    annotated = Annotate(index, "body", config=config)(pa.table({"body": texts}))
    rows = annotated.select(PROV_SCHEMA.names).to_pylist()
    assert rows == told(index, texts, min_words=200)
    assert rows != told(index, texts)


def test_a_table_without_texts_or_with_the_columns_already_is_a_usage_error(index):
    annotate = Annotate(index)
    with pytest.raises(UsageError, match="no column text, only body: pass text_column="):
        annotate(pa.table({"body": ["a"]}))
    with pytest.raises(UsageError, match="already: drop prov_works, prov_spans, prov_i"):
        annotate(annotate(pa.table({"text": ["a"]})))
    with pytest.raises(UsageError, match="int64"):
        annotate(pa.table({"text": [1]}))


def test_no_rows_are_a_table_with_the_columns_too(index):
    empty = Annotate(index)(pa.table({"text": pa.array([], pa.string())}))
    assert empty.num_rows == 0
    assert empty.schema.names == ["text", *PROV_SCHEMA.names]


def test_a_keyed_index_needs_its_key_file_which_is_not_sent_along(index, books, texts, tmp_path):
    secret = b"sixteen bytes or more"
    (tmp_path / "key").write_bytes(secret)
    (tmp_path / "books").mkdir()
    for name, text in books.items():
        (tmp_path / "books" / f"{name}.txt").write_text(text, encoding="utf-8")
    keyed = provenance.build_index([tmp_path / "books"], tmp_path / "keyed", key=provenance.Key.from_secret(secret))
    with pytest.raises(KeyMismatchError):
        Annotate(keyed.folder)
    with pytest.raises(UsageError, match="cannot read key file"):
        Annotate(keyed.folder, key_file=tmp_path / "none")
    annotate = Annotate(keyed.folder, key_file=tmp_path / "key")
    rows = annotate(pa.table({"text": texts})).select(PROV_SCHEMA.names)
    assert rows.equals(Annotate(index)(pa.table({"text": texts})).select(PROV_SCHEMA.names))
    assert secret not in pickle.dumps(annotate)


def test_there_must_be_an_index_when_a_pipeline_is_made_not_only_when_it_runs(tmp_path):
    with pytest.raises(IndexMissingError):
        Annotate(tmp_path / "none")


def test_an_index_is_opened_once_a_thread_and_no_thread_disturbs_another(index, texts, expected, monkeypatch):
    annotate, opened, opening = Annotate(index, config=provenance.MatchConfig(max_gap=63)), [], recipe._open
    monkeypatch.setattr(recipe, "_open", lambda *at: opened.append(at) or opening(*at))
    table = pa.table({"text": texts})
    with ThreadPoolExecutor(2) as pool:
        for annotated in pool.map(annotate, [table] * 12):
            assert annotated.select(PROV_SCHEMA.names).to_pylist() == expected
    assert 1 <= len(opened) <= 2


def test_another_index_at_the_same_place_is_noticed_by_workers(own_index, replace_index, texts):
    annotate = Annotate(own_index)
    replace_index()
    with pytest.raises(UsageError, match="another one here"):
        annotate(pa.table({"text": texts}))
    assert Annotate(own_index).recipe != annotate.recipe


def test_what_is_sent_to_workers_is_small_holds_no_index_and_works_from_elsewhere(
    index, texts, expected, tmp_path, monkeypatch
):
    monkeypatch.chdir(index.parent)
    annotate = Annotate(index.name)
    annotate(pa.table({"text": texts}))  # opened here, and yet not sent
    sent = pickle.dumps(annotate)
    assert len(sent) < 2000
    (tmp_path / "sent").write_bytes(sent)
    script = """
import json, pickle, sys, pyarrow as pa
annotate = pickle.load(open(sys.argv[1], "rb"))
print(annotate(pa.table({"text": json.load(sys.stdin)})).select(["prov_works"]).to_pylist())
"""
    command = [sys.executable, "-c", script, str(tmp_path / "sent")]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.strip() == str([{"prov_works": row["prov_works"]} for row in expected])


def test_no_adapter_is_longer_than_80_lines():
    paths = list(Path(tables.__file__).parent.glob("*.py"))
    assert {"spark", "trove", "ray_data"} <= {path.stem for path in paths}
    for path in paths:
        assert len(path.read_text("utf-8").splitlines()) <= 80, path.name


def test_half_of_a_surrogate_pair_separates_words_and_what_is_no_string_is_a_usage_error(index, texts, expected):
    annotate, copy = Annotate(index), next(row for row, said in enumerate(expected) if said["prov_works"])
    told = annotate.recipe.annotations(tables.from_python([None, "\ud800 " + texts[copy]]), "text").to_pylist()
    assert told[0]["prov_coverage"] == 0
    assert told[1]["prov_coverage"] == expected[copy]["prov_coverage"]
    before = len("\ud800 ".encode("utf-8", "surrogatepass"))
    assert told[1]["prov_spans"][0]["begin"] == expected[copy]["prov_spans"][0]["begin"] + before
    with pytest.raises(UsageError, match="strings are needed"):
        tables.from_python(["a", 1])


def test_recipes_are_equal_where_results_are(index, own_index):
    assert Recipe.of(index) == Recipe.of(str(index))
    assert Recipe.of(index) == Recipe.of(index, config=provenance.MatchConfig())
    assert Recipe.of(index) != Recipe.of(index, config=provenance.MatchConfig(min_words=30))
    assert Recipe.of(index).digest == Recipe.of(own_index).digest
