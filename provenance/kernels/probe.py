"""The table of an index: what it stores of a fingerprint, its membership filter, its buckets, and lookup in batches.

A stored value is the top 48 bits of a fingerprint shifted so that the largest one kept begins with a 1. The filter and
the buckets are in order of these values, so a coarser sketch, whose values are smaller, needs only the front of each.
Filter, buckets and entries are probed in loops of their own, so that cache misses overlap.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from provenance.arrays import Bools, Bytes, Integers, U32s, U64s
from provenance.kernels.compiling import as_int, inlined, kernel
from provenance.kernels.hashing import MIX_1, U64
from provenance.kernels.vectors import compare_sixteen, count_bits, prefetch

PRECISION = 48  # bits stored of a fingerprint
FILTER_BITS_PER_KEY = 10
FEWEST_BUCKET_BITS, MOST_BUCKET_BITS = 16, 32  # at least 16, so that what is left of a value fits 32 bits
LINEAR = 16  # entries looked at side by side, or one by one; more are searched by halving
TOGETHER = 512  # values made and looked up in the filter at once: they stay in the first cache
AHEAD = 16  # lookups between the request for an entry and its use


class Runs(NamedTuple):
    """Fingerprints of a batch that stand in the table: one item per fingerprint, in the order of the batch."""

    queries: Integers  # index into the fingerprints looked up
    firsts: Integers  # first posting
    lengths: Integers  # how many postings


class Hits(NamedTuple):
    """Postings of a batch: one item per (fingerprint, posting)."""

    queries: Integers  # index into the fingerprints looked up
    editions: Integers
    positions: Integers  # word position in the edition


class Postings(NamedTuple):
    """The places of all fingerprints as global word positions, and what tells the edition of one."""

    low: U32s  # bits 0 to 31 of each
    high: Bytes  # bits 32 to 39, or empty
    first_words: Integers  # the editions' first global word positions, rising
    hints: Integers  # the edition at every 2^hint_shift-th word; see `edition_hints`
    hint_shift: int


def lift_of(max_kept: int) -> int:
    """Bits by which fingerprints up to `max_kept` are shifted left."""
    return 64 - max_kept.bit_length()


def largest_value(max_kept: int) -> int:
    """The stored value of the largest fingerprint."""
    return max_kept << lift_of(max_kept) >> 64 - PRECISION


@inlined
def stored_value(fingerprint: np.uint64, lift: int) -> np.uint64:
    """What the table holds of a fingerprint; 2^63, which no table holds, for one that is too large to be kept."""
    lifted = fingerprint << U64(lift)
    return lifted >> U64(64 - PRECISION) if lifted >> U64(lift) == fingerprint else U64(1) << U64(63)


@kernel
def stored_values(fingerprints: U64s, lift: int) -> U64s:
    """The stored value of each fingerprint."""
    out = np.empty(fingerprints.size, np.uint64)
    for i in range(fingerprints.size):
        out[i] = stored_value(fingerprints[i], lift)
    return out


@inlined
def filter_place(value: np.uint64, scale: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Block of 64 bits, rising with the value, and four bits in it: a blocked Bloom filter (Putze et al. 2007)."""
    h = value * MIX_1
    one, low = U64(1), U64(63)
    mask = (
        one << (h >> U64(58)) | one << (h >> U64(52) & low) | one << (h >> U64(46) & low) | one << (h >> U64(40) & low)
    )
    return (value >> U64(PRECISION - 32)) * scale >> U64(32), mask


