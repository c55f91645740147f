"""A hit is confirmed by the words around it exactly when plain Python counts enough of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.kernels.confirm import FAR, HOPE, NEAR, SHIFT, confirm_runs
from provenance.kernels.fingerprints import HashedTexts, Sketches
from provenance.kernels.probe import Postings, Runs
from provenance.kernels.seeds import rarest_near

many = settings(max_examples=400, deadline=None)
words = st.lists(st.integers(0, 6), min_size=1, max_size=60)


def halves(doc: list[int], ref: list[int], q: int, r: int, first: int, last: int) -> tuple[int, int]:
    equal = [
        first <= q + k < last and 0 <= r + k < len(ref) and doc[q + k] == ref[r + k] for k in range(NEAR)
    ]  # fmt: skip
    return sum(equal[: NEAR // 2]), sum(equal[NEAR // 2 :])


def confirmed(doc: list[int], first: int, last: int, q: int, ref: list[int], r: int, span: int, least: int) -> bool:
    best = [0, 0, 0, 0]
    for distance in range(SHIFT + 1):
        if sum(best) >= least or (distance == FAR and sum(best) < HOPE):
            break
        for shift in {distance, -distance}:
            behind = halves(doc, ref, q + span, r + span + shift, first, last)
            before = halves(doc, ref, q - NEAR, r - NEAR + shift, first, last)
            best = [max(pair) for pair in zip(best, (*behind, *before), strict=True)]
    return sum(best) >= least


def postings_at(places: list[int]) -> Postings:
    """Postings of one edition."""
    nothing = np.zeros(1, dtype=np.int64)
    return Postings(np.array(places, dtype=np.uint32), np.empty(0, dtype=np.uint8), nothing, nothing, 0)


def sketches_at(places: list[tuple[int, int]]) -> Sketches:
    """Sketches that keep something at these words of documents."""
    documents = np.array([document for document, _ in places], dtype=np.int32)
    positions = np.array([position for _, position in places], dtype=np.uint32)
    nothing = np.empty(0, dtype=np.int64)
    return Sketches(documents, positions, np.zeros(len(places), np.uint64), nothing, nothing, np.empty(0, np.uint32))


@many
@given(st.lists(words, min_size=1, max_size=4), words, st.integers(1, 5), st.integers(0, 12), st.data())
def test_confirmed_are_the_hits_with_enough_equal_words_around_them(documents, ref, span, least, data):
    doc = [word for document in documents for word in document]
    starts = np.cumsum([0, *map(len, documents)])
    queries, expected, postings, lengths = [], [], [], []
    for d, document in enumerate(documents):
        for position in sorted(data.draw(st.lists(st.integers(0, len(document) - 1), max_size=4))):
            places = data.draw(st.lists(st.integers(0, len(ref) - 1), min_size=1, max_size=4, unique=True))
            expected += [
                (len(queries), len(postings) + n)
                for n, place in enumerate(places)
                if confirmed(doc, starts[d], starts[d + 1], starts[d] + position, ref, place, span, least)
            ]
            queries.append((d, position))
            postings += places
            lengths.append(len(places))
    firsts = np.cumsum([0, *lengths])[:-1].astype(np.int64)
    confirmed_runs = confirm_runs(
        Runs(np.arange(len(queries)), firsts, np.array(lengths, dtype=np.int64)),
        postings_at(postings),
        np.array(ref, dtype=np.uint32),
        HashedTexts(np.array(doc, dtype=np.uint32), starts[:-1].astype(np.int64), starts[1:].astype(np.int64)),
        sketches_at(queries),
        span,
        least,
    )
    assert list(zip(confirmed_runs.queries.tolist(), confirmed_runs.firsts.tolist(), strict=True)) == expected
    assert (confirmed_runs.lengths == 1).all()


def test_the_words_of_the_next_document_confirm_nothing():
    copy = np.arange(40, dtype=np.uint32)
    for cut, least in ((5, 1), (9, 5)):  # the document ends behind the shingle, or four words later
        runs = Runs(*(np.array([n], dtype=np.int64) for n in (0, 0, 1)))
        doc = HashedTexts(copy, np.array([0, cut], dtype=np.int64), np.array([cut, 40], dtype=np.int64))
        assert confirm_runs(runs, postings_at([0]), copy, doc, sketches_at([(0, 0)]), 5, least).queries.size == 0


@many
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 60), st.integers(1, 20), st.booleans()), max_size=30),
    st.integers(1, 10),
    st.integers(1, 30),
    st.integers(1, 12),
)
def test_of_neighbouring_fingerprints_the_rarest_is_taken_unless_it_is_common_and_alone(hits, apart, near, rare):
    hits = sorted({hit[:2]: hit for hit in hits}.values())
    columns = [np.array([hit[side] for hit in hits]) for side in range(4)]
    kept = rarest_near(
        sketches_at([hit[:2] for hit in hits]),
        Runs(np.arange(len(hits)), np.zeros(len(hits), dtype=np.int64), columns[2].astype(np.int64)),
        columns[3].astype(np.bool_),
        apart,
        near,
        rare,
    )
    expected, n = [], 0
    while n < len(hits):
        group = [m for m in range(n, len(hits)) if hits[m][0] == hits[n][0] and hits[m][1] < hits[n][1] + apart]
        seeds = [m for m in group if hits[m][3]]
        if seeds:
            best = min(seeds, key=lambda m: hits[m][2])
            others = [m for m in range(len(hits)) if m != best and hits[m][0] == hits[best][0]]
            if hits[best][2] <= rare or len(group) > 1 or any(abs(hits[m][1] - hits[best][1]) <= near for m in others):
                expected.append(best)
        n = group[-1] + 1
    assert np.flatnonzero(kept).tolist() == expected
