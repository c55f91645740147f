"""The text rules one code point at a time: what is not plain ASCII goes through the state machine here."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from provenance.kernels.compiling import as_int, inlined
from provenance.kernels.hashing import U64, mix_block
from provenance.text import rules
from provenance.text.reference import ends_word, next_state
from provenance.text.tables import FoldTable, fold_table

KINDS = 16
ENDS = 8  # flag in a transition: the pending word ends before this code point
INVALID = -1
ONE, FOLD = U64(1), U64((1 << 56) - 1)
WHOLE_PIECE = 8  # bytes of a fold that fit into one number


class Rules(NamedTuple):
    """The text rules as arrays: what every kernel that reads text is handed."""

    pages: npt.NDArray[np.uint16]
    entries: npt.NDArray[np.uint32]
    pieces: npt.NDArray[np.uint64]  # for each entry the first eight bytes of its fold, as one number
    letters: npt.NDArray[np.uint64]  # for code points of one or two bytes, see `letter_table`
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
    places, lengths = table.entries >> 10, table.entries >> 4 & 63
    padded = np.concatenate([table.folds, np.zeros(WHOLE_PIECE, dtype=np.uint8)])
    bytes_of = padded[places[:, None].astype(np.int64) + np.arange(WHOLE_PIECE)]
    bytes_of[np.arange(WHOLE_PIECE) >= lengths[:, None]] = 0
    pieces = np.ascontiguousarray(bytes_of).view("<u8").ravel().astype(np.uint64)
    return Rules(table.pages, table.entries, pieces, letter_table(table), table.folds, transitions)


def letter_table(table: FoldTable) -> npt.NDArray[np.uint64]:
    """For each code point below 0x800 its fold (low 56 bits) and the length of that (high 8); 0 if it is no letter."""
    letters = np.zeros(0x800, dtype=np.uint64)
    for code_point in range(0x800):
        kind, fold = table.entry(code_point)
        if kind == rules.WORD and len(fold) < WHOLE_PIECE:
            letters[code_point] = int.from_bytes(fold, "little") | len(fold) << 56
    return letters


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


@inlined
def take_piece(
    hashed: np.uint64, low: np.uint64, high: np.uint64, filled: int, piece: np.uint64, length: int
) -> tuple[np.uint64, np.uint64, np.uint64, int]:
    """Append `length` (1 to 8) folded bytes to a word's state: the hash so far and a block of 16 bytes being filled.

    Which half of the block they go to is decided without branches: letters of one and two bytes come as they like.
    """
    if filled == 16:
        hashed, low, high, filled = mix_block(hashed, low, high), U64(0), U64(0), 0
    shift = U64(8 * (filled & 7))
    here, over = piece << shift, piece >> ONE >> (U64(63) - shift)
    first = filled < 8
    low, high = low | (here if first else U64(0)), high | (over if first else here)
    filled += length
    if filled > 16:
        hashed, low, high = mix_block(hashed, low, high), over, U64(0)
        filled -= 16
    return hashed, low, high, filled


@inlined
def cut_clump(
    data: npt.NDArray[np.uint8],
    at: int,
    limit: int,
    stop: int,
    text: Rules,
    word_key: np.uint64,
    hashes: npt.NDArray[np.uint64],
    begins: npt.NDArray[np.uint32],
    ends: npt.NDArray[np.uint32],
    start: int,
    count: int,
) -> tuple[int, int, int]:
    """Cut words from `at`, where none is pending, until none is pending at `limit` or behind it, or to `stop`.

    Word `count` and those after it are filled in, their offsets counted from `start` unless `begins` is empty.
    Returns where the next word may begin, the count of words, and of invalid sequences met here.
    """
    pages, entries, pieces, letters, folds, transitions = text
    offsets = begins.size > 0
    invalid, state, word_begin, word_end = 0, rules.OUT, at, at
    hashed, low, high, filled = word_key, U64(0), U64(0), 0
    while at < stop and (at < limit or state != rules.OUT):
        first, second, third = as_int(data[at]), 0, 0
        if at + 2 < stop:
            second, third = as_int(data[at + 1]), as_int(data[at + 2])
        elif at + 1 < stop:
            second = as_int(data[at + 1])
        if first < 0x80:
            code_point, after, raw = first, at + 1, U64(first)
        elif 0xC2 <= first < 0xE0 and second & 0xC0 == 0x80:
            code_point, after, raw = (first & 0x1F) << 6 | second & 0x3F, at + 2, U64(first | second << 8)
        elif 0xE1 <= first < 0xED and second & 0xC0 == 0x80 and third & 0xC0 == 0x80:
            code_point, after = (first & 0x0F) << 12 | (second & 0x3F) << 6 | third & 0x3F, at + 3
            raw = U64(first | second << 8 | third << 16)
        else:
            code_point, after = decode(data, at, stop)
            raw = U64(0)
            for k in range(after - at):
                raw |= U64(data[at + k]) << U64(8 * k)
        if code_point < 0x800 and state == rules.IN_WORD and code_point >= 0 and letters[code_point]:
            letter = letters[code_point]
            hashed, low, high, filled = take_piece(hashed, low, high, filled, letter & FOLD, as_int(letter >> U64(56)))
            word_end = at = after
            continue
        place = as_int(pages[code_point >> 8]) << 8 | code_point & 255 if code_point != INVALID else 0
        entry = entries[place] if code_point != INVALID else np.uint32(rules.SEPARATOR)
        kind = as_int(entry & np.uint32(15))
        transition = transitions[state * KINDS + kind]
        if transition & ENDS:
            hashes[count] = mix_block(hashed, low, high)
            if offsets:
                begins[count], ends[count] = word_begin - start, word_end - start
            count += 1
            hashed, low, high, filled = word_key, U64(0), U64(0), 0
            if at >= limit:
                return at, count, invalid
        if kind == rules.WORD or kind == rules.SOLO:
            if filled == 0:
                word_begin = at
            word_end = after
            length = as_int(entry >> np.uint32(4) & np.uint32(63))
            if length == 0:
                hashed, low, high, filled = take_piece(hashed, low, high, filled, raw, after - at)
            elif length <= WHOLE_PIECE:
                hashed, low, high, filled = take_piece(hashed, low, high, filled, pieces[place], length)
            else:
                fold = as_int(entry >> np.uint32(10))
                for k in range(fold, fold + length):
                    hashed, low, high, filled = take_piece(hashed, low, high, filled, U64(folds[k]), 1)
        elif kind == rules.IGNORED and (state == rules.IN_WORD or state == rules.AFTER_SOLO):
            word_end = after
        elif code_point == INVALID:
            invalid += 1
        state = as_int(transition & np.uint8(7))
        at = after
    if state != rules.OUT:
        hashes[count] = mix_block(hashed, low, high)
        if offsets:
            begins[count], ends[count] = word_begin - start, word_end - start
        count += 1
    return at, count, invalid