def filter_shape(keys: int, most: int) -> tuple[int, int]:
    """Blocks of a filter for so many values up to `most`, and the scale that spreads all values over them.

    About FILTER_BITS_PER_KEY bits a value: about 2 % false positives.
    """
    wanted = max(1, -(-keys * FILTER_BITS_PER_KEY // 64))
    top = most >> PRECISION - 32
    scale = min((wanted << 32) // (top + 1), (1 << 32) - 1)
    return (top * scale >> 32) + 1, scale


@kernel
def fill_filter(values: U64s, scale: int, blocks: U64s) -> None:
    """Add stored values to a filter of zeroed blocks."""
    for i in range(values.size):
        block, mask = filter_place(values[i], U64(scale))
        if block < U64(blocks.size):
            blocks[block] |= mask


@kernel
def pass_filter(fingerprints: U64s, lift: int, scale: int, blocks: U64s) -> tuple[Integers, U64s]:
    """Indices of the fingerprints that may be in the table, and their stored values; a cacheful at a time.

    In loops of one thing each, and without branches, so that the cache misses of many fingerprints overlap.
    """
    places, stored = np.empty(fingerprints.size + 1, np.int64), np.empty(fingerprints.size, np.uint64)
    values, numbers, words = np.empty(TOGETHER, np.uint64), np.empty(TOGETHER, np.uint64), np.empty(TOGETHER, np.uint64)
    last, passed = U64(blocks.size - 1), 0
    for start in range(0, fingerprints.size, TOGETHER):
        count, first = min(TOGETHER, fingerprints.size - start), passed
        for k in range(count):
            values[k] = stored_value(fingerprints[start + k], lift)
            numbers[k] = min(filter_place(values[k], U64(scale))[0], last)
        for k in range(count):
            prefetch(blocks, as_int(numbers[k]))
        for k in range(count):
            words[k] = blocks[numbers[k]]
        for k in range(count):
            mask = filter_place(values[k], U64(scale))[1]
            words[k] = ~words[k] & mask
        for k in range(count):
            places[passed] = start + k
            passed += as_int(words[k] == U64(0))
        for k in range(first, passed):
            stored[k] = values[places[k] - start]
    return places[:passed], stored[:passed]


@inlined
def first_not_below(entries: U32s, low: int, high: int, wanted: np.uint32) -> int:
    """The first place in `entries[low:high]`, which rise, that is not below `wanted`."""
    while high - low > LINEAR:
        middle = (low + high) >> 1
        if entries[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    while low < high and entries[low] < wanted:
        low += 1
    return low


@kernel
def find_runs(
    values: U64s, buckets: npt.NDArray[np.unsignedinteger], bits: int, entries: U32s
) -> tuple[Integers, Integers]:
    """First entry and length of each value's run in the table; length 0 where it is not there.

    Bucket b is `entries[buckets[b]:buckets[b + 1]]`. One that points outside the table is clamped to it, so a damaged
    index gives misses or wrong runs inside the table, never a bad read.
    """
    first, last = np.zeros(values.size, np.int64), np.zeros(values.size, np.int64)
    rest, size, most = U64(PRECISION - bits), U64(entries.size), U64(max(buckets.size - 1, 0))
    for c in range(values.size):
        bucket = values[c] >> rest
        if bucket < most:
            first[c] = as_int(min(U64(buckets[bucket]), size))
            last[c] = as_int(min(U64(buckets[bucket + U64(1)]), size))
    mask = (U64(1) << rest) - U64(1)
    for c in range(values.size):
        if c + AHEAD < values.size and first[c + AHEAD] < entries.size:
            prefetch(entries, first[c + AHEAD])
            prefetch(entries, min(first[c + AHEAD] + LINEAR - 1, entries.size - 1))
        wanted = np.uint32(values[c] & mask)
        low, high = first[c], last[c]
        if high - low <= LINEAR and low + LINEAR <= entries.size:
            below, equal = compare_sixteen(entries, low, wanted)
            inside = (U64(1) << U64(high - low)) - U64(1)
            first[c] = low + count_bits(below & inside)
            last[c] = first[c] + count_bits(equal & inside)
            continue
        low = first_not_below(entries, low, high, wanted)
        end = low
        while end < high and end - low < LINEAR and entries[end] == wanted:
            end += 1
        if end - low == LINEAR and wanted < np.uint32(0xFFFFFFFF):
            end = first_not_below(entries, end, high, wanted + np.uint32(1))
        elif end - low == LINEAR:
            end = high
        first[c], last[c] = low, end
    return first, last - first


@kernel
def keep_runs(runs: Runs, chosen: Bools) -> Runs:
    """Some of the runs. Nearly all of a copy are, nearly none of other text: so no branch, and one pass."""
    queries, firsts = np.empty(chosen.size + 1, np.int64), np.empty(chosen.size + 1, np.int64)
    lengths, count = np.empty(chosen.size + 1, np.int64), 0
    for k in range(chosen.size):
        queries[count], firsts[count], lengths[count] = runs.queries[k], runs.firsts[k], runs.lengths[k]
        count += as_int(chosen[k])
    return Runs(queries[:count], firsts[:count], lengths[:count])


@inlined
def place_of(postings: Postings, entry: int) -> int:
    """Global word position of a posting."""
    place = as_int(postings.low[entry])
    if postings.high.size:
        place |= as_int(postings.high[entry]) << 32
    return place


@inlined
def edition_at(postings: Postings, place: int) -> int:
    """The edition of a global word position; the last one of a position behind all."""
    first_words, hints = postings.first_words, postings.hints
    edition = hints[min(place >> postings.hint_shift, hints.size - 1)]
    while edition + 1 < first_words.size and first_words[edition + 1] <= place:
        edition += 1
    return as_int(edition)


@kernel
def expand_runs(runs: Runs, postings: Postings) -> Hits:
    """Every posting of runs: its query, its edition, and its word position in the edition.

    A posting behind the last edition's words comes out in the last edition: whoever reads words there must look.
    """
    queries, firsts, lengths = runs
    total = 0
    for run in range(queries.size):
        total += lengths[run]
    owners, editions, positions = np.empty(total, np.int64), np.empty(total, np.int64), np.empty(total, np.int64)
    count = 0
    for run in range(queries.size):
        if run + AHEAD < queries.size:
            prefetch(postings.low, firsts[run + AHEAD])
        for entry in range(firsts[run], firsts[run] + lengths[run]):
            place = place_of(postings, entry)
            edition = edition_at(postings, place)
            owners[count], editions[count] = queries[run], edition
            positions[count] = place - postings.first_words[edition]
            count += 1
    return Hits(owners, editions, positions)


def edition_hints(first_words: Integers, words: int) -> tuple[Integers, int]:
    """The edition at every 2^shift-th of all words, and the shift: some 65,536 of them, so that few steps remain."""
    shift = max(0, words.bit_length() - 16)
    places = np.arange((words >> shift) + 1) << shift
    return np.maximum(np.searchsorted(first_words, places, side="right") - 1, 0), shift


def bucket_bits(postings: int) -> int:
    """Top bits of a value that name its bucket: about eight entries in each, in a large table."""
    return min(max((postings // 8).bit_length(), FEWEST_BUCKET_BITS), MOST_BUCKET_BITS)


def bucket_starts(values: U64s, first: int, last: int, bits: int) -> Integers:
    """Where buckets `first` to `last - 1` begin in `values`, which rise."""
    edges = np.arange(first, last, dtype=np.uint64) << U64(PRECISION - bits)
    return np.searchsorted(values, edges, side="left").astype(np.int64)
