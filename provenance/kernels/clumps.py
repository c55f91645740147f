"""Finds clumps, 64 bytes at a time: runs of bytes in which words lie, most of them one plain ASCII word each.

A clump is a maximal run of ASCII letters and digits, bytes above ASCII (but for some frequent signs), and apostrophes
and hyphens that may join. Between clumps no word is pending, unless a hyphen at a line end leaves one.
A clump that is not just ASCII letters and digits is *special*: the state machine of `codepoints` cuts it.
"""

import numpy as np

from provenance.arrays import Bytes, U32s
from provenance.kernels.compiling import as_int, inlined, piece
from provenance.kernels.hashing import U64
from provenance.kernels.vectors import BLOCK, classify_block, count_bits, find_punctuation, lowest_bit

AT_ONCE = 24  # edges written without looking: English has about 21 in a block
ROOM = BLOCK + AT_ONCE  # items of `edges` beyond one for each byte

ONE, TWO, TOP, ALL = U64(1), U64(2), U64(63), U64(0xFFFFFFFFFFFFFFFF)


@inlined
def is_ascii_letter(byte: int) -> bool:
    """Whether a byte is an ASCII letter or digit."""
    return 0x30 <= byte <= 0x39 or 0x61 <= byte | 0x20 <= 0x7A


@inlined
def is_space(byte: int) -> bool:
    """Whether a byte may stand between a hyphen and the rest of its word: a blank or a line end."""
    return byte == 0x20 or byte == 0x0A or byte == 0x0D or byte == 0x09


@inlined
def joiners(
    data: Bytes, at: int, stop: int, letters: np.uint64, candidates: np.uint64, hyphens: np.uint64
) -> np.uint64:
    """Those candidates, signs after a letter, that may join what follows: a letter, or a line end for hyphens."""
    following = letters >> ONE
    if at + BLOCK < stop and (data[at + BLOCK] >= 0x80 or is_ascii_letter(as_int(data[at + BLOCK]))):
        following |= ONE << TOP
    joining = candidates & following
    unsure = candidates & hyphens & ~following
    while unsure:
        bit = lowest_bit(unsure)
        unsure &= unsure - ONE
        if at + bit + 1 < stop and is_space(as_int(data[at + bit + 1])):
            joining |= ONE << U64(bit)
    return joining


@piece
def find_clumps(
    data: Bytes, start: int, stop: int, text_stop: int, tail: Bytes, edges: U32s, specials: U32s
) -> tuple[int, int]:
    """Clump c of `data[start:stop]` is `edges[2 * c]` to `edges[2 * c + 1]`, from `start`. Returns clumps and specials.

    `specials` gets the numbers of the special clumps, rising. `edges` needs `stop - start + ROOM` items, `specials`
    `stop - start`; `tail` is 64 bytes of scratch for a block that ends behind the buffer. Text up to `text_stop` is
    looked at; a last clump that touches `stop` is cut off there.
    """
    count, special = 0, 0
    open_letters, open_clump, open_odd = U64(0), U64(0), U64(0)  # whether the block before ended in one: bit 0
    for at in range(start, stop, BLOCK):
        block, place = data, at
        if at + BLOCK > data.size:
            for k in range(data.size - at):
                tail[k] = data[at + k]
            block, place = tail, 0
        letters, high, apostrophes, hyphens = classify_block(block, place)
        if stop - at < BLOCK:
            valid = ALL >> U64(BLOCK - (stop - at))
            letters, high, apostrophes, hyphens = letters & valid, high & valid, apostrophes & valid, hyphens & valid
        if high:
            first, second, third = find_punctuation(block, place)
            first &= second >> ONE & (third & high) >> TWO
            high &= ~(first | first << ONE | first << TWO)
        letters |= high
        candidates = (apostrophes | hyphens) & (letters << ONE | open_letters)
        if candidates:
            candidates = joiners(data, at, text_stop, letters, candidates, hyphens)
        clumps, odd = letters | candidates, high | candidates
        borders = clumps ^ (clumps << ONE | open_clump)
        open_letters, open_clump = letters >> TOP, clumps >> TOP
        base, new = at - start, count_bits(borders)
        if odd | open_odd:
            odd |= open_odd
            carried = clumps + odd  # a sign in a run of ones carries to the zero behind the run
            closing = carried & ~clumps
            open_odd = U64(carried < clumps)
            while closing:
                below = (closing & (~closing + ONE)) - ONE
                number = (count + count_bits(borders & below) - 1) >> 1
                closing &= closing - ONE
                specials[special] = number
                special += 1
        for k in range(AT_ONCE):
            edges[count + k] = base + lowest_bit(borders)
            borders &= borders - ONE
        for k in range(AT_ONCE, new):
            edges[count + k] = base + lowest_bit(borders)
            borders &= borders - ONE
        count += new
    if open_odd:
        specials[special] = count >> 1
        special += 1
    if count & 1:
        edges[count] = stop - start
        count += 1
    return count >> 1, special
