"""Cuts UTF-8 into words and hashes them, by the state machine of the text rules. Scalar: one byte at a time."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from provenance.kernels.compiling import as_int, inlined, kernel
from provenance.kernels.hashing import U64, mix_block
from provenance.text import rules
from provenance.text.reference import ends_word, next_state
from provenance.text.tables import fold_table

KINDS = 16
ENDS = 8  # flag in a transition: the pending word ends before this code point
INVALID = -1


class Rules(NamedTuple):
    """The text rules as arrays: what every kernel that reads text is handed."""

    pages: npt.NDArray[np.uint16]
    entries: npt.NDArray[np.uint32]
    folds: npt.NDArray[np.uint8]
    transitions: npt.NDArray[np.uint8]  # (8 states * 16 kinds,): next state, plus ENDS


@lru_cache(maxsize=1)
def text_rules() -> Rules:
    """The committed fold table and the transitions of the reference tokenizer."""
    table = fold_table()
    transitions = np.zeros(8 * KINDS, dtype=np.uint8)
    for state in range(8):
        for kind in range(9):
            ends = state != rules.OUT and ends_word(state, kind)
            transitions[state * KINDS + kind] = next_state(state, kind) | (ENDS if ends else 0)
    return Rules(table.pages, table.entries, table.folds, transitions)


@inlined
def decode(data: npt.NDArray[np.uint8], at: int, stop: int) -> tuple[int, int]:
    """Code point at `at` and the offset after it; INVALID for an ill-formed sequence, taken up to its first bad byte.

    The ranges are those of table 3-7 of the Unicode standard; how much of a bad sequence is one error is
    "maximal subpart" (section 3.9), as CPython's decoder does.
    """
    first = data[at]
    if first < 0x80:
        return as_int(first), at + 1
    if first < 0xC2 or first > 0xF4:
        return INVALID, at + 1
    low, high, more = 0x80, 0xBF, 1
    code_point = as_int(first & 0x1F)
    if first >= 0xE0:
        more, code_point = 2, as_int(first & 0x0F)
        if first == 0xE0:
            low = 0xA0
        elif first == 0xED:
            high = 0x9F
        elif first >= 0xF0:
            more, code_point = 3, as_int(first & 0x07)
            if first == 0xF0:
                low = 0x90
            elif first == 0xF4:
                high = 0x8F
    at += 1
    for _ in range(more):
        if at >= stop or data[at] < low or data[at] > high:
            return INVALID, at
        code_point = code_point << 6 | as_int(data[at] & 0x3F)
        low, high = 0x80, 0xBF
        at += 1
    return code_point, at


@kernel
def cut_words(
    data: npt.NDArray[np.uint8],
    start: int,
    stop: int,
    text: Rules,
    word_key: np.uint64,
    hashes: npt.NDArray[np.uint64],
    begins: npt.NDArray[np.uint32],
    ends: npt.NDArray[np.uint32],
) -> tuple[int, int]:
    """Fill `hashes` with the words of `data[start:stop]`, and `begins`, `ends` (from `start`) unless they are empty.

    The arrays must hold `most_words(stop - start)` items. Returns the number of words and of invalid sequences.
    """
    pages, entries, folds, transitions = text.pages, text.entries, text.folds, text.transitions
    offsets = begins.size > 0
    count, invalid = 0, 0
    state, word_begin, word_end = rules.OUT, 0, 0
    hashed, low, high, filled = word_key, U64(0), U64(0), 0
    at = start
    while at < stop:
        first = data[at]
        if first < 0x80:
            entry, after = entries[first], at + 1
        else:
            code_point, after = decode(data, at, stop)
            if code_point == INVALID:
                invalid += 1
                entry = np.uint32(rules.SEPARATOR)
            else:
                entry = entries[as_int(pages[code_point >> 8]) << 8 | code_point & 255]
        kind = as_int(entry & np.uint32(15))
        transition = transitions[state * KINDS + kind]
        if transition & ENDS:
            hashes[count] = mix_block(hashed, low, high)
            if offsets:
                begins[count], ends[count] = word_begin - start, word_end - start
            count += 1
            hashed, low, high, filled = word_key, U64(0), U64(0), 0
        if kind == rules.WORD or kind == rules.SOLO:
            if filled == 0:
                word_begin = at
            word_end = after
            length, place = as_int(entry >> np.uint32(4) & np.uint32(63)), as_int(entry >> np.uint32(10))
            for k in range(length if length else after - at):
                byte = U64(folds[place + k]) if length else U64(data[at + k])
                if filled == 16:
                    hashed, low, high, filled = mix_block(hashed, low, high), U64(0), U64(0), 0
                if filled < 8:
                    low |= byte << U64(8 * filled)
                else:
                    high |= byte << U64(8 * (filled - 8))
                filled += 1
        elif kind == rules.IGNORED and (state == rules.IN_WORD or state == rules.AFTER_SOLO):
            word_end = after
        state = as_int(transition & np.uint8(7))
        at = after
    if state != rules.OUT:
        hashes[count] = mix_block(hashed, low, high)
        if offsets:
            begins[count], ends[count] = word_begin - start, word_end - start
        count += 1
    return count, invalid


def most_words(size: int) -> int:
    """Upper bound of the words in `size` bytes: a byte and a separator each; spaceless letters take three bytes."""
    return (size + 1) // 2


class Words(NamedTuple):
    """The words of one text: hashes, and where each lies in the text's bytes."""

    hashes: npt.NDArray[np.uint64]
    begins: npt.NDArray[np.uint32]
    ends: npt.NDArray[np.uint32]
    invalid: int


def words_of(data: npt.NDArray[np.uint8], keys: npt.NDArray[np.uint64]) -> Words:
    """All words of one text of at most 2^32 - 1 bytes; see `cut_words`."""
    room = most_words(data.size)
    hashes = np.empty(room, dtype=np.uint64)
    begins, ends = np.empty(room, dtype=np.uint32), np.empty(room, dtype=np.uint32)
    count, invalid = cut_words(data, 0, data.size, text_rules(), keys[0], hashes, begins, ends)
    return Words(hashes[:count].copy(), begins[:count].copy(), ends[:count].copy(), invalid)
