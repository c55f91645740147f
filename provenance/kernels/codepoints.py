"""The text rules one code point at a time: what is not plain ASCII goes through the state machine here."""

import numpy as np

from provenance.arrays import Bytes, U64s
from provenance.kernels.compiling import as_int, inlined
from provenance.kernels.cutting import ENDS, KINDS, LONG, PLACES, Scratch, WordRoom, put_word, shorten
from provenance.kernels.hashing import U64, mix_block
from provenance.kernels.vectors import load_u64, lowest_bit, store_u64, swap_bytes
from provenance.text import rules

INVALID = -1
HIGHEST = U64(0x8080808080808080)  # bit of each byte
PAIRS, PAIRS_MASK = U64(0x80C080C080C080C0), U64(0xC0E0C0E0C0E0C0E0)
SURROGATES = 0xD800 >> 11  # top bits of what is no code point
LOWER_CASE = U64(0x2020202020202020)  # of ASCII letters; digits have this bit set already


@inlined
def decode(data: Bytes, at: int, stop: int) -> tuple[int, int]:
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
def take_letters(
    data: Bytes, at: int, limit: int, letters: U64s, folded: Bytes, filled: int, most: int
) -> tuple[int, int]:
    """Fold letters of one or two bytes up to `limit`, up to eight bytes at once, until `folded[:most]` is full.

    Returns where it stopped in `data` and in `folded`. In a clump the only ASCII bytes that are not letters or digits
    are apostrophes and hyphens: they alone lack both 0x40 and 0x10. What is taken too much is written over later.
    """
    while at < limit and at + 8 <= data.size and filled <= most:
        block = load_u64(data, at)
        odd = (block | ~(block << U64(1) | block << U64(3))) & HIGHEST
        plain = min(lowest_bit(odd) >> 3, limit - at)
        if plain:
            store_u64(folded, filled, block | LOWER_CASE)
            filled, at = filled + plain, at + plain
            continue
        swapped = swap_bytes(block)
        if at + 8 <= limit and block & PAIRS_MASK == PAIRS:
            one, two = letters[swapped >> U64(48) & PLACES], letters[swapped >> U64(32) & PLACES]
            three, four = letters[swapped >> U64(16) & PLACES], letters[swapped & PLACES]
            if one and two and three and four:
                store_u64(folded, filled, one)
                filled += as_int(one >> U64(56))
                store_u64(folded, filled, two)
                filled += as_int(two >> U64(56))
                store_u64(folded, filled, three)
                filled += as_int(three >> U64(56))
                store_u64(folded, filled, four)
                filled += as_int(four >> U64(56))
                at += 8
                continue
        letter = letters[swapped >> U64(48) & PLACES]
        if at + 2 > limit or block & U64(0xC0E0) != U64(0x80C0) or letter == 0:
            break
        store_u64(folded, filled, letter)
        filled += as_int(letter >> U64(56))
        at += 2
    return at, filled


@inlined
def find_solos(data: Bytes, at: int, limit: int, scratch: Scratch) -> tuple[int, int, bool]:
    """Take letters that are words by themselves and separators from `at` on, of three bytes and folded to three.

    The bytes of the letters go to `scratch.solos`, where they lie to `scratch.places`. Returns how many there are,
    where they end, and whether the last sign taken is a letter.
    """
    pages, entries, _, folds, _ = scratch.rules
    solos, places = scratch.solos, scratch.places
    count, pending = 0, False
    while at + 8 <= data.size and at + 3 <= limit and count < solos.size:
        block = load_u64(data, at)
        code_point = as_int(
            (block & U64(0x0F)) << U64(12) | (block >> U64(2) & U64(0xFC0)) | block >> U64(16) & U64(0x3F)
        )
        entry = entries[as_int(pages[code_point >> 8]) << 8 | code_point & 255]
        solo, length = entry & np.uint32(15) == rules.SOLO, entry >> np.uint32(4) & np.uint32(63)
        usual = (solo and (length == 0 or length == 3)) or entry & np.uint32(15) == rules.SEPARATOR
        sound = block & U64(0xC0C0F0) == U64(0x8080E0) and code_point >= 0x800 and code_point >> 11 != SURROGATES
        if not (usual and sound):
            break
        fold = load_u64(folds, as_int(entry >> np.uint32(10))) if length else block
        solos[count], places[count], pending = fold & U64(0xFFFFFF), at, solo
        count, at = count + as_int(solo), at + 3
    return count, at, pending


