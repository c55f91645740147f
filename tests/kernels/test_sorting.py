"""The radix sort equals NumPy's stable one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.kernels.probe import PRECISION
from provenance.kernels.sorting import sort_postings


def assert_sorted_like_numpy(values: np.ndarray) -> None:
    places = np.arange(values.size, dtype=np.uint64) * np.uint64(3)
    order = np.argsort(values, kind="stable")
    found, moved = sort_postings(values.copy(), places.copy())
    assert np.array_equal(found, values[order])
    assert np.array_equal(moved, places[order])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 2**PRECISION - 1), st.integers(0, 3), st.just(1 << 40)), max_size=100))
def test_sorting_equals_numpy(values):
    assert_sorted_like_numpy(np.array(values, dtype=np.uint64))


@pytest.mark.parametrize("high", [1, 2, 1 << 12, 1 << 30, 1 << PRECISION])
def test_sorting_many_equals_numpy(high):
    assert_sorted_like_numpy(np.random.default_rng(high % 97).integers(0, high, 200_000, dtype=np.uint64))
