"""The same rows give the same matches from every format of shard."""

from __future__ import annotations

import numpy as np
import pytest

from provenance.runs.config import ScanConfig
from provenance.runs.scan import scan
from provenance.store import RunReader
from tests.shards import formats

COMPARED = """SELECT "row", doc_begin, doc_end, doc_word, doc_words, edition_id, ref_begin, ref_end, matched_words,
              identity, longest_run, score, excerpt, excerpt_sha256 FROM match ORDER BY ALL"""
LONGEST_TOKEN = 20  # characters
NAMED_BY_NUMBER = ("npy", "megatron")  # formats that hold no ids


def scanned(path, index, db, **options):
    summary = scan([path], index, db, workers=1, config=ScanConfig(**options))
    with RunReader(db) as run:
        matches = run.query(COMPARED)
        ids = {(row["row"], row["doc_id"]) for row in run.query('SELECT "row", doc_id FROM match')}
        shards = run.query("SELECT * FROM shard ORDER BY shard")
        tokens = run.query('SELECT "row", doc_token_begin, doc_token_end, excerpt FROM match ORDER BY ALL')
    return summary, matches, ids, shards, tokens


@pytest.fixture(scope="module")
def expected(rows, index, tmp_path_factory):
    folder = tmp_path_factory.mktemp("expected")
    summary, matches, ids, _, _ = scanned(formats.parquet(folder, rows), index, folder / "r.duckdb")
    assert summary.complete
    assert summary.documents_scanned == 20
    assert summary.documents_matched == 15
    assert len(matches) >= 15
    return matches, ids


@pytest.mark.parametrize("name", formats.TEXT)
def test_the_same_rows_give_the_same_matches(name, rows, index, expected, tmp_path):
    summary, matches, ids, shards, _ = scanned(formats.TEXT[name](tmp_path, rows), index, tmp_path / "r.duckdb")
    assert summary.exceptions == []
    assert (summary.documents_scanned, summary.documents_matched) == (20, 15)
    assert (matches, ids) == expected
    assert [shard["rows"] for shard in shards if shard["outcome"] == "scanned"] == [20]


@pytest.mark.parametrize("name", formats.TOKENS)
def test_the_same_rows_as_token_ids_give_the_same_matches(name, rows, index, expected, tokenizer, tmp_path):
    trained, file = tokenizer
    path = formats.TOKENS[name](tmp_path, rows, trained)
    summary, matches, ids, _, tokens = scanned(path, index, tmp_path / "r.duckdb", tokenizer=file)
    assert summary.exceptions == []
    assert matches == expected[0]
    if name not in NAMED_BY_NUMBER:
        assert ids == expected[1]
    encoded = [trained.encode(text).ids for _, text in rows]
    before = np.cumsum([0] + [len(ids) + 1 for ids in encoded])
    for match in tokens:
        first = before[match["row"]] if name == "npy" else 0
        held = trained.decode(encoded[match["row"]][match["doc_token_begin"] - first : match["doc_token_end"] - first])
        assert match["excerpt"] in held
        assert len(held) < len(match["excerpt"]) + 2 * LONGEST_TOKEN or len(match["excerpt"]) == 1000


@pytest.mark.parametrize("name", ["parquet", "jsonl", "arrow file", "feather", "jsonl.gz", "megatron", "token parquet"])
@pytest.mark.parametrize("workers", [1, 2])
def test_however_a_shard_is_cut_into_parts_the_matches_are_the_same(
    name, workers, rows, index, expected, tokenizer, tmp_path
):
    trained, file = tokenizer
    made = (
        formats.TOKENS[name](tmp_path, rows, trained) if name in formats.TOKENS else formats.TEXT[name](tmp_path, rows)
    )
    config = ScanConfig(unit_bytes=3000, tokenizer=file if name in formats.TOKENS else None)
    summary = scan([made], index, tmp_path / "r.duckdb", workers=workers, config=config)
    assert summary.exceptions == []
    assert summary.documents_scanned == 20
    with RunReader(tmp_path / "r.duckdb") as run:
        assert run.query(COMPARED) == expected[0]
