"""What texts are cut with: the text rules as arrays, room for the words, and scratch that every segment uses again.

Folded words that are not plain ASCII wait in a buffer until eight of them can be hashed at once.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from provenance.arrays import Bytes, Integers, U32s, U64s
from provenance.kernels.clumps import ROOM
from provenance.kernels.compiling import inlined, kernel, piece
from provenance.kernels.hashing import U64, mix_block
from provenance.kernels.vectors import BLOCK, hash_eight, load_u64, store_u64
from provenance.text import rules
from provenance.text.reference import ends_word, next_state
from provenance.text.tables import FoldTable, fold_table

KINDS = 16
ENDS = 8  # flag in a transition: the pending word ends before this code point
PLACES = U64(0x1F3F)  # bits of the place in `letter_table`
ALL = ~U64(0)
SEGMENT = 1 << 13  # bytes of text cut at once: its clumps and words stay in the first cache
FOLDED = 1 << 12  # bytes of folded words that wait to be hashed
SOLOS = 512  # letters taken at once that are words by themselves
LONG = 128  # bytes of one word held at once, and room for the longest fold


class Rules(NamedTuple):
    """The text rules as arrays: what every kernel that reads text is handed."""

    pages: npt.NDArray[np.uint16]
    entries: U32s
    letters: U64s  # of two bytes, see `letter_table`
    folds: Bytes  # and seven bytes more, for reading eight at once
    transitions: Bytes  # (8 states * 16 kinds,): next state, plus ENDS


@lru_cache(maxsize=1)
def text_rules() -> Rules:
    """The committed fold table and the transitions of the reference tokenizer."""
    table = fold_table()
    transitions = np.zeros(8 * KINDS, np.uint8)
    for state in range(8):
        for kind in range(9):
            ends = state != rules.OUT and ends_word(state, kind)
            transitions[state * KINDS + kind] = next_state(state, kind) | (ENDS if ends else 0)
    folds = np.concatenate([table.folds, np.zeros(7, np.uint8)])
    return Rules(table.pages, table.entries, letter_table(table), folds, transitions)


def letter_table(table: FoldTable) -> U64s:
    """For each letter of two bytes its fold (low 56 bits) and the length of that (high 8); 0 for what is no letter.

    The place is the low five bits of the first byte, two unused ones, and the low six bits of the second: of a 16-bit
    load with its bytes swapped. So the letters of a script lie together in the cache.
    """
    letters = np.zeros(int(PLACES) + 1, np.uint64)
    for code_point in range(0x80, 0x800):
        kind, fold = table.entry(code_point)
        if kind == rules.WORD and len(fold) < 8:
            place = code_point >> 6 << 8 | code_point & 0x3F
            letters[place] = int.from_bytes(fold, "little") | len(fold) << 56
    return letters


class WordRoom(NamedTuple):
    """Where words are written to: their hashes, and where they begin and end in their text, unless those are empty."""

    hashes: U64s
    begins: U32s
    ends: U32s
    start: int  # where the text begins in its data


class Scratch(NamedTuple):
    """What every segment is cut with. Folded word w that waits is `folded[borders[2 * w]:borders[2 * w + 1]]`."""

    rules: Rules
    word_key: np.uint64
    edges: U32s  # of clumps; see `find_clumps`
    specials: U32s  # numbers of special clumps
    plain: U64s  # hashes of the clumps behind the first that needs the state machine
    tail: Bytes
    folded: Bytes
    borders: U32s
    targets: Integers  # where the hashes of words that wait go
    eight: U64s  # hashes, before they go there
    solos: U64s  # letters that are words by themselves, some hundreds at a time ...
    places: Integers  # ... and where they lie


@kernel
def make_scratch(text: Rules, word_key: np.uint64) -> Scratch:
    """Room for one segment, and for words of FOLDED bytes in all that wait."""
    edges, specials = np.empty(SEGMENT + ROOM, np.uint32), np.empty(SEGMENT, np.uint32)
    plain, tail = np.empty(SEGMENT, np.uint64), np.zeros(BLOCK, np.uint8)
    folded, borders = np.zeros(FOLDED, np.uint8), np.zeros(2 * FOLDED, np.uint32)
    targets, eight = np.empty(FOLDED, np.int64), np.empty(8, np.uint64)
    solos, places = np.empty(SOLOS, np.uint64), np.empty(SOLOS, np.int64)
    return Scratch(text, word_key, edges, specials, plain, tail, folded, borders, targets, eight, solos, places)


@inlined
def keep_bytes(length: int) -> tuple[np.uint64, np.uint64]:
    """Masks of the first `length` (1 to 16) bytes of two numbers."""
    more = max(length - 8, 0)
    return ALL >> U64(64 - 8 * min(length, 8)), ALL if more == 8 else (U64(1) << U64(8 * more)) - U64(1)


@piece
def hash_waiting(scratch: Scratch, waiting: int, hashes: U64s) -> None:
    """Hash the words that wait, each to its place in `hashes`."""
    eight, targets = scratch.eight, scratch.targets
    for w in range(0, waiting, 8):
        hash_eight(scratch.folded, 0, scratch.borders, w, U64(0), scratch.word_key, eight, 0)
        for k in range(min(8, waiting - w)):
            hashes[targets[w + k]] = eight[k]


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
    hashed: np.uint64, scratch: Scratch, base: int, filled: int, waiting: int, hashes: U64s, count: int
) -> tuple[int, int]:
    """Word `count` is folded: let it wait, or hash it now if long. Returns where the next begins, and how many wait."""
    folded, borders = scratch.folded, scratch.borders
    if filled - base > 16 or hashed != scratch.word_key:
        hashed, filled = shorten(hashed, folded, base, filled)
        keep_low, keep_high = keep_bytes(filled - base)
        hashes[count] = mix_block(hashed, load_u64(folded, base) & keep_low, load_u64(folded, base + 8) & keep_high)
        return base, waiting
    borders[2 * waiting], borders[2 * waiting + 1], scratch.targets[waiting] = base, filled, count
    if filled > FOLDED - 2 * LONG:
        hash_waiting(scratch, waiting + 1, hashes)
        return 0, 0
    return filled, waiting + 1
