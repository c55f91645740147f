"""Verifies chains: each is grown, word by word, into the passages that both sides share."""

from typing import NamedTuple

import numpy as np

from provenance.arrays import Integers
from provenance.kernels.chain import Chains
from provenance.kernels.compiling import inlined, kernel
from provenance.kernels.extend import extend, make_fronts, turn
from provenance.kernels.fingerprints import HashedTexts

# Columns of the table of alignments.
CHAIN = 0
DOC = 1  # first word in the document; in the next column the word after the last
REF = 3  # the same in the edition
MATCHED = 5  # words that are equal and aligned
COLUMNS = 6  # of the alignment: pairs of words, and words without a partner
LONGEST = 7  # words of the longest equal run
FIRST = 8  # first of its blocks, which go on to the first of the next passage
SCORE = 9  # of the alignment, doubled; see `extend`
WIDTH = 10


class Alignments(NamedTuple):
    """Aligned passages, those of a chain one after another; and their blocks."""

    table: Integers  # (passages, WIDTH)
    blocks: Integers  # (blocks, 3) document word, edition word, words: equal runs, rising and disjoint on both sides


@inlined
def join_blocks(blocks: Integers, right: int, both: int) -> int:
    """Order `blocks[:right]`, found forwards, and `blocks[right:both]`, found backwards; returns how many they are.

    Both begin at the same place, so that the nearest on either side of it are one run.
    """
    turn(blocks, 0, right)
    turn(blocks, 0, both)  # the backward ones come first now, the farthest of them at the front
    left = both - right
    if left and right and blocks[left - 1, 0] + blocks[left - 1, 2] == blocks[left, 0]:
        blocks[left - 1, 2] += blocks[left, 2]
        for k in range(left + 1, both):
            for side in range(3):
                blocks[k - 1, side] = blocks[k, side]
        return both - 1
    return both


@kernel
def larger(table: Integers, room: int) -> Integers:
    """The table, or a copy of twice the rows, with room for at least `room` rows."""
    if room <= table.shape[0]:
        return table
    copy = np.empty((max(room, 2 * table.shape[0]), table.shape[1]), dtype=np.int64)
    for row in range(table.shape[0]):  # assigned at once they would cost half a second of compiling
        for column in range(table.shape[1]):
            copy[row, column] = table[row, column]
    return copy


class Reaches(NamedTuple):
    """How far the passages found so far reach that hold a word of a document, where `groups` is the group in hand."""

    ends: Integers  # word after the last
    groups: Integers


@kernel
def make_reaches(doc: HashedTexts, documents: Integers) -> Reaches:
    """Room for the longest of the documents that have chains."""
    longest = 0
    for d in documents:
        longest = max(longest, doc.ends[d] - doc.starts[d])
    return Reaches(np.empty(longest, np.int64), np.full(longest, -1, np.int64))


@inlined
def note_passage(reaches: Reaches, group: int, begin: int, end: int) -> None:
    """Remember a passage, so that whether a chain lies in one takes one look, however many there are."""
    for word in range(begin, end):
        if reaches.groups[word] != group or reaches.ends[word] < end:
            reaches.groups[word], reaches.ends[word] = group, end


@inlined
def next_hit(chains: Chains, first: int, last: int, floor: int) -> int:
    """The first of `members[first:last]`, whose hits rise in the document, that is not before word `floor`."""
    members, doc_hits = chains.members, chains.doc_hits
    if first < last and doc_hits[members[first]] < floor:
        if doc_hits[members[last - 1]] < floor:
            return last
        while first < last:
            middle = (first + last) >> 1
            if doc_hits[members[middle]] < floor:
                first = middle + 1
            else:
                last = middle
    return first


@kernel
def align_chains(
    doc: HashedTexts, ref: HashedTexts, chains: Chains, span: int, drop: int, min_words: int
) -> Alignments:
    """Alignments grown from chains that have at least `min_words` matched words.

    `doc` are the documents, `ref` the editions; a hit is `span` words. Chains of one document and edition come one
    after another, the best first; one that lies in a passage already found there would only find it at another place of
    the edition (a refrain) and is left out.
    """
    table, passages = np.empty((64, WIDTH), np.int64), 0
    blocks, filled = np.empty((256, 3), np.int64), 0
    fronts, scratch = make_fronts(), np.empty((64, 3), np.int64)
    documents, editions, members, starts = chains.documents, chains.editions, chains.members, chains.starts
    reaches = make_reaches(doc, documents)
    group = -1  # of chains of one document and edition
    for c in range(documents.size):
        d, e = documents[c], editions[c]
        if c == 0 or d != documents[c - 1] or e != editions[c - 1]:
            group += 1
        doc_first, doc_last = doc.starts[d], doc.ends[d]
        ref_first, ref_last = ref.starts[e], min(ref.ends[e], ref.hashes.size)
        first, last = chains.doc_hits[members[starts[c]]], chains.doc_hits[members[starts[c + 1] - 1]] + span
        if reaches.groups[first] == group and last <= reaches.ends[first]:
            continue
        scratch = larger(scratch, min(doc_last - doc_first, ref_last - ref_first) + 2)
        doc_floor, ref_floor = doc_first, ref_first
        h = starts[c] - 1
        while True:
            h = next_hit(chains, h + 1, starts[c + 1], doc_floor - doc_first)
            if h == starts[c + 1]:
                break
            q, r = doc_first + chains.doc_hits[members[h]], ref_first + chains.ref_hits[members[h]]
            if r < ref_floor or q >= doc_last or r >= ref_last or doc.hashes[q] != ref.hashes[r]:
                continue
            right, gained = extend(
                doc.hashes, q, doc_last - q, ref.hashes, r, ref_last - r, 1, 2 * drop, 0, fronts, scratch, 0
            )
            both, more = extend(
                doc.hashes, q - 1, q - doc_floor, ref.hashes, r - 1, r - ref_floor, -1, 2 * drop, gained, fronts,
                scratch, right,
            )  # fmt: skip
            count = join_blocks(scratch, right, both)
            doc_floor = scratch[count - 1, 0] + scratch[count - 1, 2]
            ref_floor = scratch[count - 1, 1] + scratch[count - 1, 2]
            matched = 0
            for b in range(count):
                matched += scratch[b, 2]
            if matched < min_words:
                continue
            table, blocks = larger(table, passages + 1), larger(blocks, filled + count)
            longest, columns = 0, matched
            for b in range(count):
                blocks[filled + b, 0] = scratch[b, 0] - doc_first
                blocks[filled + b, 1] = scratch[b, 1] - ref_first
                blocks[filled + b, 2] = scratch[b, 2]
                longest = max(longest, scratch[b, 2])
                if b > 0:
                    doc_gap = scratch[b, 0] - scratch[b - 1, 0] - scratch[b - 1, 2]
                    ref_gap = scratch[b, 1] - scratch[b - 1, 1] - scratch[b - 1, 2]
                    columns += max(doc_gap, ref_gap)
            row = table[passages]
            row[CHAIN], row[FIRST], row[SCORE] = c, filled, gained + more
            row[DOC], row[DOC + 1] = blocks[filled, 0], doc_floor - doc_first
            row[REF], row[REF + 1] = blocks[filled, 1], ref_floor - ref_first
            row[MATCHED], row[COLUMNS], row[LONGEST] = matched, columns, longest
            note_passage(reaches, group, row[DOC], row[DOC + 1])
            passages, filled = passages + 1, filled + count
    return Alignments(table[:passages], blocks[:filled])
