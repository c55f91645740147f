"""Clumps that are one short word, though not just ASCII letters: hashed without the state machine of `codepoints`.

Most words of European languages that are not plain are of this kind; each is told by a few rounds over whole blocks of
bytes, where the state machine takes a code point at a time.
"""

import numpy as np

from provenance.arrays import Bytes, U64s
from provenance.kernels.clumps import is_ascii_letter
from provenance.kernels.codepoints import HIGHEST, LOWER_CASE, PAIRS, PAIRS_MASK
from provenance.kernels.compiling import as_int, inlined, piece
from provenance.kernels.cutting import PLACES, Scratch, hash_waiting, keep_bytes, put_word
from provenance.kernels.hashing import U64, mix_block
from provenance.kernels.vectors import count_bits, load_u64, lowest_bit, store_u64, swap_bytes

MOST_SIMPLE = 48  # bytes of a word that is taken here
LOWEST = U64(0x0101010101010101)  # bit of each byte
APOSTROPHE = U64(0x9980E2)  # U+2019 as it is loaded


@inlined
def without_joiner(low: np.uint64, high: np.uint64, length: int) -> tuple[np.uint64, np.uint64, int]:
    """A folded word of up to 16 bytes without the one apostrophe or hyphen in it, and its length, 0 if none.

    Of the ASCII bytes in a clump only apostrophes and hyphens lack both 0x40 and 0x10.
    """
    valid_low, valid_high = keep_bytes(length)
    low, high = low & valid_low, high & valid_high
    if (low | high) & HIGHEST:
        return low, high, 0
    signs_low = ~(low >> U64(6) | low >> U64(4)) & LOWEST & valid_low
    signs_high = ~(high >> U64(6) | high >> U64(4)) & LOWEST & valid_high
    if count_bits(signs_low) + count_bits(signs_high) != 1:
        return low, high, 0
    low, high = (low | LOWER_CASE) & valid_low, (high | LOWER_CASE) & valid_high
    if signs_low:
        before = signs_low - U64(1)  # all bits below the sign
        low = low & before | (low >> U64(8) | high << U64(56)) & ~before
        high >>= U64(8)
    else:
        before = signs_high - U64(1)
        high = high & before | high >> U64(8) & ~before
    return low, high, length - 1


@inlined
def fold_pairs(data: Bytes, begin: int, size: int, letters: U64s, folded: Bytes, base: int) -> int:
    """Fold a clump of up to eight letters of two bytes each, without a branch; 0 if it is none, else where it ends."""
    keep_low, keep_high = keep_bytes(size)
    low, high = load_u64(data, begin) & keep_low, load_u64(data, begin + 8) & keep_high
    odd = (low ^ PAIRS) & PAIRS_MASK & keep_low | (high ^ PAIRS) & PAIRS_MASK & keep_high
    low, high = swap_bytes(low), swap_bytes(high)
    taken, filled = 0, base
    for shift in (48, 32, 16, 0):
        letter = letters[low >> U64(shift) & PLACES]
        store_u64(folded, filled, letter)
        filled, taken = filled + as_int(letter >> U64(56)), taken + as_int(letter != 0)
    for shift in (48, 32, 16, 0):
        letter = letters[high >> U64(shift) & PLACES]
        store_u64(folded, filled, letter)
        filled, taken = filled + as_int(letter >> U64(56)), taken + as_int(letter != 0)
    return filled if odd == 0 and 2 * taken == size else 0


@inlined
def fold_word(data: Bytes, begin: int, limit: int, letters: U64s, folded: Bytes, base: int) -> int:
    """Fold a clump of up to MOST_SIMPLE bytes, letters of two bytes each; 0 if it is none, else where it ends."""
    filled = base
    for pair in range(begin, limit, 16):
        if pair + 16 > data.size:
            return 0
        filled = fold_pairs(data, pair, min(limit - pair, 16), letters, folded, filled)
        if filled == 0:
            return 0
    return filled


@inlined
def fold_mixed(data: Bytes, begin: int, limit: int, letters: U64s, folded: Bytes, base: int) -> int:
    """Fold a clump of letters of one or two bytes, with ’, ' or - between two of them; 0 if it is none.

    A round takes a run of plain letters and what comes behind it, so that most words need one or two.
    """
    at, filled = begin, base
    while at < limit:
        block = load_u64(data, at)
        odd = (block | ~(block << U64(1) | block << U64(3))) & HIGHEST
        plain = min(lowest_bit(odd) >> 3, limit - at)
        store_u64(folded, filled, block | LOWER_CASE)
        filled, at = filled + plain, at + plain
        if plain == 8 or at == limit:
            continue
        block = load_u64(data, at)
        letter = letters[swap_bytes(block) >> U64(48) & PLACES]
        if block & U64(0xC0E0) == U64(0x80C0) and letter != 0 and at + 2 <= limit:
            store_u64(folded, filled, letter)
            filled, at = filled + as_int(letter >> U64(56)), at + 2
            continue
        behind = at + 3 if block & U64(0xFFFFFF) == APOSTROPHE else at + 1
        if at == begin or behind >= limit or (behind == at + 1 and data[at] >= 0x80):
            return 0
        if data[behind] < 0x30 or data[behind] >= 0xE0:  # no letter of one or two bytes: another sign
            return 0
        at = behind
    return filled


@piece
def hash_specials(data: Bytes, at: int, closed: int, special: int, scratch: Scratch, hashes: U64s, count: int) -> int:
    """Hash those special clumps that are one short and simple word each, clump c into `hashes[count + c]`.

    Edges are counted from `at`; behind a clump that ends before `closed` no word goes on. The numbers of the others
    move to the front of `specials`; returns how many they are.
    """
    edges, specials, letters, folded = scratch.edges, scratch.specials, scratch.rules.letters, scratch.folded
    hard, base, waiting = 0, 0, 0
    for s in range(special):
        c = as_int(specials[s])
        begin, limit = at + as_int(edges[2 * c]), at + as_int(edges[2 * c + 1])
        specials[hard] = c
        if limit >= closed or limit - begin > MOST_SIMPLE or limit + 16 > data.size or data[begin] >= 0xE0:
            hard += 1
            continue
        if limit - begin <= 16 and is_ascii_letter(as_int(data[limit - 1])):
            low, high, length = without_joiner(load_u64(data, begin), load_u64(data, begin + 8), limit - begin)
            if length:
                hashes[count + c] = mix_block(scratch.word_key, low, high)
                continue
        filled = fold_word(data, begin, limit, letters, folded, base) if data[begin] >= 0xC2 else 0
        if filled == 0:
            filled = fold_mixed(data, begin, limit, letters, folded, base)
        if filled:
            base, waiting = put_word(scratch.word_key, scratch, base, filled, waiting, hashes, count + c)
        else:
            hard += 1
    hash_waiting(scratch, waiting, hashes)
    return hard
