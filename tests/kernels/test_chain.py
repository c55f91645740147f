"""Chains: every hit in one, rising on both sides, gaps and drift bounded; reordered passages come out as several."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.kernels.chain import DRIFT_COST, LOOK_BACK, GroupedHits, chain_hits

many = settings(max_examples=500, deadline=None)

MAX_GAP, MAX_DRIFT = 20, 5
Hit = tuple[int, int]


def alike(hit: Hit) -> float:
    return 1.0


def by_place(hit: Hit) -> float:
    """Weights of rare hits and of common ones, as their places decide."""
    return (1.0, 0.5, 0.125)[(3 * hit[0] + hit[1]) % 3]


def chains_of(
    groups: list[list[Hit]],
    max_gap: int = MAX_GAP,
    max_drift: int = MAX_DRIFT,
    weight: Callable[[Hit], float] = alike,
) -> list[list[tuple[int, Hit]]]:
    """Chains as lists of `(group, (doc, ref))`."""
    hits = [(g, hit) for g, group in enumerate(groups) for hit in sorted(group)]
    edges = np.cumsum([0, *map(len, groups)], dtype=np.int64)
    doc, ref = (np.array([hit[side] for _, hit in hits], dtype=np.int64) for side in (0, 1))
    weights = np.array([weight(hit) for _, hit in hits], dtype=np.float64)
    numbers = np.arange(len(groups))
    chains = chain_hits(GroupedHits(numbers, 10 * numbers, edges, doc, ref, weights), max_gap, max_drift)
    members, starts = chains.members, chains.starts
    assert chains.editions.tolist() == [10 * hits[m][0] for m in members[starts[:-1]].tolist()]
    assert (10 * chains.documents).tolist() == chains.editions.tolist()
    assert starts[0] == 0
    assert starts[-1] == len(hits)
    assert sorted(members.tolist()) == list(range(len(hits)))  # every hit in exactly one chain
    return [[hits[m] for m in members[begin:end].tolist()] for begin, end in pairwise(starts.tolist())]


def one_group(hits: list[Hit], **options) -> list[list[Hit]]:
    return [[hit for _, hit in chain] for chain in chains_of([hits], **options)]


def follows(a: Hit, b: Hit) -> bool:
    gaps = b[0] - a[0], b[1] - a[1]
    return min(gaps) > 0 and max(gaps) <= MAX_GAP and abs(gaps[0] - gaps[1]) <= MAX_DRIFT


def score(chain: list[Hit], weight: Callable[[Hit], float]) -> float:
    return sum(map(weight, chain)) - DRIFT_COST * sum(abs((b[0] - a[0]) - (b[1] - a[1])) for a, b in pairwise(chain))


def best_score(hits: list[Hit], weight: Callable[[Hit], float]) -> float:
    """Of all chains there could be, by trying every predecessor of every hit."""
    best: dict[Hit, float] = {}
    for hit in sorted(hits):
        links = (
            best[p] + weight(hit) - DRIFT_COST * abs((hit[0] - p[0]) - (hit[1] - p[1])) for p in best if follows(p, hit)
        )
        best[hit] = max([weight(hit), *links])
    return max(best.values())


hits = st.sets(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=LOOK_BACK).map(sorted)
passages = st.lists(  # runs along diagonals, with noise
    st.tuples(st.integers(0, 200), st.integers(0, 200), st.integers(1, 12), st.integers(1, 4)), max_size=4
).map(lambda runs: sorted({(q + i * step, r + i * step) for q, r, n, step in runs for i in range(n)}))
groups = st.lists(st.one_of(hits, passages), max_size=4)


@many
@given(groups)
def test_chains_rise_within_one_group_and_bound_gaps_and_drift(groups):
    chains = chains_of(groups)
    assert all(chain for chain in chains)
    for chain in chains:
        assert len({group for group, _ in chain}) == 1
        assert all(follows(a, b) for (_, a), (_, b) in pairwise(chain))


@many
@given(groups)
def test_chains_come_group_after_group_and_do_not_depend_on_other_groups(groups):
    together = chains_of(groups)
    alone = [[(g, hit) for hit in chain] for g, group in enumerate(groups) for chain in one_group(group)]
    assert together == alone


@many
@given(st.one_of(hits, passages).filter(bool), st.sampled_from([alike, by_place]))
def test_the_first_chain_of_a_group_is_the_best_there_is(hits, weight):
    assert score(one_group(hits, weight=weight)[0], weight) == pytest.approx(best_score(hits, weight))


def test_of_two_chains_the_one_of_rarer_hits_is_the_better():
    common, rare = [(i, 100 + i) for i in range(4)], [(i, 900 + i) for i in range(0, 4, 2)]
    weights = dict.fromkeys(common, 0.125) | dict.fromkeys(rare, 1.0)
    assert one_group(common + rare) == [common, rare]
    assert one_group(common + rare, weight=weights.__getitem__) == [rare, common]


@many
@given(st.one_of(hits, passages))
def test_the_result_is_always_the_same(hits):
    assert one_group(hits) == one_group(hits)


def test_no_hits_give_no_chains():
    assert chains_of([]) == []
    assert chains_of([[], [], []]) == []


def test_a_passage_is_one_chain():
    passage = [(10 + i, 500 + i) for i in range(30)]
    assert one_group(passage) == [passage]


def test_a_passage_with_words_left_out_and_put_in_is_one_chain():
    passage = [(0, 100), (4, 104), (9, 107), (15, 115), (20, 118)]
    assert one_group(passage) == [passage]


def test_two_reordered_passages_are_two_chains():
    first, second = [(i, 1000 + i) for i in range(10)], [(10 + i, 200 + i) for i in range(12)]
    assert one_group(first + second) == [second, first]


def test_a_gap_or_a_drift_beyond_its_bound_parts_two_chains():
    assert len(one_group([(0, 0), (MAX_GAP, MAX_GAP)])) == 1
    assert len(one_group([(0, 0), (MAX_GAP + 1, MAX_GAP)])) == 2
    assert len(one_group([(0, 0), (MAX_GAP, MAX_GAP + 1)])) == 2
    assert len(one_group([(0, 0), (10, 10 + MAX_DRIFT)])) == 1
    assert len(one_group([(0, 0), (10, 10 + MAX_DRIFT + 1)])) == 2
    assert len(one_group([(0, 0), (10 + MAX_DRIFT + 1, 10)])) == 2


def test_a_link_that_drifts_by_more_words_than_a_hit_is_worth_is_not_made():
    worth = int(1 / DRIFT_COST)
    assert len(one_group([(0, 0), (60, 60 + worth - 1)], max_gap=200, max_drift=100)) == 1
    assert len(one_group([(0, 0), (60, 60 + worth + 1)], max_gap=200, max_drift=100)) == 2


def test_a_chain_stays_on_its_diagonal_where_a_word_is_repeated():
    passage = [(i, 100 + i) for i in range(10)]
    strays = [(5, 103), (5, 107)]
    assert one_group(passage + strays)[0] == passage


def test_a_stray_hit_far_off_the_diagonal_does_not_break_a_chain():
    passage = [(i, 100 + i) for i in range(10)]
    assert one_group([*passage, (5, 900)]) == [passage, [(5, 900)]]


def test_hits_of_two_groups_are_never_chained():
    left, right = [(i, i) for i in range(5)], [(i, i) for i in range(5, 10)]
    assert chains_of([left, right]) == [[(0, hit) for hit in left], [(1, hit) for hit in right]]


REPEATED = 20_000


@pytest.mark.parametrize(
    "hits",
    [
        [(0, i) for i in range(REPEATED)],
        [(i, 0) for i in range(REPEATED)],
        [(q, r) for q in range(REPEATED // 100) for r in range(100)],
        [(i, i) for i in range(REPEATED)],
    ],
    ids=["in the edition", "in the document", "in both", "all along one diagonal"],
)
def test_one_shingle_repeated_twenty_thousand_times_is_chained_in_bounded_time(hits):
    chains_of([[(0, 0)]])  # compiled before the clock starts
    begin = time.process_time()
    chains = chains_of([hits])
    assert time.process_time() - begin < 2  # 0.05 s here; trying all predecessors takes 400,000,000 steps
    assert sum(map(len, chains)) == len(hits)


PLACES = 16  # of one fingerprint in one edition that an index keeps at most


def test_a_refrain_is_chained_at_every_place_the_index_keeps():
    refrain = [(q, 300 * place + q) for place in range(PLACES) for q in range(10)]
    assert sorted(one_group(refrain)) == [refrain[10 * place : 10 * place + 10] for place in range(PLACES)]


def test_a_passage_is_not_cut_by_a_shingle_that_stands_at_many_other_places():
    passage = [(q, q) for q in range(21)]
    strays = [(10, 1000 + 7 * place) for place in range(PLACES)]
    assert one_group(passage + strays)[0] == passage


def test_hits_further_apart_than_look_back_are_not_chained_which_is_what_bounds_the_time():
    passage = [(0, 0), (2, 2)]
    assert one_group(passage + [(1, 1000 + place) for place in range(LOOK_BACK - 1)])[0] == passage
    assert passage not in one_group(passage + [(1, 1000 + place) for place in range(LOOK_BACK)])
