"""Sorts postings: stable, by stored value, a digit at a time."""

import numpy as np

from provenance.arrays import U64s
from provenance.kernels.compiling import kernel
from provenance.kernels.hashing import U64
from provenance.kernels.probe import PRECISION

DIGIT = 12


@kernel
def sort_by_digit(values: U64s, places: U64s, shift: int, sorted_values: U64s, sorted_places: U64s) -> bool:
    """Both arrays in order of one digit of the values, into the others; False, and nothing done, if all share it."""
    counts = np.zeros(1 << DIGIT, np.int64)
    low, mask = U64(shift), U64((1 << DIGIT) - 1)
    for i in range(values.size):
        counts[values[i] >> low & mask] += 1
    if counts.max() == values.size:
        return False
    start = 0
    for digit in range(counts.size):
        size = counts[digit]
        counts[digit] = start
        start += size
    for i in range(values.size):
        digit = values[i] >> low & mask
        target = counts[digit]
        sorted_values[target], sorted_places[target] = values[i], places[i]
        counts[digit] = target + 1
    return True


def sort_postings(values: U64s, places: U64s) -> tuple[U64s, U64s]:
    """Both arrays in order of `values`, equal ones as they were: a radix sort from the lowest digit up."""
    other_values, other_places = np.empty_like(values), np.empty_like(places)
    for shift in range(0, PRECISION, DIGIT):
        if sort_by_digit(values, places, shift, other_values, other_places):
            values, other_values = other_values, values
            places, other_places = other_places, places
    return values, places