@inlined
def cut_clump(
    data: Bytes, at: int, limit: int, closed: bool, stop: int, scratch: Scratch, base: int, waiting: int,
    room: WordRoom, count: int,
) -> tuple[int, int, int, int, int]:  # fmt: skip
    """Cut words from `at`, where none is pending, until none is pending at `limit` or behind it, or to `stop`.

    `closed` says that no letter follows at `limit`. Word `count` and those after it are filled in; the folds
    of short words wait in `scratch.folded`, filled to `base`.
    Returns where the next word may begin, the counts of words and of invalid sequences met here, `base`, and how many
    words wait.
    """
    pages, entries, letters, folds, transitions = scratch.rules
    hashes, begins, ends, start = room
    word_key, buffer, offsets = scratch.word_key, scratch.folded, begins.size > 0
    invalid, state, word_begin, word_end = 0, rules.OUT, at, at
    hashed, filled = word_key, base
    while at < stop and (at < limit or state != rules.OUT):
        if (state == rules.OUT or state == rules.IN_WORD) and data[at] < 0xE0:
            before = at
            at, filled = take_letters(data, at, limit, letters, buffer, filled, base + LONG)
            if at > before:
                if state == rules.OUT:
                    state, word_begin = rules.IN_WORD, before
                word_end = at
                if filled > base + LONG:
                    hashed, filled = shorten(hashed, buffer, base, filled)
                if closed and at == limit:
                    at = limit
                    break
        elif state == rules.OUT or state == rules.AFTER_SOLO:
            solos, behind, pending = find_solos(data, at, limit, scratch)
            if behind > at:
                if state == rules.AFTER_SOLO:
                    base, waiting = put_word(hashed, scratch, base, filled, waiting, hashes, count)
                    if offsets:
                        begins[count], ends[count] = word_begin - start, word_end - start
                    count += 1
                complete = solos - as_int(pending)  # behind a letter a mark may follow
                for k in range(U64(complete)):
                    hashes[k + U64(count)] = mix_block(word_key, scratch.solos[k], U64(0))
                if offsets:
                    for k in range(complete):
                        begins[count + k], ends[count + k] = scratch.places[k] - start, scratch.places[k] + 3 - start
                count, at, filled, state = count + complete, behind, base, rules.OUT
                if pending:
                    store_u64(buffer, base, scratch.solos[solos - 1])
                    filled, word_begin, word_end, state = base + 3, at - 3, at, rules.AFTER_SOLO
                continue
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
            base, waiting = put_word(hashed, scratch, base, filled, waiting, hashes, count)
            if offsets:
                begins[count], ends[count] = word_begin - start, word_end - start
            count += 1
            hashed, filled = word_key, base
            if at >= limit:
                return at, count, invalid, base, waiting
        if kind == rules.WORD or kind == rules.SOLO:
            if state == rules.OUT or transition & ENDS:
                word_begin = at
            word_end = after
            length = as_int(entry >> np.uint32(4) & np.uint32(63))
            if length == 0:
                store_u64(buffer, filled, U64(first | second << 8 | third << 16))
                if after - at > 3 or at + 2 >= stop:
                    for k in range(at, after):
                        buffer[filled + k - at] = data[k]
                filled += after - at
            else:
                fold = as_int(entry >> np.uint32(10))
                for k in range(0, length, 8):
                    store_u64(buffer, filled + k, load_u64(folds, fold + k))
                filled += length
            if filled > base + LONG:
                hashed, filled = shorten(hashed, buffer, base, filled)
        elif kind == rules.IGNORED and (state == rules.IN_WORD or state == rules.AFTER_SOLO):
            word_end = after
        elif code_point == INVALID:
            invalid += 1
        state = as_int(transition & np.uint8(7))
        at = after
    if state != rules.OUT:
        base, waiting = put_word(hashed, scratch, base, filled, waiting, hashes, count)
        if offsets:
            begins[count], ends[count] = word_begin - start, word_end - start
        count += 1
    return at, count, invalid, base, waiting
