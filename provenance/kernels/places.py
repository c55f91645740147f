"""Where words of a text begin and end: from two bytes a word that are kept of it, or by cutting again."""

import numpy as np

from provenance.arrays import Bytes, Integers, U32s
from provenance.kernels.clumps import is_ascii_letter
from provenance.kernels.compiling import as_int, kernel, piece
from provenance.kernels.cutting import Rules, WordRoom, make_scratch
from provenance.kernels.hashing import U64
from provenance.kernels.words import cut_all, most_words

LONG = 255  # bytes of a word, or before it, or more: only the text tells
UNKNOWN = -1
EDGE = 256  # bytes at either end of a document in which its first and its last word are looked for


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
    data: Bytes, offsets: Integers, sizes: Integers, text: Rules, documents: Integers, firsts: Integers, lasts: Integers
) -> tuple[Integers, Integers]:
    """The bytes, from the begin of document `documents[k]`, at which its word `firsts[k]` begins, and at which its word
    `lasts[k]` ends; UNKNOWN for one that is not there.

    Document d is `data[offsets[d]:offsets[d + 1]]` and has `sizes[d]` words. Equal documents come one after another.
    Of a document that is asked for its first and last words only, as copies of books are, only the ends are cut.
    """
    longest = 0
    for d in documents:
        longest = max(longest, most_words(offsets[d + 1] - offsets[d]))
    longest = max(longest, most_words(EDGE))
    hashes, scratch = np.empty(longest, np.uint64), make_scratch(text, U64(0))  # the hashes are of no use here
    begins, ends = np.empty(longest, np.uint32), np.empty(longest, np.uint32)
    begin, end = np.full(documents.size, UNKNOWN), np.full(documents.size, UNKNOWN)
    k = 0
    while k < documents.size:
        d, behind, whole = documents[k], k, True
        first, last = offsets[d], offsets[d + 1]
        while behind < documents.size and documents[behind] == d:
            whole = whole and firsts[behind] == 0 and lasts[behind] == sizes[d] - 1
            behind += 1
        head, tail = -1, -1
        if whole and last - first > 2 * EDGE:
            if cut_all(data, first + EDGE, scratch, WordRoom(hashes, begins, ends, first))[0] > 1:
                head = as_int(begins[0])
            safe = word_begin(data, last - EDGE, last)
            if safe < last:
                words, _ = cut_all(data, last, scratch, WordRoom(hashes, begins, ends, safe))
                tail = safe - first + as_int(ends[words - 1])
        if head >= 0 and tail >= 0:
            for n in range(k, behind):
                begin[n], end[n] = head, tail
        else:
            words, _ = cut_all(data, last, scratch, WordRoom(hashes, begins, ends, first))
            for n in range(k, behind):
                if firsts[n] < words:
                    begin[n] = as_int(begins[firsts[n]])
                if lasts[n] < words:
                    end[n] = as_int(ends[lasts[n]])
        k = behind
    return begin, end


@kernel
def spans_of(begins: U32s, ends: U32s) -> Bytes:
    """For each word of a text the bytes between the end of the one before and its begin, and those of the word.

    Shape (2 * words,): both numbers of a word side by side; what does not fit is LONG.
    """
    spans, before = np.empty(2 * begins.size, np.uint8), 0
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
    begins, ends = np.empty(words.size, np.int64), np.empty(words.size, np.int64)
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
