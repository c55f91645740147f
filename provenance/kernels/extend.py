"""Grows an alignment from one pair of equal words, by the greedy X-drop method (Zhang et al. 2000).

A matched word scores +1, a replaced word -0.5, a word without a partner -1: then an alignment that has consumed i and
j words with d differences scores (i + j) / 2 - 1.5 d, whatever the path, and it is enough to know, for each diagonal
and number of differences, how far one can come. Exact runs cost a comparison a word. Scores here are doubled, to be
whole.
"""

from typing import NamedTuple

import numpy as np

from provenance.arrays import Integers, U32s
from provenance.kernels.compiling import as_int, inlined, kernel, piece
from provenance.kernels.vectors import highest_bit, lowest_bit, unequal_sixteen

DIFFERENCE = 3  # taken off the doubled score for each
MOST_DIFFERENCES = 256  # traced at once; then what is best so far is taken, and the front starts anew from its end
FRONT = 1 << 15  # diagonals held for that
NOWHERE = -(1 << 40)


class Fronts(NamedTuple):
    """Scratch: front d is `reach[starts[d]:starts[d] + highs[d] - lows[d] + 1]`, how far diagonals lows[d].. came."""

    reach: Integers
    starts: Integers
    lows: Integers
    highs: Integers


@kernel
def make_fronts() -> Fronts:
    """Scratch for one extension at a time."""
    size = MOST_DIFFERENCES + 1
    starts, lows, highs = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    return Fronts(np.empty(FRONT, np.int64), starts, lows, highs)


@inlined
def came(fronts: Fronts, d: int, diagonal: int) -> int:
    """How many document words front d has consumed on a diagonal; NOWHERE where it is not."""
    if diagonal < fronts.lows[d] or diagonal > fronts.highs[d]:
        return NOWHERE
    return as_int(fronts.reach[fronts.starts[d] + diagonal - fronts.lows[d]])


@inlined
def step(fronts: Fronts, d: int, diagonal: int) -> tuple[int, int]:
    """Where a diagonal begins after difference d, before it is followed: words consumed, and the diagonal it came from.

    A replaced word keeps the diagonal; a document word without a partner comes from the one below, an edition word
    from the one above. Of equals the first named is taken.
    """
    replaced = came(fronts, d - 1, diagonal) + 1
    extra = came(fronts, d - 1, diagonal - 1) + 1
    missing = came(fronts, d - 1, diagonal + 1)
    if replaced >= extra and replaced >= missing:
        return replaced, diagonal
    if extra >= missing:
        return extra, diagonal - 1
    return missing, diagonal + 1


@inlined
def follow(doc: U32s, q: int, ref: U32s, r: int, sign: int, most: int) -> int:
    """How many words from `doc[q]` and `ref[r]`, forwards or backwards, are equal; at most `most`."""
    run = 0
    while run + 16 <= most:
        if sign > 0:
            unequal = unequal_sixteen(doc, q + run, ref, r + run)
            if unequal:
                return run + lowest_bit(unequal)
        else:
            unequal = unequal_sixteen(doc, q - run - 15, ref, r - run - 15)
            if unequal:
                return run + 15 - highest_bit(unequal)
        run += 16
    while run < most and doc[q + sign * run] == ref[r + sign * run]:
        run += 1
    return run


@inlined
def turn(blocks: Integers, first: int, last: int) -> None:
    """Reverse the order of rows."""
    for k in range((last - first) // 2):
        for side in range(3):
            one, other = blocks[first + k, side], blocks[last - 1 - k, side]
            blocks[first + k, side], blocks[last - 1 - k, side] = other, one


@inlined
def trace(fronts: Fronts, d: int, diagonal: int, q: int, r: int, sign: int, blocks: Integers, count: int) -> int:
    """Append the equal runs on the way to front d, the farthest last; returns their number with those before."""
    first = count
    while True:
        reached = came(fronts, d, diagonal)
        begin, before = (0, 0) if d == 0 else step(fronts, d, diagonal)
        if reached > begin and count < len(blocks):
            blocks[count, 0], blocks[count, 1] = q + sign * begin, r + sign * (begin - diagonal)
            blocks[count, 2] = reached - begin
            if sign < 0:  # a block begins with its lowest words
                blocks[count, 0], blocks[count, 1] = q - reached + 1, r - (reached - diagonal) + 1
            count += 1
        if d == 0:
            break
        d, diagonal = d - 1, before
    turn(blocks, first, count)
    return count


@piece
def extend(
    doc: U32s, q: int, doc_words: int, ref: U32s, r: int, ref_words: int, sign: int, drop: int, base: int,
    fronts: Fronts, blocks: Integers, count: int,
) -> tuple[int, int]:  # fmt: skip
    """Append to `blocks` the equal runs from `doc[q]` and `ref[r]` on, forwards (sign 1) or backwards (-1).

    At most `doc_words` and `ref_words` words are looked at. The alignment ends at its highest score, once the score
    fell by `drop` or, with `base` from before, to zero; both are doubled scores. Returns the number of blocks, and the
    doubled score gained.
    """
    gained = 0
    while True:
        run = follow(doc, q, ref, r, sign, min(doc_words, ref_words))
        fronts.reach[0], fronts.starts[0], fronts.lows[0], fronts.highs[0] = run, 0, 0, 0
        best, best_d, best_diagonal, d, alone = 2 * run, 0, 0, 0, False
        ended = run == min(doc_words, ref_words)  # nothing is left that could score
        while d + 1 < MOST_DIFFERENCES and not ended:
            low, high = fronts.lows[d] - 1, fronts.highs[d] + 1
            start = fronts.starts[d] + high - low - 1
            if start + high - low + 1 > FRONT:
                break
            d += 1
            fronts.starts[d] = start
            for diagonal in range(low, high + 1):
                reached, _ = step(fronts, d, diagonal)
                j = reached - diagonal
                if reached < 0 or j < 0 or reached > doc_words or j > ref_words:
                    fronts.reach[start + diagonal - low] = NOWHERE
                    continue
                most = min(doc_words - reached, ref_words - j)
                reached += follow(doc, q + sign * reached, ref, r + sign * j, sign, most)
                fronts.reach[start + diagonal - low] = reached
                score = 2 * reached - diagonal - DIFFERENCE * d
                if score > best:
                    best, best_d, best_diagonal = score, d, diagonal
            floor = max(best - drop, -base - gained)
            while low <= high and 2 * fronts.reach[start] - low - DIFFERENCE * d <= floor:
                low, start = low + 1, start + 1
            while low <= high and 2 * fronts.reach[start + high - low] - high - DIFFERENCE * d <= floor:
                high -= 1
            fronts.starts[d], fronts.lows[d], fronts.highs[d] = start, low, high
            if low > high:
                break
            alone = low == high and best_d == d
            if alone:
                break
        ended = ended or fronts.lows[d] > fronts.highs[d]
        if best > 0:
            consumed = came(fronts, best_d, best_diagonal)
            count = trace(fronts, best_d, best_diagonal, q, r, sign, blocks, count)
            gained += best
            q, r = q + sign * consumed, r + sign * (consumed - best_diagonal)
            doc_words, ref_words = doc_words - consumed, ref_words - (consumed - best_diagonal)
        if ended or best <= 0 or doc_words == 0 or ref_words == 0:
            return count, gained
