"""Sorts postings: stable, by stored value. First cut by the top bits into parts, then each part, a digit at a time.

A part of a usual table fits into the cache, and parts can be sorted by several threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from provenance.kernels.compiling import inlined, kernel
from provenance.kernels.hashing import U64
from provenance.kernels.probe import PRECISION

U64s = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]

TOP = 8  # bits that tell the part
DIGIT = 10  # bits a pass: four passes for the rest


@inlined
def starts_of(counts: Integers) -> None:
    """Turn counts into where each digit begins."""
    start = 0
    for digit in range(counts.size):
        size = counts[digit]
        counts[digit] = start
        start += size


@kernel
def split_by_top(values: U64s, places: U64s, split_values: U64s, split_places: U64s) -> Integers:
    """Both arrays in order of the values' top bits, into the others; returns where each part begins, and the end."""
    starts = np.zeros((1 << TOP) + 1, dtype=np.int64)
    shift = U64(PRECISION - TOP)
    for i in range(values.size):
        starts[values[i] >> shift] += 1
    starts_of(starts)
    at = starts.copy()
    for i in range(values.size):
        part = values[i] >> shift
        target = at[part]
        split_values[target], split_places[target] = values[i], places[i]
        at[part] = target + 1
    return starts


@inlined
def sort_by_digit(
    values: U64s,
    places: U64s,
    other_values: U64s,
    other_places: U64s,
    first: int,
    last: int,
    shift: int,
    counts: Integers,
) -> bool:
    """Items `first` to `last - 1` in order of one digit, into the others; False, and nothing done, if all share it."""
    low, mask = U64(shift), U64((1 << DIGIT) - 1)
    counts[:] = 0
    for i in range(first, last):
        counts[values[i] >> low & mask] += 1
    if counts[values[first] >> low & mask] == last - first:
        return False
    starts_of(counts)
    for i in range(first, last):
        digit = values[i] >> low & mask
        target = first + counts[digit]
        other_values[target], other_places[target] = values[i], places[i]
        counts[digit] += 1
    return True


@kernel
def sort_parts(
    values: U64s, places: U64s, spare_values: U64s, spare_places: U64s, starts: Integers, first: int, last: int
) -> None:
    """Sort parts `first` to `last - 1` in place, from the lowest digit up, with the same items of the spare arrays."""
    counts = np.empty(1 << DIGIT, dtype=np.int64)
    for part in range(first, last):
        begin, end = starts[part], starts[part + 1]
        if end - begin < 2:
            continue
        swapped = False
        for shift in range(0, PRECISION - TOP, DIGIT):
            if swapped:
                moved = sort_by_digit(spare_values, spare_places, values, places, begin, end, shift, counts)
            else:
                moved = sort_by_digit(values, places, spare_values, spare_places, begin, end, shift, counts)
            swapped = swapped != moved
        if swapped:
            values[begin:end] = spare_values[begin:end]
            places[begin:end] = spare_places[begin:end]


def sort_postings(values: U64s, places: U64s, threads: int = 1) -> tuple[U64s, U64s]:
    """Both arrays in order of `values`, which are below 2^PRECISION, equal ones as they were; overwrites the arrays."""
    found_values, found_places = np.empty_like(values), np.empty_like(places)
    starts = split_by_top(values, places, found_values, found_places)
    # parts of about equal size for each thread: values are hashes, but small ones only
    cuts = np.searchsorted(starts, np.linspace(0, values.size, threads + 1)[1:-1])
    edges = [0, *cuts.tolist(), starts.size - 1]
    with ThreadPoolExecutor(threads) as pool:
        work = [
            pool.submit(sort_parts, found_values, found_places, values, places, starts, first, last)
            for first, last in pairwise(edges)
        ]
        for one in work:
            one.result()
    return found_values, found_places


@kernel
def count_distinct(values: npt.NDArray[np.uint64]) -> int:
    """How many different values there are in an ordered array."""
    distinct = 0
    for i in range(values.size):
        if i == 0 or values[i] != values[i - 1]:
            distinct += 1
    return distinct
