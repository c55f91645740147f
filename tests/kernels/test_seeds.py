"""Hits are grouped and thinned as plain Python does it."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.kernels.seeds import crowded, group_hits, seldom_repeated

many = settings(max_examples=400, deadline=None)


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
    owners, editions, doc, ref, groups = group_hits(*columns, documents, positions)
    expected: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for query, edition, at in hits:
        expected.setdefault((int(documents[query]), edition), []).append((int(positions[query]), at))
    found = {}
    for *pair, first, last in zip(*(c.tolist() for c in (owners, editions, groups[:-1], groups[1:])), strict=True):
        pair = tuple(pair)
        assert pair not in found
        found[pair] = list(zip(doc[first:last].tolist(), ref[first:last].tolist(), strict=True))
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
