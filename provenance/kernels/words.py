"""Cuts UTF-8 into words and hashes them, in stages over short segments that stay in the cache.

First `clumps` finds where words may lie, 64 bytes at a time; plain ones are hashed here, eight at a time; those that
are one short word all the same in `simple`; the others go through the state machine in `codepoints`. The reference in
`provenance/text` says what must come out.
"""

from typing import NamedTuple

import numpy as np

from provenance.arrays import Bytes, U32s, U64s
from provenance.kernels.clumps import find_clumps
from provenance.kernels.codepoints import LOWER_CASE, cut_clump
from provenance.kernels.compiling import as_int, inlined, kernel, piece
from provenance.kernels.cutting import SEGMENT, Rules, Scratch, WordRoom, hash_waiting, make_scratch, text_rules
from provenance.kernels.hashing import U64, mix_block
from provenance.kernels.simple import hash_specials
from provenance.kernels.vectors import hash_eight, lowest_bit

SLACK = 16  # items behind the words that may be written


@inlined
def hash_plain(data: Bytes, begin: int, end: int, word_key: np.uint64) -> np.uint64:
    """Hash of a plain word that is long, or near the end of the buffer: byte by byte."""
    hashed, low, high = word_key, U64(0), U64(0)
    for at in range(begin, end):
        filled = (at - begin) & 15
        if filled == 0 and at > begin:
            hashed, low, high = mix_block(hashed, low, high), U64(0), U64(0)
        byte = U64(data[at]) | U64(0x20)
        if filled < 8:
            low |= byte << U64(8 * filled)
        else:
            high |= byte << U64(8 * (filled - 8))
    return mix_block(hashed, low, high)


@piece
def hash_clumps(data: Bytes, start: int, clumps: int, special: int, scratch: Scratch, hashes: U64s, at: int) -> None:
    """Hashes of all clumps into `hashes[at:]`, with room for seven more; those of special ones come out wrong."""
    edges, specials, word_key = scratch.edges, scratch.specials, scratch.word_key
    c, s, safe = 0, 0, data.size - start - 16
    for k in range(2 * clumps, 2 * clumps + 14):
        edges[k] = edges[0]  # a whole number of eights
    while c < clumps and as_int(edges[2 * min(c + 7, clumps - 1)]) <= safe:
        longer = hash_eight(data, start, edges, c, LOWER_CASE, word_key, hashes, at + c)
        while longer:
            long = c + lowest_bit(longer)
            longer &= longer - U64(1)
            while s < special and as_int(specials[s]) < long:
                s += 1
            if s == special or as_int(specials[s]) > long:
                begin, end = start + as_int(edges[2 * long]), start + as_int(edges[2 * long + 1])
                hashes[at + long] = hash_plain(data, begin, end, word_key)
        c += 8
    for near_end in range(c, clumps):
        begin, end = start + as_int(edges[2 * near_end]), start + as_int(edges[2 * near_end + 1])
        hashes[at + near_end] = hash_plain(data, begin, end, word_key)


@inlined
def append_words(
    data: Bytes, at: int, text_stop: int, scratch: Scratch, room: WordRoom, count: int
) -> tuple[int, int, int]:
    """Append the words of about one segment of a text that ends at `text_stop`, from `at`, where none is pending.

    From item `count` on the room gets at most `most_words(SEGMENT) + 1` words.
    Returns where to go on, the count of words, and of invalid sequences met here.
    """
    edges, specials, plain = scratch.edges, scratch.specials, scratch.plain
    hashes, begins, ends, text_start = room
    stop = min(at + SEGMENT, text_stop)
    clumps, special = find_clumps(data, at, stop, text_stop, scratch.tail, edges, specials)
    resume = stop
    if stop < text_stop and clumps > 1 and as_int(edges[2 * clumps - 1]) == stop - at:
        clumps -= 1  # it may go on behind the segment
        resume = at + as_int(edges[2 * clumps])
        if special and as_int(specials[special - 1]) == clumps:
            special -= 1
    elif stop < text_stop and clumps == 1 and as_int(edges[1]) == stop - at and special == 0:
        specials[0], special = 0, 1  # one clump fills the segment: cut it to its end, wherever that is
    hash_clumps(data, at, clumps, special, scratch, hashes, count)
    closed = stop if stop < text_stop else stop + 1
    hard = hash_specials(data, at, closed, special, scratch, hashes, count)
    first = as_int(specials[0]) if hard else clumps  # hashes before the first hard clump are in their places
    for c in range(U64(clumps - first)):
        plain[c] = hashes[c + U64(count + first)]
    offsets, done, invalid, reached, base, waiting = begins.size > 0, 0, 0, at, 0, 0
    for s in range(hard + 1):
        here = as_int(specials[s]) if s < hard else clumps
        if here > done:
            for c in range(U64(here - done if s else 0)):
                hashes[c + U64(count)] = plain[c + U64(done - first)]
            if offsets:
                for c in range(done, here):
                    begins[count + c - done] = at - text_start + as_int(edges[2 * c])
                    ends[count + c - done] = at - text_start + as_int(edges[2 * c + 1])
            count += here - done
            done = here
        if s < hard and here == done:
            reached = max(reached, at + as_int(edges[2 * here]))
            while done < clumps and (done == here or at + as_int(edges[2 * done]) < reached):
                limit = at + as_int(edges[2 * done + 1])
                if reached < limit:
                    reached, count, bad, base, waiting = cut_clump(
                        data, reached, limit, limit < closed, text_stop, scratch, base, waiting, room, count
                    )
                    invalid += bad
                done += 1
    hash_waiting(scratch, waiting, hashes)
    return max(resume, reached), count, invalid


@piece
def cut_all(data: Bytes, stop: int, scratch: Scratch, room: WordRoom) -> tuple[int, int]:
    """Cut `data[room.start:stop]`; returns the number of words, and of invalid sequences."""
    at, count, invalid = room.start, 0, 0
    while at < stop:
        at, count, bad = append_words(data, at, stop, scratch, room, count)
        invalid += bad
    return count, invalid


@kernel
def cut_words(
    data: Bytes, start: int, stop: int, text: Rules, word_key: np.uint64, hashes: U64s, begins: U32s, ends: U32s
) -> tuple[int, int]:
    """Fill `hashes` with the words of `data[start:stop]`, and `begins`, `ends` (from `start`) unless they are empty.

    The arrays must hold `most_words(stop - start)` items. Returns the number of words and of invalid sequences.
    """
    return cut_all(data, stop, make_scratch(text, word_key), WordRoom(hashes, begins, ends, start))


@kernel
def most_words(size: int) -> int:
    """Room for the words in `size` bytes: a byte and a separator each; spaceless letters take three bytes.

    And SLACK more, because words are hashed eight at a time.
    """
    return (size + 1) // 2 + SLACK


class Words(NamedTuple):
    """The words of one text: hashes, and where each lies in the text's bytes."""

    hashes: U64s
    begins: U32s
    ends: U32s
    invalid: int


def words_of(data: Bytes, keys: U64s) -> Words:
    """All words of one text of at most 2^32 - 1 bytes; see `cut_words`."""
    room = most_words(data.size)
    hashes, begins, ends = np.empty(room, np.uint64), np.empty(room, np.uint32), np.empty(room, np.uint32)
    count, invalid = cut_words(data, 0, data.size, text_rules(), keys[0], hashes, begins, ends)
    return Words(hashes[:count].copy(), begins[:count].copy(), ends[:count].copy(), invalid)
