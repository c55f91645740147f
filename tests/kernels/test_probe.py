"""The filter forgets nothing, the table lookup equals brute force, and damaged buckets never lead outside the table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.kernels.probe import (
    FILTER_BITS_PER_KEY,
    LINEAR,
    PRECISION,
    Postings,
    Runs,
    bucket_bits,
    bucket_starts,
    edition_hints,
    expand_runs,
    fill_filter,
    filter_shape,
    find_runs,
    keep_runs,
    largest_value,
    lift_of,
    pass_filter,
    stored_values,
)

many = settings(max_examples=300, deadline=None)

LIMITS = [(2**64 - 1) // scale for scale in (1, 2, 3, 4, 7, 1000, 2**32)]
u64 = st.integers(0, 2**64 - 1)


def numbers(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


def random_numbers(count: int, limit: int = 2**64 - 1, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, limit, count, dtype=np.uint64, endpoint=True)


def make_filter(values: np.ndarray, limit: int) -> tuple[int, np.ndarray]:
    size, scale = filter_shape(values.size, largest_value(limit))
    blocks = np.zeros(size, dtype=np.uint64)
    fill_filter(values, scale, blocks)
    return scale, blocks


def passing(values: np.ndarray, scale: int, blocks: np.ndarray) -> np.ndarray:
    """Numbers of the stored values that pass a filter."""
    places, kept = pass_filter(values << np.uint64(64 - PRECISION), 0, scale, blocks)
    assert np.array_equal(kept, values[places])
    return places


def make_table(values: np.ndarray, limit: int) -> tuple[np.ndarray, int, np.ndarray]:
    """Buckets, their bits, and entries, as an index has them."""
    bits = bucket_bits(values.size)
    buckets = bucket_starts(values, 0, (largest_value(limit) >> PRECISION - bits) + 1, bits)
    entries = (values & np.uint64((1 << (PRECISION - bits)) - 1)).astype(np.uint32)
    return np.append(buckets, values.size).astype(np.uint32), bits, entries


@st.composite
def tables(draw):
    """A limit, a sorted table of stored values with duplicates, and queries in it, beside it and beyond the limit."""
    limit = draw(st.sampled_from(LIMITS))
    most = largest_value(limit)
    edges = [0, 1, most // 2, most // 2 + 1, most - 1, most]
    table = draw(st.lists(st.one_of(st.sampled_from(edges), st.integers(0, most)), max_size=40))
    table += draw(st.lists(st.sampled_from(table), max_size=40)) if table else []
    near = [max(0, min(2**PRECISION - 1, value + step)) for value in table for step in (-1, 0, 1)]
    beyond = st.sampled_from([*edges, *near, 2**PRECISION - 1, 2**63])
    queries = draw(st.lists(st.one_of(beyond, st.integers(0, 2**PRECISION - 1)), max_size=30))
    return limit, numbers(sorted(table)), numbers(queries)


def assert_runs_are_brute_force(limit: int, table: np.ndarray, queries: np.ndarray) -> None:
    candidates = np.arange(queries.size)[::-1].copy()
    first, length = find_runs(queries[candidates], *make_table(table, limit))
    left, right = (np.searchsorted(table, queries[candidates], side=side) for side in ("left", "right"))
    assert np.array_equal(length, right - left)
    assert np.array_equal(first[length > 0], left[length > 0])


@many
@given(st.sampled_from(LIMITS), st.lists(u64, max_size=50))
def test_stored_values_are_the_top_bits_of_what_can_be_kept(limit, fingerprints):
    values = stored_values(numbers(fingerprints), lift_of(limit)).tolist()
    for fingerprint, value in zip(fingerprints, values, strict=True):
        lifted = fingerprint * 2 ** lift_of(limit)
        assert value == (lifted >> 64 - PRECISION if lifted < 2**64 else 2**63)
    assert 2 ** (PRECISION - 1) <= largest_value(limit) < 2**PRECISION


@many
@given(
    st.sampled_from(LIMITS),
    st.lists(st.integers(0, 2**PRECISION - 1), max_size=200),
    st.lists(st.integers(0, 2**PRECISION - 1), max_size=50),
)
def test_the_filter_has_no_false_negatives(limit, members, others):
    members = [value % (largest_value(limit) + 1) for value in members]
    passed = passing(numbers(members + others), *make_filter(numbers(members), limit))
    assert set(range(len(members))) <= set(passed.tolist())
    assert passed.tolist() == sorted(set(passed.tolist()))


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("count", [1000, 100_000])
def test_the_filter_passes_all_members_and_fewer_than_one_in_thirty_others(count, limit):
    most = largest_value(limit)
    members, others = random_numbers(count, most), random_numbers(200_000, most, seed=2)
    others = others[~np.isin(others, members)]
    scale, blocks = make_filter(members, limit)
    assert passing(members, scale, blocks).size == count
    assert passing(others, scale, blocks).size < others.size / 30
    assert blocks.size * 64 <= count * FILTER_BITS_PER_KEY + 128


@pytest.mark.parametrize("limit", LIMITS)
def test_smaller_values_need_only_the_front_of_the_filter(limit):
    most = largest_value(limit)
    scale, blocks = make_filter(random_numbers(10_000, most), limit)
    small = random_numbers(5000, most // 8, seed=3)
    front = blocks[: blocks.size // 8 + 2]
    assert np.array_equal(passing(small, scale, blocks), passing(small, scale, front))


def test_the_filter_does_not_pass_neighbours_of_its_members():
    members = random_numbers(50_000, 2**PRECISION - 1)
    for step in (1, 2, 1 << 20, 1 << 40, 1 << 47):
        scale, blocks = make_filter(members, 2**64 - 1)
        assert passing(members ^ np.uint64(step), scale, blocks).size < 0.05 * members.size


def test_an_empty_filter_passes_nothing_and_no_query_passes():
    scale, blocks = make_filter(numbers([]), 2**64 - 1)
    assert passing(random_numbers(1000, 2**PRECISION - 1), scale, blocks).size == 0
    assert passing(numbers([]), *make_filter(numbers([1, 2, 3]), 2**64 - 1)).size == 0


@many
@given(tables())
def test_runs_equal_brute_force(case):
    assert_runs_are_brute_force(*case)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("size", [1, 7, 8, 9, 64, 1000, 50_000, 1_000_000])
def test_runs_of_large_tables_with_duplicates_equal_brute_force(size, limit):
    most = largest_value(limit)
    distinct = random_numbers(max(1, size // 2), most)
    table = np.sort(np.concatenate([distinct, distinct[: size - distinct.size]]))
    queries = np.concatenate([table, table + np.uint64(1), random_numbers(1000, most, seed=3), numbers([2**63])])
    assert_runs_are_brute_force(limit, table, queries)


@pytest.mark.parametrize("limit", LIMITS)
def test_nothing_is_found_in_an_empty_table(limit):
    assert_runs_are_brute_force(limit, numbers([]), numbers([0, 1, largest_value(limit), 2**PRECISION - 1]))


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("times", [LINEAR - 1, LINEAR, LINEAR + 1, 1000])
def test_one_fingerprint_many_times_is_one_run(limit, times):
    most = largest_value(limit)
    for value in (0, 0xFFFFFFFF, 1 << 32, most):
        table = numbers(sorted([value] * times + [max(0, value - 1), min(most, value + 1)]))
        assert_runs_are_brute_force(limit, table, numbers([value, max(0, value - 1), value + 1]))


@many
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.booleans()), max_size=40))
def test_kept_runs_are_those_of_a_boolean_index(rows):
    columns = [np.array([row[side] for row in rows], dtype=np.int64) for side in range(3)]
    kept = np.array([row[3] for row in rows], dtype=np.bool_)
    assert [ours.tolist() for ours in keep_runs(Runs(*columns), kept)] == [column[kept].tolist() for column in columns]


def test_only_the_candidates_are_looked_up():
    first, length = find_runs(numbers([5]), *make_table(numbers([5, 5, 9]), 2**64 - 1))
    assert (first.tolist(), length.tolist()) == ([0], [2])


@pytest.mark.parametrize("limit", LIMITS)
def test_buckets_of_a_large_table_hold_about_eight_entries(limit):
    table = np.sort(random_numbers(1_000_000, largest_value(limit)))
    buckets, _, _ = make_table(table, limit)
    assert 4 <= table.size / buckets.size <= 17


def assert_inside(queries: np.ndarray, buckets: np.ndarray, bits: int, entries: np.ndarray) -> None:
    """Look up in a table that lies between copies of the wanted entry: whoever reads outside finds too much."""
    places = []
    for query in queries:
        wanted = np.uint32(int(query) & (1 << (PRECISION - bits)) - 1)
        room = np.full(entries.size + 200, wanted, dtype=np.uint32)
        room[100 : 100 + entries.size] = entries
        inside = room[100 : 100 + entries.size]
        first, length = find_runs(numbers([int(query)]), buckets, bits, inside)
        places.append((first[0], length[0], (inside[first[0] : first[0] + length[0]] == wanted).all()))
    assert [place for place in places if not (0 <= place[0] <= place[0] + place[1] <= entries.size and place[2])] == []


@many
@given(tables(), st.lists(st.one_of(st.integers(0, 100), u64), min_size=0, max_size=40))
def test_damaged_buckets_never_lead_outside_the_table(case, damaged):
    limit, table, queries = case
    _, bits, entries = make_table(table, limit)
    assert_inside(queries, numbers(damaged), bits, entries)


@many
@given(tables(), st.integers(16, 32))
def test_damaged_bits_never_lead_outside_the_table(case, bits):
    limit, table, queries = case
    buckets, _, entries = make_table(table, limit)
    assert_inside(queries, buckets, bits, entries)


@pytest.mark.parametrize("bucket", [2**63, 2**64 - 1, 2**64 - 3, 2**64 - 2**40])
def test_a_bucket_with_its_top_bit_set_is_clamped_like_any_other(bucket):
    entries = np.array([5, 6, 7], dtype=np.uint32)
    assert_inside(numbers([7]), numbers([bucket, 3]), 16, entries)
    assert_inside(numbers([7]), numbers([0, bucket]), 16, entries)


@many
@given(st.lists(st.integers(0, 300), min_size=1, max_size=30), st.booleans(), st.data())
def test_expanded_runs_equal_a_search_for_each_posting(sizes, wide, data):
    """Editions of those sizes, empty ones among them, behind 2^33 words where `wide`."""
    base = 1 << 33 if wide else 0
    sizes = [base, *sizes]
    first_words = np.concatenate([[0], np.cumsum(sizes[:-1])]).astype(np.int64)
    total = sum(sizes)
    places = data.draw(st.lists(st.integers(0, max(0, total - 1)), max_size=40)) if total else []
    postings = np.array([place & 0xFFFFFFFF for place in places], dtype=np.uint32)
    high = np.array([place >> 32 for place in places] if wide else [], dtype=np.uint8)
    lengths = np.array([1] * len(places), dtype=np.int64)
    runs = Runs(np.arange(len(places)), np.arange(len(places)), lengths)
    owners, editions, positions = expand_runs(
        runs, Postings(postings, high, first_words, *edition_hints(first_words, total))
    )
    assert owners.tolist() == list(range(len(places)))
    for place, edition, position in zip(places, editions.tolist(), positions.tolist(), strict=True):
        assert first_words[edition] + position == place
        assert position < sizes[edition]
