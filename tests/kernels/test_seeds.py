"""Hits are grouped and thinned as plain Python does it."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.kernels.fingerprints import Sketches
from provenance.kernels.probe import Hits, Postings, Runs, edition_hints
from provenance.kernels.seeds import crowded, group_hits, in_many_works, rarest_near, seldom_repeated

many = settings(max_examples=400, deadline=None)


def sketches_at(documents: np.ndarray, positions: np.ndarray) -> Sketches:
    """Sketches that keep something at these words of documents."""
    nothing = np.empty(0, dtype=np.int64)
    fingerprints = np.zeros(documents.size, dtype=np.uint64)
    return Sketches(documents, positions, fingerprints, nothing, nothing, np.empty(0, dtype=np.uint32))


@st.composite
def found_hits(draw):
    """Fingerprints of documents in order, and hits of some of them, several editions each."""
    documents = sorted(draw(st.lists(st.integers(0, 5), max_size=40)))
    positions = [draw(st.integers(0, 1000)) for _ in documents]
    hits = [
        (query, edition, draw(st.integers(0, 9)))
        for query in range(len(documents))
        for edition in sorted(draw(st.lists(st.sampled_from([0, 1, 7, 2**31]), max_size=4)))
    ]
    return np.array(documents, dtype=np.int32), np.array(positions, dtype=np.uint32), hits


@many
@given(found_hits())
def test_hits_are_grouped_by_document_and_edition_and_keep_their_order(case):
    documents, positions, hits = case
    columns = [np.array([hit[side] for hit in hits], dtype=np.int64) for side in range(3)]
    weights = np.arange(len(hits), dtype=np.float64)
    sketches = sketches_at(documents, positions)
    owners, editions, groups, doc, ref, heavy = group_hits(Hits(*columns), weights, sketches)
    expected: dict[tuple[int, int], list[tuple[int, int, float]]] = {}
    for number, (query, edition, at) in enumerate(hits):
        expected.setdefault((int(documents[query]), edition), []).append((int(positions[query]), at, float(number)))
    found = {}
    for *pair, first, last in zip(*(c.tolist() for c in (owners, editions, groups[:-1], groups[1:])), strict=True):
        pair = tuple(pair)
        assert pair not in found
        found[pair] = list(zip(*(column[first:last].tolist() for column in (doc, ref, heavy)), strict=True))
    assert found == expected
    assert owners.tolist() == sorted(owners.tolist())


@many
@given(found_hits(), st.integers(1, 4), st.data())
def test_a_fingerprint_counts_so_many_times_in_one_document(case, most, data):
    documents, _, _ = case
    values = st.sampled_from([0, 1, 2**64 - 1])
    fingerprints = np.array([data.draw(values) for _ in documents], dtype=np.uint64)
    found = np.flatnonzero([data.draw(st.booleans()) for _ in documents])
    seen: Counter[tuple[int, int]] = Counter()
    expected = []
    for query in found:
        seen[key := (int(documents[query]), int(fingerprints[query]))] += 1
        expected.append(seen[key] <= most)
    assert seldom_repeated(documents, fingerprints, found, most).tolist() == expected


@many
@given(st.lists(st.integers(0, 30), max_size=300), st.integers(0, 20))
def test_every_value_that_is_there_too_often_is_crowded(values, most):
    found = crowded(np.array(values, dtype=np.uint64), most).tolist()
    counts = Counter(values)
    assert all(flag for value, flag in zip(values, found, strict=True) if counts[value] > most)


def test_few_values_are_crowded_that_are_seldom():
    values = np.random.default_rng(1).integers(0, 2**64 - 1, 50_000, dtype=np.uint64)
    assert crowded(values, 16).mean() < 0.001


@many
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 60), st.integers(1, 12), st.booleans()),
        max_size=40,
        unique_by=lambda f: f[:2],
    ).map(sorted),
    st.integers(1, 10),
    st.integers(0, 20),
    st.integers(1, 12),
)
def test_of_the_fingerprints_found_near_one_another_the_rarest_is_the_seed(found, apart, near, rare):
    documents, positions, places, seeds = (list(column) for column in zip(*found, strict=True)) if found else ([],) * 4
    expected = [False] * len(found)
    k = 0
    while k < len(found):
        group = [
            j for j in range(k, len(found)) if documents[j] == documents[k] and positions[j] < positions[k] + apart
        ]
        if usable := [j for j in group if seeds[j]]:
            best = min(usable, key=lambda j: (places[j], j))
            others = [j for j in range(len(found)) if j != best and documents[j] == documents[best]]
            alone = (
                all(abs(positions[j] - positions[best]) > near for j in others if j not in group) and len(group) == 1
            )
            expected[best] = not alone or places[best] <= rare
        k = group[-1] + 1
    sketches = sketches_at(np.array(documents, dtype=np.int32), np.array(positions, dtype=np.uint32))
    runs = Runs(np.arange(len(found)), np.zeros(len(found), dtype=np.int64), np.array(places, dtype=np.int64))
    rarest = rarest_near(sketches, runs, np.array(seeds, dtype=np.bool_), apart, near, rare)
    assert rarest.tolist() == expected


@many
@given(st.lists(st.lists(st.integers(0, 99), max_size=12), max_size=6), st.integers(0, 4), st.booleans())
def test_a_fingerprint_is_in_many_works_where_counting_says_so(runs, most, wide):
    first_words, works = np.arange(0, 100, 10), np.array([0, 1, 1, 2, 3, 3, 4, 5, 6, 0])
    postings = np.array([place for run in runs for place in run], dtype=np.uint32)
    lengths = np.array([len(run) for run in runs], dtype=np.int64)
    high = np.zeros(postings.size if wide else 0, dtype=np.uint8)
    many_works = in_many_works(
        Runs(np.arange(lengths.size), np.cumsum(lengths) - lengths, lengths),
        Postings(postings, high, first_words, *edition_hints(first_words, 100)),
        works,
        most,
    )
    assert many_works.tolist() == [len({works[place // 10] for place in run}) > most for run in runs]
