"""Where words of a document begin and end: its text is cut again, but no more of it than needed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from provenance.arrays import Bytes, Integers
from provenance.kernels.clumps import is_ascii_letter
from provenance.kernels.codepoints import Rules
from provenance.kernels.compiling import as_int, kernel, piece
from provenance.kernels.folded import WordRoom
from provenance.kernels.hashing import U64
from provenance.kernels.words import Scratch, append_words, make_scratch, most_words

EDGE = 256  # bytes at either end of a document in which its first and its last word are looked for


@piece
def cut_all(data: Bytes, first: int, last: int, text: Rules, scratch: Scratch, room: WordRoom) -> int:
    """Cut `data[first:last]`; returns the number of words."""
    at, count = first, 0
    while at < last:
        at, count, _ = append_words(data, at, first, last, text, U64(0), scratch, room, count)
    return count


@piece
def word_begin(data: Bytes, first: int, last: int) -> int:
    """The first place after `first` where a word surely begins: at a letter, after a blank, after a letter; or `last`.

    A letter or digit is inside a word, whatever came before it, and a blank right after it ends that word.
    """
    for at in range(first + 2, last):
        plain = is_ascii_letter(as_int(data[at])) and is_ascii_letter(as_int(data[at - 2]))
        if plain and data[at - 1] == ord(" "):
            return at
    return last


@kernel
def find_places(
    data: Bytes,
    offsets: Integers,
    counts: npt.NDArray[np.integer],
    text: Rules,
    documents: Integers,
    first_words: Integers,
    last_words: Integers,
) -> tuple[Integers, Integers]:
    """The bytes, from the begin of document `documents[k]`, at which its word `first_words[k]` begins, and at which
    its word `last_words[k]` ends; -1 for one that is not there.

    Document d is `data[offsets[d]:offsets[d + 1]]` and has `counts[d]` words. Equal documents come one after another.
    Of a document that is asked for its first and last words only, as copies of books are, only the ends are cut.
    """
    longest = 0
    for d in documents:
        longest = max(longest, most_words(offsets[d + 1] - offsets[d]))
    longest = max(longest, most_words(EDGE))
    hashes, scratch = np.empty(longest, dtype=np.uint64), make_scratch()  # the hashes are of no use here
    begins, ends = np.empty(longest, dtype=np.uint32), np.empty(longest, dtype=np.uint32)
    room = WordRoom(hashes, begins, ends)
    begin, end = np.full(documents.size, -1, dtype=np.int64), np.full(documents.size, -1, dtype=np.int64)
    k = 0
    while k < documents.size:
        d, behind, whole = documents[k], k, True
        first, last = offsets[d], offsets[d + 1]
        while behind < documents.size and documents[behind] == d:
            whole = whole and first_words[behind] == 0 and last_words[behind] == counts[d] - 1
            behind += 1
        head, tail = -1, -1
        if whole and last - first > 2 * EDGE:
            if cut_all(data, first, first + EDGE, text, scratch, room) > 1:
                head = as_int(begins[0])
            safe = word_begin(data, last - EDGE, last)
            if safe < last:
                words = cut_all(data, safe, last, text, scratch, room)
                tail = safe - first + as_int(ends[words - 1])
        if head >= 0 and tail >= 0:
            for n in range(k, behind):
                begin[n], end[n] = head, tail
        else:
            words = cut_all(data, first, last, text, scratch, room)
            for n in range(k, behind):
                if first_words[n] < words:
                    begin[n] = as_int(begins[first_words[n]])
                if last_words[n] < words:
                    end[n] = as_int(ends[last_words[n]])
        k = behind
    return begin, end
