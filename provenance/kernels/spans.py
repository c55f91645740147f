"""Where words begin and end in a text, from two bytes a word: without its bytes, and without cutting it again."""

from __future__ import annotations

import numpy as np

from provenance.arrays import Bytes, Integers, U32s
from provenance.kernels.compiling import as_int, kernel

LONG = 255  # this many bytes or more: only the text tells
UNKNOWN = -1


@kernel
def spans_of(begins: U32s, ends: U32s) -> Bytes:
    """For each word of a text the bytes between the end of the one before and its begin, and those of the word.

    Shape (2 * words,): both numbers of a word side by side; what does not fit is LONG.
    """
    spans, before = np.empty(2 * begins.size, dtype=np.uint8), 0
    for k in range(begins.size):
        begin, end = as_int(begins[k]), as_int(ends[k])
        spans[2 * k], spans[2 * k + 1] = min(begin - before, LONG), min(end - begin, LONG)
        before = end
    return spans


@kernel
def places_of(
    words: Integers, blocks: Integers, block_words: Integers, block_begins: Integers, spans: Bytes
) -> tuple[Integers, Integers]:
    """Byte places of words (rising, by global position) in their texts; UNKNOWN where a LONG is in the way.

    Word k lies in the text block `blocks[k]`, whose first word is `block_words[b]`. The block begins `block_begins[b]`
    bytes behind the begin of its text: with its first word, or with the first byte of the text.
    """
    begins, ends = np.empty(words.size, dtype=np.int64), np.empty(words.size, dtype=np.int64)
    at, place, certain, block = 0, 0, True, -1  # `place`: the begin of word `at`
    for k in range(words.size):
        if blocks[k] != block:
            block = blocks[k]
            at, place, certain = block_words[block], block_begins[block], True
            if place == 0:
                place, certain = as_int(spans[2 * at]), spans[2 * at] != LONG
        total, longest = 0, 0
        for i in range(2 * at + 1, 2 * words[k] + 1):
            total += as_int(spans[i])
            longest = max(longest, as_int(spans[i]))
        at, place, certain = words[k], place + total, certain and longest != LONG
        size = as_int(spans[2 * at + 1])
        begins[k], ends[k] = place, place + size
        if not certain or size == LONG:
            begins[k], ends[k] = UNKNOWN, UNKNOWN
    return begins, ends
