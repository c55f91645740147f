"""Text that repeats itself costs no more than other text, and is still found."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

import provenance
from provenance.index.build import write_index
from provenance.matching.matcher import Matcher
from provenance.matching.passages import align
from provenance.readers.books import Book

LINE = "now the cat sat on the mat and looked at me "


def filler(seed: int, words: int) -> str:
    rng = random.Random(seed)
    return " ".join(f"w{rng.randrange(5000)}" for _ in range(words)) + " "


@pytest.fixture(scope="module")
def matcher(tmp_path_factory) -> Matcher:
    """A book that is one line over and over, one where it is a refrain, and thirty that have it once or twice."""
    texts = [filler(0, 500) + LINE * 20_000 + filler(1, 500), (filler(2, 200) + LINE * 3) * 5]
    texts += [LINE * (1 + number % 2) + filler(number, 1000) for number in range(10, 40)]
    books = [Book(f"b{n:02}", f"title {n}", "a", "", text.encode(), "", "") for n, text in enumerate(texts)]
    out = tmp_path_factory.mktemp("refrains") / "index"
    write_index(books, out)
    return Matcher(provenance.Index(out))


def test_a_document_of_one_repeated_line_is_found_in_the_book_of_that_line(matcher):
    for times in (10, 1000):
        rows = matcher.match(pa.array([LINE * times])).to_pylist()
        assert rows[0]["edition_id"] == "b00"
        assert rows[0]["identity"] == 1.0


def test_the_hits_verified_do_not_grow_with_the_repetitions(matcher, monkeypatch):
    """Counted, not timed: hits of chains that reach verification."""
    counts = []

    def counted(index, chains, *rest):
        counts.append(chains.members.size)
        return align(index, chains, *rest)

    monkeypatch.setattr("provenance.matching.matcher.align", counted)
    for times in (100, 1000, 20_000):
        matcher.match(pa.array([LINE * times]))
    assert counts[2] <= 1.2 * counts[1] <= 20 * counts[0]


def test_a_passage_beside_a_refrain_is_found_whole(matcher):
    text = (filler(2, 200) + LINE * 3) * 2
    rows = matcher.match(pa.array([LINE * 50 + filler(99, 300) + text])).to_pylist()
    assert max(row["matched_words"] for row in rows if row["edition_id"] == "b01") >= 200
