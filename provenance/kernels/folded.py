"""The buffer of folded words that are not plain ASCII: they wait in it until eight of them can be hashed at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from provenance.arrays import Bytes, Integers, U32s, U64s
from provenance.kernels.compiling import inlined, kernel, piece
from provenance.kernels.hashing import U64, mix_block
from provenance.kernels.vectors import hash_eight, load_u64, store_u64

ALL = ~U64(0)
FOLDED = 1 << 12  # bytes of folded words that wait to be hashed
SOLOS = 512  # letters taken at once that are words by themselves
LONG = 128  # bytes of one word held at once, and room for the longest fold


@inlined
def keep_bytes(length: int) -> tuple[np.uint64, np.uint64]:
    """Masks of the first `length` (1 to 16) bytes of two numbers."""
    more = max(length - 8, 0)
    return ALL >> U64(64 - 8 * min(length, 8)), ALL if more == 8 else (U64(1) << U64(8 * more)) - U64(1)


class WordRoom(NamedTuple):
    """Where words are written to: their hashes, and where they begin and end in their text, unless those are empty."""

    hashes: U64s
    begins: U32s
    ends: U32s


class Folded(NamedTuple):
    """Folded words that wait to be hashed eight at a time: word w is `data[edges[2 * w]:edges[2 * w + 1]]`."""

    data: Bytes
    edges: U32s
    targets: Integers  # where their hashes go
    hashes: U64s  # eight, before they go there
    solos: U64s  # letters that are words by themselves, some hundreds at a time ...
    places: Integers  # ... and where they lie


@kernel
def make_folded() -> Folded:
    """Room for words of FOLDED bytes in all."""
    data, edges = np.zeros(FOLDED, dtype=np.uint8), np.zeros(2 * FOLDED, dtype=np.uint32)
    targets, hashes = np.empty(FOLDED, dtype=np.int64), np.empty(8, dtype=np.uint64)
    solos, places = np.empty(SOLOS, dtype=np.uint64), np.empty(SOLOS, dtype=np.int64)
    return Folded(data, edges, targets, hashes, solos, places)


@piece
def hash_waiting(folded: Folded, waiting: int, word_key: np.uint64, hashes: U64s) -> None:
    """Hash the words that wait, each to its place in `hashes`."""
    data, edges, targets, eight, _, _ = folded
    for w in range(0, waiting, 8):
        hash_eight(data, 0, edges, w, U64(0), word_key, eight, 0)
        for k in range(min(8, waiting - w)):
            hashes[targets[w + k]] = eight[k]


@inlined
def hash_long(hashed: np.uint64, data: Bytes, at: int, stop: int) -> np.uint64:
    """Hash of the word whose folded bytes, after those that are in `hashed`, are `data[at:stop]`."""
    while stop - at > 16:
        hashed = mix_block(hashed, load_u64(data, at), load_u64(data, at + 8))
        at += 16
    keep_low, keep_high = keep_bytes(stop - at)
    return mix_block(hashed, load_u64(data, at) & keep_low, load_u64(data, at + 8) & keep_high)


@inlined
def shorten(hashed: np.uint64, data: Bytes, begin: int, stop: int) -> tuple[np.uint64, int]:
    """Take whole blocks from the front of a long word into its hash; the last bytes, up to 16, move to its begin."""
    at = begin
    while stop - at > 16:
        hashed = mix_block(hashed, load_u64(data, at), load_u64(data, at + 8))
        at += 16
    low, high = load_u64(data, at), load_u64(data, at + 8)
    store_u64(data, begin, low)
    store_u64(data, begin + 8, high)
    return hashed, begin + stop - at


@inlined
def put_word(
    hashed: np.uint64,
    word_key: np.uint64,
    folded: Folded,
    base: int,
    filled: int,
    waiting: int,
    hashes: U64s,
    count: int,
) -> tuple[int, int]:
    """Word `count` is folded: let it wait, or hash it now if long. Returns where the next begins, and how many wait."""
    buffer, edges, targets, _, _, _ = folded
    if filled - base > 16 or hashed != word_key:
        hashes[count] = hash_long(hashed, buffer, base, filled)
        return base, waiting
    edges[2 * waiting], edges[2 * waiting + 1], targets[waiting] = base, filled, count
    if filled > FOLDED - 2 * LONG:
        hash_waiting(folded, waiting + 1, word_key, hashes)
        return 0, 0
    return filled, waiting + 1
