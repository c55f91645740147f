"""Pieces of one copy become one passage; pieces of different copies do not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.kernels.align import COLUMNS, DOC, FIRST, LONGEST, MATCHED, REF, SCORE, WIDTH, Alignments
from provenance.kernels.chain import Chains
from provenance.kernels.join import OVERLAP, join_passages

Piece = list[tuple[int, int, int]]


def joined(pieces: list[Piece], gap: int = 64, min_words: int = 1) -> list[tuple[Piece, int, int]]:
    """Blocks, matched words and columns of what pieces of one document and edition become."""
    table, blocks = np.zeros((len(pieces), WIDTH), dtype=np.int64), [block for piece in pieces for block in piece]
    first = 0
    for row, piece in zip(table, pieces, strict=True):
        ends = piece[-1][0] + piece[-1][2], piece[-1][1] + piece[-1][2]
        row[DOC], row[DOC + 1], row[REF], row[REF + 1] = piece[0][0], ends[0], piece[0][1], ends[1]
        row[MATCHED], row[FIRST] = sum(words for _, _, words in piece), first
        first += len(piece)
    one = np.zeros(1, dtype=np.int64)
    array = np.array(blocks, dtype=np.int64).reshape(-1, 3)
    found, moved = join_passages(Alignments(table, array), Chains(*[one] * 6), gap, min_words, min_words)
    edges = [*found[:, FIRST].tolist(), len(moved)]
    return [
        ([tuple(block) for block in moved[a:b].tolist()], int(row[MATCHED]), int(row[COLUMNS]))
        for row, (a, b) in zip(found, pairwise(edges), strict=True)
    ]


def test_pieces_near_on_both_sides_are_joined_and_the_gap_counts_as_columns():
    assert joined([[(0, 100, 30)], [(40, 150, 30)]]) == [([(0, 100, 30), (40, 150, 30)], 60, 80)]


def test_pieces_far_on_either_side_stay_apart():
    for far in ([(95, 130, 30)], [(30, 195, 30)]):
        assert len(joined([[(0, 100, 30)], far])) == 2


def test_a_gap_longer_than_a_piece_is_none_of_one_copy():
    assert len(joined([[(0, 100, 30)], [(50, 150, 10)]])) == 2
    assert len(joined([[(0, 100, 30)], [(39, 139, 10)]])) == 1


def test_long_pieces_are_joined_over_long_gaps():
    assert len(joined([[(0, 0, 8000)], [(9000, 8000, 8000)]])) == 1
    assert len(joined([[(0, 0, 8000)], [(9001, 8000, 8000)]])) == 2


def test_pieces_in_another_order_on_the_other_side_stay_apart():
    assert len(joined([[(0, 100, 30)], [(40, 50, 30)]])) == 2


def test_what_overlaps_is_counted_once():
    assert joined([[(0, 100, 30)], [(25, 140, 30)]]) == [([(0, 100, 30), (30, 145, 25)], 55, 70)]
    assert len(joined([[(0, 100, 30)], [(30 - OVERLAP - 1, 140, 30)]])) == 2


def test_short_pieces_count_only_when_joined():
    assert joined([[(0, 0, 20)], [(500, 500, 20)]], min_words=25) == []
    assert joined([[(0, 0, 20)], [(25, 25, 20)]], min_words=25) == [([(0, 0, 20), (25, 25, 20)], 40, 45)]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400), st.integers(1, 60)), max_size=12))
def test_blocks_rise_and_no_word_is_counted_twice_or_made_up(places):
    pieces = [[place] for place in places]
    pairs = {(doc + k, ref + k) for doc, ref, words in places for k in range(words)}
    found = joined(pieces)
    assert (len(found) > 0) == (len(pieces) > 0)
    for blocks, matched, columns in found:
        assert all(a[0] + a[2] <= b[0] and a[1] + a[2] <= b[1] for a, b in pairwise(blocks))
        assert matched == sum(words for _, _, words in blocks) <= columns
        assert {(doc + k, ref + k) for doc, ref, words in blocks for k in range(words)} <= pairs


def test_the_longest_run_and_the_best_score_are_kept():
    table = np.zeros((2, WIDTH), dtype=np.int64)
    table[:, SCORE] = 40, 30
    table[0, DOC : DOC + 2], table[0, REF : REF + 2], table[0, MATCHED] = (0, 20), (0, 20), 20
    table[1, DOC : DOC + 2], table[1, REF : REF + 2], table[1, MATCHED] = (22, 52), (22, 52), 30
    table[:, FIRST] = 0, 1
    one, blocks = np.zeros(1, dtype=np.int64), np.array([[0, 0, 20], [22, 22, 30]], dtype=np.int64)
    found, _ = join_passages(Alignments(table, blocks), Chains(*[one] * 6), 64, 25, 25)
    assert found[:, [LONGEST, SCORE]].tolist() == [[30, 40]]
