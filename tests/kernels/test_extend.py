"""The greedy extension finds the best alignment there is, and stops where it should."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from provenance.kernels.compiling import kernel
from provenance.kernels.extend import DIFFERENCE, MOST_DIFFERENCES, extend, make_fronts

many = settings(max_examples=500, deadline=None)
NEVER = 1 << 40

Block = tuple[int, int, int]


@kernel
def run(doc, q, doc_words, ref, r, ref_words, sign, drop, base):
    blocks = np.empty((doc.size + 2, 3), dtype=np.int64)
    count, gained = extend(doc, q, doc_words, ref, r, ref_words, sign, drop, base, make_fronts(), blocks, 0)
    return blocks[:count], gained


def extended(
    doc: list[int], ref: list[int], sign: int = 1, drop: int = NEVER, base: int = NEVER
) -> tuple[list[Block], int]:
    """Blocks in rising order and the doubled score, from one end of both texts."""
    sides = [np.array(side, dtype=np.uint32) for side in (doc, ref)]
    first = (0, 0) if sign > 0 else (len(doc) - 1, len(ref) - 1)
    found, gained = run(sides[0], first[0], len(doc), sides[1], first[1], len(ref), sign, drop, base)
    blocks = [tuple(block) for block in found.tolist()]
    return (blocks if sign > 0 else blocks[::-1]), gained


def best_score(doc: list[int], ref: list[int]) -> int:
    """The highest doubled score of all alignments of all beginnings: a table of every pair of places."""
    scores = np.zeros((len(doc) + 1, len(ref) + 1), dtype=np.int64)
    for i in range(len(doc) + 1):
        for j in range(len(ref) + 1):
            ways = []
            if i and j:
                ways.append(scores[i - 1, j - 1] + (2 if doc[i - 1] == ref[j - 1] else -1))
            if i:
                ways.append(scores[i - 1, j] - 2)
            if j:
                ways.append(scores[i, j - 1] - 2)
            scores[i, j] = max(ways, default=0)
    return int(scores.max())


@many
@given(st.integers(1, 70), st.integers(0, 70), st.sampled_from([1, -1]), st.integers(0, 20), st.integers(0, 20))
def test_a_long_equal_run_ends_at_its_first_difference(words, different, sign, more_doc, more_ref):
    doc, ref = list(range(words + more_doc)), list(range(words + more_ref))
    doc[different:] = [word + 1000 for word in doc[different:]]
    if sign < 0:
        doc, ref = doc[::-1], ref[::-1]
    blocks, gained = extended(doc, ref, sign, drop=1, base=NEVER)
    run = min(different, words + min(more_doc, more_ref))
    assert gained == 2 * run
    assert blocks == ([] if not run else [(0, 0, run) if sign > 0 else (len(doc) - run, len(ref) - run, run)])


@st.composite
def edited(draw):
    """A text of few different words, and a copy with some of them replaced, left out and put in."""
    doc = draw(st.lists(st.integers(0, 3), min_size=1, max_size=30))
    ref = list(doc)
    for _ in range(draw(st.integers(0, 6))):
        place, word = draw(st.integers(0, len(ref))), draw(st.integers(0, 3))
        ref[place : place + draw(st.integers(0, 2))] = [word] * draw(st.integers(0, 2))
    return doc, ref or [0]


@many
@given(edited(), st.sampled_from([1, -1]))
def test_the_score_is_the_best_of_all_alignments_and_the_blocks_are_equal_words(case, sign):
    doc, ref = case
    blocks, gained = extended(doc, ref, sign)
    assert gained == best_score(doc[::sign], ref[::sign])
    assert all(doc[q : q + n] == ref[r : r + n] and n > 0 for q, r, n in blocks)
    assert all(a[0] + a[2] <= b[0] and a[1] + a[2] <= b[1] for a, b in pairwise(blocks))


@many
@given(edited())
def test_backwards_is_forwards_of_the_reversed_texts(case):
    doc, ref = case
    assert extended(doc, ref, -1)[1] == extended(doc[::-1], ref[::-1], 1)[1]


def test_differences_are_as_many_as_rapidfuzz_counts_in_a_long_noisy_copy():
    rng = np.random.default_rng(2)
    doc = rng.integers(0, 5000, 4000).tolist()
    ref = [word if rng.random() > 0.1 else int(rng.integers(5000, 9000)) for word in doc if rng.random() > 0.02]
    ref[-30:] = doc[-30:]
    blocks, gained = extended(doc, ref)
    assert len(blocks) > MOST_DIFFERENCES  # traced in several pieces
    assert (blocks[-1][0] + blocks[-1][2], blocks[-1][1] + blocks[-1][2]) == (len(doc), len(ref))
    assert (len(doc) + len(ref) - gained) // DIFFERENCE == Levenshtein.distance(doc, ref)


def test_it_ends_where_the_score_fell_by_the_drop_and_goes_on_where_it_did_not():
    doc = [1] * 40 + list(range(100, 120)) + [1] * 40
    ref = [1] * 40 + list(range(200, 220)) + [1] * 40
    assert extended(doc, ref, drop=2 * 11)[0] == [(0, 0, 40), (60, 60, 40)]
    assert extended(doc, ref, drop=2 * 9)[0] == [(0, 0, 40)]


def test_it_ends_where_the_score_with_the_one_before_falls_to_zero():
    doc, ref = [7, 8, 9, 1, 2, 3, 4, 5], [0, 0, 0, 1, 2, 3, 4, 5]
    assert extended(doc, ref, base=4)[0] == [(3, 3, 5)]
    assert extended(doc, ref, base=2)[0] == []


def test_nothing_is_looked_at_beyond_the_words_given():
    doc = np.arange(50, dtype=np.uint32)
    found, gained = run(doc, 10, 5, doc, 10, 40, 1, NEVER, 0)
    assert (found.tolist(), gained) == ([[10, 10, 5]], 10)
    found, gained = run(doc, 10, 11, doc, 10, 4, -1, NEVER, 0)
    assert (found.tolist(), gained) == ([[7, 7, 4]], 8)
