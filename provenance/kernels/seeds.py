"""Prepares hits for chaining: which of them may start chains, and in which order they come."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from provenance.kernels.compiling import as_int, kernel
from provenance.kernels.hashing import MIX_1, U64

Integers = npt.NDArray[np.int64]


@kernel
def seldom_repeated(
    documents: npt.NDArray[np.int32], fingerprints: npt.NDArray[np.uint64], found: Integers, most: int
) -> npt.NDArray[np.bool_]:
    """For each item of `found` (rising), whether its fingerprint was found in its document fewer than `most` times.

    A hash table for one document at a time, with linear probing; a slot belongs to the document that filled it.
    """
    seldom = np.empty(found.size, dtype=np.bool_)
    largest, size, first = 0, 16, 0
    for k in range(found.size):
        if documents[found[k]] != documents[found[first]]:
            first = k
        largest = max(largest, k - first + 1)
    while size < 2 * largest:
        size *= 2
    owners, counts = np.full(size, -1, dtype=np.int64), np.zeros(size, dtype=np.int64)
    values = np.zeros(size, dtype=np.uint64)
    for k in range(found.size):
        document, value = as_int(documents[found[k]]), fingerprints[found[k]]
        slot = as_int(value * MIX_1 >> U64(20) & U64(size - 1))
        while owners[slot] == document and values[slot] != value:
            slot = (slot + 1) & (size - 1)
        if owners[slot] != document:
            owners[slot], values[slot], counts[slot] = document, value, 0
        seldom[k] = counts[slot] < most
        counts[slot] += 1
    return seldom


@kernel
def by_edition(documents: npt.NDArray[np.int32], editions: Integers) -> Integers:
    """The order that puts hits, sorted by document, in order of edition within each document, and else as they are."""
    order = np.arange(documents.size)
    keys = np.empty(documents.size, dtype=np.int64)
    first = 0
    for k in range(1, documents.size + 1):
        if k < documents.size and documents[k] == documents[first]:
            continue
        in_order = True
        for i in range(first + 1, k):
            in_order = in_order and editions[i - 1] <= editions[i]
        if not in_order:
            for i in range(first, k):
                keys[i] = editions[i] << 32 | i
            keys[first:k].sort()
            for i in range(first, k):
                order[i] = keys[i] & 0xFFFFFFFF
        first = k
    return order
