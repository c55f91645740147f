"""The text rules one code point at a time: what is not plain ASCII goes through the state machine here."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from provenance.kernels.compiling import as_int, inlined
from provenance.kernels.hashing import U64, mix_block
from provenance.kernels.vectors import load_u64, lowest_bit, store_u64
from provenance.text import rules
from provenance.text.reference import ends_word, next_state
from provenance.text.tables import FoldTable, fold_table

KINDS = 16
ENDS = 8  # flag in a transition: the pending word ends before this code point
INVALID = -1
ALL = ~U64(0)
HIGHEST = U64(0x8080808080808080)  # bit of each byte
LOWER_CASE = U64(0x2020202020202020)  # of ASCII letters; digits have this bit set already
FOLDED = 128  # bytes of a folded word held at once; a fold has up to 63


class Rules(NamedTuple):
    """The text rules as arrays: what every kernel that reads text is handed."""

    pages: npt.NDArray[np.uint16]
    entries: npt.NDArray[np.uint32]
    letters: npt.NDArray[np.uint64]  # for code points of two bytes, see `letter_table`
    folds: npt.NDArray[np.uint8]  # and seven bytes more, for reading eight at once
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
    folds = np.concatenate([table.folds, np.zeros(7, dtype=np.uint8)])
    return Rules(table.pages, table.entries, letter_table(table), folds, transitions)


def letter_table(table: FoldTable) -> npt.NDArray[np.uint64]:
    """For each code point of two bytes its fold (low 56 bits) and the length of that (high 8); 0 if it is no letter."""
    letters = np.zeros(0x800, dtype=np.uint64)
    for code_point in range(0x80, 0x800):
        kind, fold = table.entry(code_point)
        if kind == rules.WORD and len(fold) < 8:
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
def keep_bytes(length: int) -> tuple[np.uint64, np.uint64]:
    """Masks of the first `length` (1 to 16) bytes of two numbers."""
    more = max(length - 8, 0)
    return ALL >> U64(64 - 8 * min(length, 8)), ALL if more == 8 else (U64(1) << U64(8 * more)) - U64(1)


@inlined
def hash_folded(hashed: np.uint64, folded: npt.NDArray[np.uint8], filled: int) -> np.uint64:
    """Hash of the word whose folded bytes, after those that are in `hashed`, are `folded[:filled]`."""
    at = 0
    while filled - at > 16:
        hashed = mix_block(hashed, load_u64(folded, at), load_u64(folded, at + 8))
        at += 16
    keep_low, keep_high = keep_bytes(filled - at)
    return mix_block(hashed, load_u64(folded, at) & keep_low, load_u64(folded, at + 8) & keep_high)


@inlined
def make_room(hashed: np.uint64, folded: npt.NDArray[np.uint8], filled: int) -> tuple[np.uint64, int]:
    """Take whole blocks from the front of a long word into its hash; the last bytes, up to 16, stay."""
    at = 0
    while filled - at > 16:
        hashed = mix_block(hashed, load_u64(folded, at), load_u64(folded, at + 8))
        at += 16
    store_u64(folded, 8, load_u64(folded, at + 8))
    store_u64(folded, 0, load_u64(folded, at))
    return hashed, filled - at


@inlined
def take_letters(
    data: npt.NDArray[np.uint8],
    at: int,
    limit: int,
    letters: npt.NDArray[np.uint64],
    folded: npt.NDArray[np.uint8],
    filled: int,
) -> tuple[int, int]:
    """Take letters of one or two bytes up to `limit`, up to eight bytes at once. Returns where it stopped, and `filled`.

    In a clump the only ASCII bytes that are not letters or digits are apostrophes and hyphens: they alone lack both
    0x40 and 0x10. What is taken here too much is written over by what follows.
    """
    while at < limit and at + 8 <= data.size and filled <= FOLDED - 32:
        block = load_u64(data, at)
        odd = (block | ~(block << U64(1) | block << U64(3))) & HIGHEST
        plain = min(lowest_bit(odd) >> 3, limit - at)
        if plain:
            store_u64(folded, filled, block | LOWER_CASE)
            filled, at = filled + plain, at + plain
            continue
        most, taken = (limit - at) >> 1, 0
        for k in range(4):
            pair = block >> U64(16 * k)
            letter = letters[(pair & U64(0x1F)) << U64(6) | pair >> U64(8) & U64(0x3F)]
            good = pair & U64(0xC0E0) == U64(0x80C0) and letter != 0 and taken == k and k < most
            store_u64(folded, filled, letter)
            filled += as_int(letter >> U64(56)) if good else 0
            taken += as_int(good)
        at += 2 * taken
        if taken == 0:
            break
    return at, filled


@inlined
def cut_clump(
    data: npt.NDArray[np.uint8],
    at: int,
    limit: int,
    closed: bool,
    stop: int,
    text: Rules,
    word_key: np.uint64,
    folded: npt.NDArray[np.uint8],
    hashes: npt.NDArray[np.uint64],
    begins: npt.NDArray[np.uint32],
    ends: npt.NDArray[np.uint32],
    start: int,
    count: int,
) -> tuple[int, int, int]:
    """Cut words from `at`, where none is pending, until none is pending at `limit` or behind it, or to `stop`.

    `closed` says that no letter follows at `limit`. Word `count` and those after it are filled in, their offsets
    counted from `start` unless `begins` is empty; `folded` is scratch of FOLDED bytes. Returns where the next word may
    begin, the count of words, and of invalid sequences met here.
    """
    pages, entries, letters, folds, transitions = text
    offsets = begins.size > 0
    invalid, state, word_begin, word_end = 0, rules.OUT, at, at
    hashed, filled = word_key, 0
    while at < stop and (at < limit or state != rules.OUT):
        if (state == rules.OUT or state == rules.IN_WORD) and data[at] < 0xE0:
            before = at
            at, filled = take_letters(data, at, limit, letters, folded, filled)
            if at > before:
                if state == rules.OUT:
                    state, word_begin = rules.IN_WORD, before
                word_end = at
                if filled > FOLDED - 32:
                    hashed, filled = make_room(hashed, folded, filled)
                if closed and at == limit:
                    break
        first, second, third = as_int(data[at]), 0, 0
        if at + 2 < stop:
            second, third = as_int(data[at + 1]), as_int(data[at + 2])
        if first < 0x80:
            code_point, after = first, at + 1
        elif 0xE1 <= first < 0xED and second & 0xC0 == 0x80 and third & 0xC0 == 0x80:
            code_point, after = (first & 0x0F) << 12 | (second & 0x3F) << 6 | third & 0x3F, at + 3
        else:
            code_point, after = decode(data, at, stop)
        place = as_int(pages[code_point >> 8]) << 8 | code_point & 255 if code_point != INVALID else 0
        entry = entries[place] if code_point != INVALID else np.uint32(rules.SEPARATOR)
        kind = as_int(entry & np.uint32(15))
        transition = transitions[state * KINDS + kind]
        if transition & ENDS:
            hashes[count] = hash_folded(hashed, folded, filled)
            if offsets:
                begins[count], ends[count] = word_begin - start, word_end - start
            count += 1
            hashed, filled = word_key, 0
            if at >= limit:
                return at, count, invalid
        if kind == rules.WORD or kind == rules.SOLO:
            if filled == 0:
                word_begin = at
            word_end = after
            length = as_int(entry >> np.uint32(4) & np.uint32(63))
            if length == 0:
                store_u64(folded, filled, U64(first | second << 8 | third << 16))
                if after - at > 3 or at + 2 >= stop:
                    for k in range(at, after):
                        folded[filled + k - at] = data[k]
                filled += after - at
            else:
                fold = as_int(entry >> np.uint32(10))
                for k in range(0, length, 8):
                    store_u64(folded, filled + k, load_u64(folds, fold + k))
                filled += length
            if filled > FOLDED - 32:
                hashed, filled = make_room(hashed, folded, filled)
        elif kind == rules.IGNORED and (state == rules.IN_WORD or state == rules.AFTER_SOLO):
            word_end = after
        elif code_point == INVALID:
            invalid += 1
        state = as_int(transition & np.uint8(7))
        at = after
    if state != rules.OUT:
        hashes[count] = hash_folded(hashed, folded, filled)
        if offsets:
            begins[count], ends[count] = word_begin - start, word_end - start
        count += 1
    return at, count, invalid
