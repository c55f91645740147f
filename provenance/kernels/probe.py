"""Membership filter and table lookup for batches of fingerprints: two loops, so that cache misses overlap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from provenance.kernels.compiling import as_int, inlined, kernel
from provenance.kernels.hashing import MIX_1, U64

FILTER_BITS_PER_KEY = 10


@inlined
def filter_place(fingerprint: np.uint64, blocks: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Block of 64 bits, and the four bits in it, of a blocked Bloom filter (Putze, Sanders, Singler 2007)."""
    h = fingerprint * MIX_1
    one, low = U64(1), U64(63)
    mask = one << (h & low) | one << (h >> U64(6) & low) | one << (h >> U64(12) & low) | one << (h >> U64(18) & low)
    return (h >> U64(32)) * blocks >> U64(32), mask


@kernel
def fill_filter(fingerprints: npt.NDArray[np.uint64], blocks: npt.NDArray[np.uint64]) -> None:
    """Add fingerprints to a filter of zeroed 64-bit blocks."""
    count = U64(blocks.size)
    for i in range(fingerprints.size):
        block, mask = filter_place(fingerprints[i], count)
        blocks[block] |= mask


def make_filter(fingerprints: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """A filter of about FILTER_BITS_PER_KEY bits a fingerprint (at most 2^32 blocks): about 2 % false positives."""
    size = min(max(1, -(-fingerprints.size * FILTER_BITS_PER_KEY // 64)), 1 << 32)
    blocks = np.zeros(size, dtype=np.uint64)
    fill_filter(fingerprints, blocks)
    return blocks


@kernel
def pass_filter(fingerprints: npt.NDArray[np.uint64], blocks: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Indices of the fingerprints that may be in the table."""
    out = np.empty(fingerprints.size, dtype=np.int64)
    count, passed = U64(blocks.size), 0
    for i in range(fingerprints.size):
        block, mask = filter_place(fingerprints[i], count)
        out[passed] = i
        passed += as_int(blocks[block] & mask == mask)
    return out[:passed]


@kernel
def find_runs(
    fingerprints: npt.NDArray[np.uint64],
    candidates: npt.NDArray[np.int64],
    buckets: npt.NDArray[np.uint64],
    shift: int,
    table: npt.NDArray[np.uint64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First entry and length of each candidate's run in the sorted table; length 0 where it is not there.

    A bucket that points outside the table is clamped to it: a damaged index gives misses, never a bad read.
    """
    first, length = np.zeros(candidates.size, dtype=np.int64), np.zeros(candidates.size, dtype=np.int64)
    entries, last = U64(table.size), U64(buckets.size - 2)
    for c in range(candidates.size):
        wanted = fingerprints[candidates[c]]
        bucket = wanted >> U64(shift)
        if bucket > last:
            continue
        low = as_int(min(buckets[bucket], entries))
        high = as_int(min(buckets[bucket + U64(1)], entries))
        while low < high and table[low] < wanted:
            low += 1
        first[c] = low
        while low < high and table[low] == wanted:
            low += 1
        length[c] = low - first[c]
    return first, length


@kernel
def expand_runs(
    queries: npt.NDArray[np.int64],
    firsts: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    postings: npt.NDArray[np.unsignedinteger],
    first_words: npt.NDArray[np.int64],
    hints: npt.NDArray[np.int64],
    hint_shift: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Every posting of runs: its query, its edition, and its word position in the edition.

    `first_words` are the editions' first global word positions, rising, and `hints` what `edition_hints` made of them.
    A posting behind the last edition's words comes out in the last edition: whoever reads words there must look.
    """
    total = 0
    for run in range(queries.size):
        total += lengths[run]
    owners, editions = np.empty(total, dtype=np.int64), np.empty(total, dtype=np.int64)
    positions = np.empty(total, dtype=np.int64)
    count = 0
    for run in range(queries.size):
        for entry in range(firsts[run], firsts[run] + lengths[run]):
            place = as_int(postings[entry])
            edition = hints[min(place >> hint_shift, hints.size - 1)]
            while edition + 1 < first_words.size and first_words[edition + 1] <= place:
                edition += 1
            owners[count], editions[count], positions[count] = queries[run], edition, place - first_words[edition]
            count += 1
    return owners, editions, positions


def edition_hints(first_words: npt.NDArray[np.int64], words: int) -> tuple[npt.NDArray[np.int64], int]:
    """The edition at every 2^shift-th of all words, and the shift: some 65,536 of them, so that few steps remain."""
    shift = max(0, words.bit_length() - 16)
    places = np.arange((words >> shift) + 1) << shift
    return np.maximum(np.searchsorted(first_words, places, side="right") - 1, 0), shift


def make_buckets(table: npt.NDArray[np.uint64], max_kept: int) -> tuple[npt.NDArray[np.uint64], int]:
    """Starts of the runs that share their top bits, about eight entries each, and the shift that leaves those bits.

    Bucket `b` is `table[buckets[b]:buckets[b + 1]]`. The bits are the top ones of `max_kept`, which no entry exceeds.
    """
    width = max_kept.bit_length()
    bits = min(max(0, (table.size // 8).bit_length()), width, 32)
    shift = width - bits
    if shift == 64:  # one bucket; a shift by 64 is not defined
        shift, bits = 63, 1
    edges = np.arange(1, 1 << bits, dtype=np.uint64) << U64(shift)
    starts = np.searchsorted(table, edges, side="left")
    buckets = np.concatenate([[0], starts, [table.size]]).astype(np.uint64)
    return buckets, shift
