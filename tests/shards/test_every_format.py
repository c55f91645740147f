"""The same rows give the same matches from every format of shard."""

from __future__ import annotations

import numpy as np
import pytest

from provenance.runs.scan import scan
from provenance.store.database import RunReader
from provenance.units.config import ScanConfig
from tests.shards import formats

FIELDS = """"row", doc_begin, doc_end, doc_word, doc_words, edition_id, ref_begin, ref_end, matched_words,
              identity, longest_run, score, excerpt, excerpt_sha256"""
COMPARED = f"SELECT {FIELDS} FROM match ORDER BY ALL"
LONGEST_TOKEN = 20  # characters
NAMED_BY_NUMBER = ("npy", "megatron")  # formats that hold no ids


CUT = ("parquet", "jsonl", "arrow file", "feather", "jsonl.gz", "megatron", "token parquet")


class Found:
    """What one scan of shards in several formats found, format by format: starting scans is what takes time."""

    def __init__(self, folder, shards, index, **options) -> None:
        """`shards` are, by the name of their format, what writes one into a folder."""
        self._folders = {name: folder / f"{number:02}" for number, name in enumerate(shards)}
        for made in self._folders.values():
            made.mkdir(parents=True)
        paths = [write(self._folders[name]) for name, write in shards.items()]
        workers = options.pop("workers", 1)
        self.summary = scan(paths, index, folder / "r.duckdb", workers=workers, config=ScanConfig(**options))
        self._db = folder / "r.duckdb"

    def of(self, name, columns):
        return self._ask(f"SELECT {columns} FROM match WHERE starts_with(shard, ?) ORDER BY ALL", name)

    def ids(self, name):
        return {(row["row"], row["doc_id"]) for row in self.of(name, '"row", doc_id')}

    def shards(self, name):
        return self._ask("SELECT * FROM shard WHERE starts_with(shard, ?) AND outcome = 'scanned'", name)

    def _ask(self, question, name):
        with RunReader(self._db) as run:
            return run.query(question, [f"{self._folders[name]}/"])


def text_writers(rows):
    return {name: lambda folder, write=write: write(folder, rows) for name, write in formats.TEXT.items()}


def token_writers(rows, trained):
    return {name: lambda folder, write=write: write(folder, rows, trained) for name, write in formats.TOKENS.items()}


@pytest.fixture(scope="module")
def texts(rows, index, tmp_path_factory):
    found = Found(tmp_path_factory.mktemp("texts"), text_writers(rows), index)
    assert found.summary.exceptions == []
    return found


@pytest.fixture(scope="module")
def tokens(rows, index, tokenizer, tmp_path_factory):
    trained, file = tokenizer
    found = Found(tmp_path_factory.mktemp("tokens"), token_writers(rows, trained), index, tokenizer=file)
    assert found.summary.exceptions == []
    return found


@pytest.fixture(scope="module")
def expected(texts):
    matches = texts.of("parquet", FIELDS)
    assert len(matches) >= 15
    assert len({match["row"] for match in matches}) == 15
    return matches, texts.ids("parquet")


@pytest.mark.parametrize("name", formats.TEXT)
def test_the_same_rows_give_the_same_matches(name, texts, expected):
    assert (texts.of(name, FIELDS), texts.ids(name)) == expected
    shards = texts.shards(name)
    assert [shard["rows"] for shard in shards] == [20]
    assert [(shard["documents"], shard["documents_matched"]) for shard in shards] == [(20, 15)]


@pytest.mark.parametrize("name", formats.TOKENS)
def test_the_same_rows_as_token_ids_give_the_same_matches(name, rows, tokens, expected, tokenizer):
    trained, _ = tokenizer
    assert tokens.of(name, FIELDS) == expected[0]
    if name not in NAMED_BY_NUMBER:
        assert tokens.ids(name) == expected[1]
    encoded = [trained.encode(text).ids for _, text in rows]
    before = np.cumsum([0] + [len(ids) + 1 for ids in encoded])
    matches = tokens.of(name, '"row", doc_token_begin, doc_token_end, excerpt')
    assert matches
    for match in matches:
        first = before[match["row"]] if name == "npy" else 0
        held = trained.decode(encoded[match["row"]][match["doc_token_begin"] - first : match["doc_token_end"] - first])
        assert match["excerpt"] in held
        assert len(held) < len(match["excerpt"]) + 2 * LONGEST_TOKEN or len(match["excerpt"]) == 1000


@pytest.fixture(scope="module", params=[1, 2])
def cut(request, rows, index, tokenizer, tmp_path_factory):
    """Shards in parts of a few rows each, scanned by one worker and by two: texts and token ids, each in one run."""
    trained, file = tokenizer
    texts, tokens = (
        {name: write for name, write in writers.items() if name in CUT}
        for writers in (text_writers(rows), token_writers(rows, trained))
    )
    folder = tmp_path_factory.mktemp("cut")
    options = {"unit_bytes": 3000, "workers": request.param}
    runs = (
        Found(folder / "texts", texts, index, **options),
        Found(folder / "tokens", tokens, index, **options, tokenizer=file),
    )
    for found in runs:
        assert found.summary.exceptions == []
        assert found.summary.units > len(found.summary.shards)
    return {**dict.fromkeys(texts, runs[0]), **dict.fromkeys(tokens, runs[1])}


@pytest.mark.parametrize("name", CUT)
def test_however_a_shard_is_cut_into_parts_the_matches_are_the_same(name, cut, expected):
    assert cut[name].of(name, FIELDS) == expected[0]
    assert [shard["documents"] for shard in cut[name].shards(name)] == [20]
