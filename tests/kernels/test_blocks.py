"""Exact blocks: equal words on both sides, rising, disjoint, and as long as they can be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.kernels.blocks import exact_blocks

many = settings(max_examples=500, deadline=None)


def blocks_of(doc: list[int], ref: list[int], hits: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    sides = (np.array([hit[side] for hit in hits], dtype=np.int64) for side in (0, 1))
    found = exact_blocks(np.array(doc, dtype=np.uint64), np.array(ref, dtype=np.uint64), *sides)
    return [tuple(block) for block in found.tolist()]


def oracle(doc: list[int], ref: list[int], hits: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """The docstring, one word at a time."""
    blocks: list[tuple[int, int, int]] = []
    doc_end = ref_end = 0
    for q, r in hits:
        if q < doc_end or r < ref_end or doc[q : q + 1] != ref[r : r + 1] or q >= len(doc):
            continue
        back = 0
        while min(q - back - doc_end, r - back - ref_end) > 0 and doc[q - back - 1] == ref[r - back - 1]:
            back += 1
        ahead = 0
        while q + ahead < len(doc) and r + ahead < len(ref) and doc[q + ahead] == ref[r + ahead]:
            ahead += 1
        blocks.append((q - back, r - back, back + ahead))
        doc_end, ref_end = q + ahead, r + ahead
    return blocks


@st.composite
def cases(draw):
    """Two texts of few words, one often an edited copy of the other, and rising hits, some outside or on others."""
    doc = draw(st.lists(st.integers(0, 3), max_size=40))
    ref = draw(st.one_of(st.lists(st.integers(0, 3), max_size=40), st.just(list(doc))))
    for _ in range(draw(st.integers(0, 4))) if ref else ():
        ref[draw(st.integers(0, len(ref) - 1))] = draw(st.integers(0, 3))
    ref = ref[draw(st.integers(0, 3)) :]
    sides = [sorted(draw(st.sets(st.integers(0, 44), max_size=12))) for _ in range(2)]
    return doc, ref, list(zip(*sides, strict=False))


@many
@given(cases())
def test_blocks_equal_the_oracle(case):
    assert blocks_of(*case) == oracle(*case)


@many
@given(cases())
def test_blocks_are_equal_words_rising_and_disjoint(case):
    doc, ref, hits = case
    doc_end = ref_end = 0
    for q, r, words in blocks_of(doc, ref, hits):
        assert words > 0
        assert q >= doc_end
        assert r >= ref_end
        assert q + words <= len(doc)
        assert r + words <= len(ref)
        assert doc[q : q + words] == ref[r : r + words]
        doc_end, ref_end = q + words, r + words


@many
@given(cases())
def test_blocks_are_maximal(case):
    doc, ref, hits = case
    doc_end = ref_end = 0
    for q, r, words in blocks_of(doc, ref, hits):
        assert q == doc_end or r == ref_end or doc[q - 1] != ref[r - 1]
        doc_end, ref_end = q + words, r + words
        assert doc_end == len(doc) or ref_end == len(ref) or doc[doc_end] != ref[ref_end]


@many
@given(cases())
def test_every_hit_on_equal_words_is_in_a_block_or_overtaken_by_one(case):
    doc, ref, hits = case
    blocks = blocks_of(doc, ref, hits)
    for q, r in hits:
        if q < len(doc) and r < len(ref) and doc[q] == ref[r]:
            assert any(b <= q < b + words or c <= r < c + words for b, c, words in blocks)


def test_one_hit_in_equal_texts_gives_the_whole_text():
    assert blocks_of(list(range(100)), list(range(100)), [(50, 50)]) == [(0, 0, 100)]


def test_hits_of_one_run_give_one_block():
    assert blocks_of(list(range(100)), list(range(10, 90)), [(20, 10), (30, 20), (80, 70)]) == [(10, 0, 80)]


def test_a_changed_word_parts_two_blocks():
    doc, ref = list(range(20)), [*range(9), 99, *range(10, 20)]
    assert blocks_of(doc, ref, [(2, 2), (15, 15)]) == [(0, 0, 9), (10, 10, 10)]


def test_a_left_out_word_parts_two_blocks_on_two_diagonals():
    doc, ref = list(range(20)), [*range(9), *range(10, 20)]
    assert blocks_of(doc, ref, [(2, 2), (15, 14)]) == [(0, 0, 9), (10, 9, 10)]


def test_a_block_does_not_grow_back_into_the_one_before_it():
    # The words before the second hit agree too (7 7 | 7 7), but the first block has taken them.
    assert blocks_of([1, 7, 7, 2], [1, 7, 7, 7, 2], [(0, 0), (3, 4)]) == [(0, 0, 3), (3, 4, 1)]


@pytest.mark.parametrize("hits", [[(0, 1)], [(3, 0)], [(0, 3)], [(9, 9)], [(10**12, 0)], []])
def test_hits_on_unequal_words_or_outside_the_texts_give_nothing(hits):
    assert blocks_of([1, 2, 3], [1, 5, 6], hits) == []


def test_empty_texts_give_nothing():
    assert blocks_of([], [1], [(0, 0)]) == []
    assert blocks_of([1], [], [(0, 0)]) == []
    assert blocks_of([], [], []) == []
