"""The main job on real books: every row of a book is found, at the right place, and nothing else is.

Reads `../shared/corpus` beside the project where it is present; it is not part of the project.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.kernels.hashing import derive_keys
from provenance.kernels.words import words_of
from provenance.store.database import RunReader
from provenance.store.export import export
from provenance.text.reference import words

CORPUS = Path(__file__).parents[1].parent / "shared" / "corpus"
ROW_WORDS = 200

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="needs ../shared/corpus, which is not part of the project"),
]


@pytest.fixture(scope="module")
def books() -> dict[str, str]:
    table = pq.read_table(CORPUS / "books.parquet", columns=["id", "text"])
    return dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> provenance.Index:
    out = tmp_path_factory.mktemp("corpus") / "index"
    provenance.build_index([CORPUS / "books.parquet"], out)
    return provenance.Index(out)


@pytest.fixture(scope="module")
def shard(books, tmp_path_factory) -> tuple[Path, list[str | None]]:
    """All books cut into rows of 200 words, mixed with the unrelated documents; and whose each row is."""
    rows: list[tuple[str | None, str]] = [
        (None, t) for t in pq.read_table(CORPUS / "negatives.parquet")["text"].to_pylist()
    ]
    for book, text in books.items():
        pieces = [m.span() for m in re.finditer(r"\S+", text)]
        for first in range(0, len(pieces), ROW_WORDS):
            chunk = pieces[first : first + ROW_WORDS]
            rows.append((book, text[chunk[0][0] : chunk[-1][1]]))
    order = np.random.default_rng(7).permutation(len(rows))
    rows = [rows[i] for i in order]
    path = tmp_path_factory.mktemp("shards") / "mixed.parquet"
    table = pa.table({"id": [str(i) for i in range(len(rows))], "text": [text for _, text in rows]})
    pq.write_table(table, path, compression="zstd", row_group_size=10_000)
    return path, [owner for owner, _ in rows]


@pytest.fixture(scope="module")
def runs(shard, index, tmp_path_factory) -> list[Path]:
    """The same scan with one and with two workers."""
    folder = tmp_path_factory.mktemp("runs")
    databases = []
    for workers in (1, 2):
        databases.append(folder / f"{workers}.duckdb")
        summary = provenance.scan([shard[0]], index.folder, databases[-1], workers=workers)
        assert summary.complete
        assert summary.documents_scanned == len(shard[1])
    return databases


@pytest.fixture(scope="module")
def matches(runs) -> list[dict]:
    with RunReader(runs[0]) as run:
        return run.query(
            'SELECT "row", doc_begin, doc_end, edition_id, ref_begin, ref_end, matched_words, identity, doc_words,'
            " list_transform(also || shared, lambda a: a.edition_id) AS also FROM match"
        )


def test_every_row_of_a_book_is_found_in_it(shard, matches, index):
    path, owners = shard
    texts = pq.read_table(path, columns=["text"])["text"]
    found: dict[int, set[str]] = {}
    for match in matches:
        found.setdefault(match["row"], set()).update([match["edition_id"], *match["also"]])
    keys = derive_keys(0)
    missed = []
    for row, owner in enumerate(owners):
        if owner is None or owner in found.get(row, ()):
            continue
        data = np.frombuffer(texts[row].as_buffer(), dtype=np.uint8)
        if words_of(data, keys).hashes.size >= 25:
            missed.append((owner, texts[row].as_py()))
    assert missed == []


def test_both_sides_of_a_match_agree_word_for_word(shard, matches, index):
    texts = pq.read_table(shard[0], columns=["text"])["text"]
    numbers = {name: number for number, name in enumerate(index.editions["edition_id"].to_pylist())}
    keys, editions = derive_keys(0), {}
    whole = 0
    for place, match in enumerate(matches):
        document = texts[match["row"]].as_buffer().to_pybytes()[match["doc_begin"] : match["doc_end"]]
        number = numbers[match["edition_id"]]
        if number not in editions:
            editions[number] = index.texts.text(number)
        reference = editions[number][match["ref_begin"] : match["ref_end"]]
        ours = words_of(np.frombuffer(document, dtype=np.uint8), keys).hashes
        theirs = words_of(np.frombuffer(reference, dtype=np.uint8), keys).hashes
        if match["identity"] == 1.0:
            whole += 1
            assert (ours == theirs).all()
            assert ours.size == match["matched_words"]
            if place % 500 == 0:
                assert [w.folded for w in words(document)] == [w.folded for w in words(reference)]
        else:
            assert match["matched_words"] <= min(ours.size, theirs.size)
    assert whole > 0.98 * len(matches)


def test_unrelated_rows_show_only_text_that_the_book_really_has(shard, matches, index):
    """Judged without our index: a run of 12 folded words of the row stands in the book."""
    texts = pq.read_table(shard[0], columns=["text"])["text"]
    numbers = {name: number for number, name in enumerate(index.editions["edition_id"].to_pylist())}
    unrelated = [match for match in matches if shard[1][match["row"]] is None]
    assert len({match["row"] for match in unrelated}) < 10
    for match in unrelated:
        document = texts[match["row"]].as_buffer().to_pybytes()[match["doc_begin"] : match["doc_end"]]
        reference = index.texts.text(numbers[match["edition_id"]])[match["ref_begin"] : match["ref_end"]]
        ours = [w.folded for w in words(document)]
        there = b" ".join(w.folded for w in words(reference))
        runs = [b" ".join(ours[i : i + 12]) for i in range(len(ours) - 11)]
        assert any(run in there for run in runs)


def test_one_and_two_workers_export_identical_bytes(runs, tmp_path):
    for what in ("matches", "works", "documents", "shards"):
        exported = []
        for number, database in enumerate(runs):
            with RunReader(database) as run:
                export(run, what, "parquet", tmp_path / f"{what}{number}.parquet")
            exported.append((tmp_path / f"{what}{number}.parquet").read_bytes())
        assert exported[0] == exported[1]


def test_every_book_is_graded_complete(runs):
    with RunReader(runs[0]) as run:
        rows = run.query("SELECT work_id, coverage FROM v_works WHERE grade <> 'complete'")
    assert rows == []
