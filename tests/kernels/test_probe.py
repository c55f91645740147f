"""The filter forgets nothing, the table lookup equals brute force, and damaged buckets never lead outside the table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.kernels.probe import FILTER_BITS_PER_KEY, find_runs, make_buckets, make_filter, pass_filter

many = settings(max_examples=300, deadline=None)

LIMITS = [(2**64 - 1) // scale for scale in (1, 2, 3, 4, 7, 1000, 2**32)]
u64 = st.integers(0, 2**64 - 1)


def numbers(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


def random_numbers(count: int, limit: int = 2**64 - 1, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, limit, count, dtype=np.uint64, endpoint=True)


@st.composite
def tables(draw):
    """A limit, a sorted table with duplicates that keeps it, and queries in it, beside it and beyond the limit."""
    limit = draw(st.sampled_from(LIMITS))
    edges = [0, 1, limit // 2, limit // 2 + 1, limit - 1, limit]
    values = st.one_of(st.sampled_from(edges), st.integers(0, limit))
    table = draw(st.lists(values, max_size=40))
    table += draw(st.lists(st.sampled_from(table), max_size=40)) if table else []
    near = [max(0, min(2**64 - 1, value + step)) for value in table for step in (-1, 0, 1)]
    queries = draw(st.lists(st.one_of(st.sampled_from([*edges, *near, 2**64 - 1]), u64), max_size=30))
    return limit, numbers(sorted(table)), numbers(queries)


def assert_runs_are_brute_force(limit: int, table: np.ndarray, queries: np.ndarray) -> None:
    buckets, shift = make_buckets(table, limit)
    candidates = np.arange(queries.size)[::-1].copy()
    first, length = find_runs(queries, candidates, buckets, shift, table)
    left, right = (np.searchsorted(table, queries[candidates], side=side) for side in ("left", "right"))
    assert np.array_equal(length, right - left)
    assert np.array_equal(first[length > 0], left[length > 0])


@many
@given(st.lists(u64, max_size=200), st.lists(u64, max_size=50))
def test_the_filter_has_no_false_negatives(members, others):
    passed = pass_filter(numbers(members + others), make_filter(numbers(members)))
    assert set(range(len(members))) <= set(passed.tolist())
    assert passed.tolist() == sorted(set(passed.tolist()))


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("count", [1000, 100_000])
def test_the_filter_passes_all_members_and_fewer_than_one_in_twenty_others(count, limit):
    members, others = random_numbers(count, limit), random_numbers(200_000, limit, seed=2)
    others = others[~np.isin(others, members)]
    blocks = make_filter(members)
    assert pass_filter(members, blocks).size == count
    assert pass_filter(others, blocks).size < 0.05 * others.size
    assert blocks.size * 64 <= count * FILTER_BITS_PER_KEY + 64


def test_the_filter_does_not_pass_neighbours_of_its_members():
    members = random_numbers(50_000)
    for step in (1, 2, 1 << 20, 1 << 40, 1 << 63):
        assert pass_filter(members ^ np.uint64(step), make_filter(members)).size < 0.05 * members.size


def test_an_empty_filter_passes_nothing():
    blocks = make_filter(numbers([]))
    assert blocks.size == 1
    assert pass_filter(random_numbers(1000), blocks).size == 0


def test_no_query_passes_nothing():
    assert pass_filter(numbers([]), make_filter(numbers([1, 2, 3]))).size == 0


@many
@given(tables())
def test_runs_equal_brute_force(case):
    assert_runs_are_brute_force(*case)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("size", [1, 7, 8, 9, 64, 1000, 50_000])
def test_runs_of_large_tables_with_duplicates_equal_brute_force(size, limit):
    distinct = random_numbers(max(1, size // 2), limit)
    table = np.sort(np.concatenate([distinct, distinct[: size - distinct.size]]))
    queries = np.concatenate([table, table + np.uint64(1), random_numbers(1000), random_numbers(1000, limit, seed=3)])
    assert_runs_are_brute_force(limit, table, queries)


@pytest.mark.parametrize("limit", LIMITS)
def test_nothing_is_found_in_an_empty_table(limit):
    assert_runs_are_brute_force(limit, numbers([]), numbers([0, 1, limit, 2**64 - 1]))


@pytest.mark.parametrize("limit", LIMITS)
def test_one_fingerprint_many_times_is_one_run(limit):
    assert_runs_are_brute_force(limit, numbers([limit] * 1000), numbers([limit, limit - 1, 0]))
    assert_runs_are_brute_force(limit, numbers([0] * 1000), numbers([limit, 1, 0]))


def test_only_the_candidates_are_looked_up():
    table = numbers([5, 5, 9])
    buckets, shift = make_buckets(table, 2**64 - 1)
    first, length = find_runs(numbers([9, 5, 7]), np.array([1]), buckets, shift, table)
    assert (first.tolist(), length.tolist()) == ([0], [2])


@many
@given(tables())
def test_every_entry_lies_in_its_bucket(case):
    limit, table, _ = case
    buckets, shift = make_buckets(table, limit)
    assert (buckets[0], buckets[-1]) == (0, table.size)
    assert (np.diff(buckets.astype(np.int64)) >= 0).all()
    for place, entry in enumerate(table.tolist()):
        assert buckets[entry >> shift] <= place < buckets[(entry >> shift) + 1]


@pytest.mark.parametrize("limit", LIMITS)
def test_buckets_hold_about_eight_entries(limit):
    table = np.sort(random_numbers(100_000, limit))
    buckets, _ = make_buckets(table, limit)
    assert 4 <= table.size / np.count_nonzero(np.diff(buckets.astype(np.int64))) <= 17
    assert buckets.size < table.size / 3


def assert_inside(table: np.ndarray, queries: np.ndarray, buckets: np.ndarray, shift: int) -> None:
    """Look up in a table that lies between copies of the wanted fingerprint: whoever reads outside finds too much."""
    for wanted in queries:
        room = np.full(table.size + 200, wanted, dtype=np.uint64)
        room[100 : 100 + table.size] = table
        inside = room[100 : 100 + table.size]
        first, length = find_runs(numbers([int(wanted)]), np.array([0]), buckets, shift, inside)
        assert 0 <= first[0] <= first[0] + length[0] <= table.size
        assert (inside[first[0] : first[0] + length[0]] == wanted).all()


@many
@given(tables(), st.lists(st.one_of(st.integers(0, 100), u64), min_size=2, max_size=40))
def test_damaged_buckets_never_lead_outside_the_table(case, damaged):
    limit, table, queries = case
    _, shift = make_buckets(table, limit)
    assert_inside(table, queries, numbers(damaged), shift)


def test_a_fingerprint_beyond_the_last_bucket_is_not_looked_up():
    buckets = numbers([0, 0, 0, 1])[:3]  # two buckets; what lies behind them would lead to the entry
    first, length = find_runs(numbers([4]), np.array([0]), buckets, 1, numbers([4]))
    assert (first.tolist(), length.tolist()) == ([0], [0])


@many
@given(tables(), st.integers(0, 63))
def test_a_damaged_shift_never_leads_outside_the_table(case, shift):
    limit, table, queries = case
    buckets, _ = make_buckets(table, limit)
    assert_inside(table, queries, buckets, shift)


@pytest.mark.parametrize("bucket", [2**63, 2**64 - 1, 2**64 - 3, 2**64 - 2**40])
def test_a_bucket_with_its_top_bit_set_is_clamped_like_any_other(bucket):
    # As a signed number it would be a place before the table; the last one was a segmentation fault.
    assert_inside(numbers([5, 6, 7]), numbers([7]), numbers([bucket, 3]), 63)
    assert_inside(numbers([5, 6, 7]), numbers([7]), numbers([0, bucket]), 63)
