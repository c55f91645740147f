"""What is said of passages without the editions' texts, reckoned again from the kept fingerprints, one by one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from provenance.documents import documents_in
from provenance.kernels.probe import Hits
from provenance.matching.config import MatchConfig
from provenance.matching.matcher import Matcher
from provenance.matching.seeds import _distinct
from tests.matching.test_against_brute_force import excerpt, make, sentences


@pytest.fixture(scope="module")
def matcher(tmp_path_factory) -> Matcher:
    return make(tmp_path_factory.mktemp("estimates"), keep_texts=False)


@pytest.mark.parametrize(("book", "first", "count"), [("ash", 300, 300), ("birch", 1200, 180), ("cedar", 40, 900)])
def test_a_verbatim_passage_reaches_one_gap_beyond_its_outer_hits(matcher, book, first, count):
    before = 150
    text = " ".join([sentences(900, before), excerpt(book, first, count), sentences(901, 150)])
    (documents,) = documents_in(pa.array([text]))
    index = matcher.index
    sketches = index.sketch.sketch(documents.data, documents.offsets, index.key.keys, index.stride)
    inside = [at for at in sketches.positions.tolist() if before <= at <= before + count - index.sketch.span]
    gap = (inside[-1] - inside[0]) // (len(inside) - 1)  # words between two hits
    beyond = gap - 1
    passages = matcher.find(documents)[0].credited.passages
    assert passages.documents.tolist() == [0]
    assert passages.doc_begins.tolist() == [inside[0] - beyond]
    assert passages.doc_ends.tolist() == [inside[-1] + index.sketch.span + beyond]
    words = int(passages.doc_ends[0] - passages.doc_begins[0])
    assert (passages.matched.tolist(), passages.identity.tolist()) == ([words], [1.0])
    (low,), (high,) = passages.matched_low.tolist(), passages.matched_high.tolist()
    assert low < words < high
    assert passages.score.tolist() == [low - (words - low) / 2]


def test_hits_of_several_bands_for_one_pair_of_windows_count_once():
    """Document 0 has windows at words 0 and 9; each hits edition 1 at 5, the first twice, and edition 0 at 7."""

    class Sketches:
        documents = np.array([0, 0, 0, 1])
        positions = np.array([0, 0, 9, 0])

    hits = Hits(
        queries=np.array([2, 1, 0, 3, 0]), editions=np.array([1, 1, 1, 1, 0]), positions=np.array([5, 5, 5, 5, 7])
    )
    distinct = _distinct(hits, Sketches())
    pairs = zip(
        Sketches.documents[distinct.queries],
        distinct.editions,
        Sketches.positions[distinct.queries],
        distinct.positions,
        strict=True,
    )
    assert [tuple(map(int, pair)) for pair in pairs] == [(0, 0, 0, 7), (0, 1, 0, 5), (0, 1, 9, 5), (1, 1, 0, 5)]


def test_a_passage_of_six_words_is_found_when_asked_for(tmp_path):
    matcher = make(tmp_path)
    text = pa.array([f"not of a book: {excerpt('ash', 40, 6)} and so on"])
    (row,) = Matcher(matcher.index, MatchConfig(min_words=6)).match(text).to_pylist()
    assert (row["edition_id"], row["matched_words"]) == ("ash", 6)
