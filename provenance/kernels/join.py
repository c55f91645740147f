"""Joins the pieces of one copy: passages of one document and edition that follow one another closely on both sides."""

import numpy as np

from provenance.arrays import Integers
from provenance.kernels.align import CHAIN, COLUMNS, DOC, FIRST, LONGEST, MATCHED, REF, SCORE, WIDTH, Alignments
from provenance.kernels.chain import Chains
from provenance.kernels.compiling import as_int, inlined, kernel

LOOK_BACK = 16  # pieces tried before each, which bounds the time
OVERLAP = 8  # words by which two pieces may overlap, both having grown into what lies between them
SHARE = 8  # pieces of many words may lie farther apart than any others: by an eighth of the shorter


@inlined
def distance(table: Integers, one: int, other: int, max_gap: int) -> int:
    """Words between a piece and one behind it, on the side that has more; -1 if they do not join."""
    doc, ref = table[other, DOC] - table[one, DOC + 1], table[other, REF] - table[one, REF + 1]
    gap = max(doc, ref)
    shorter = min(table[one, MATCHED], table[other, MATCHED])
    longest = max(min(max_gap, shorter), shorter // SHARE)
    if min(doc, ref) < -OVERLAP or gap > longest:
        return -1
    if table[other, DOC + 1] <= table[one, DOC + 1] or table[other, REF + 1] <= table[one, REF + 1]:
        return -1
    return max(as_int(gap), 0)


@kernel
def join_passages(alignments: Alignments, chains: Chains, max_gap: int, min_words: int, min_noisy: int) -> Alignments:
    """Alignments of chains, joined where they lie at most `max_gap` words apart, and no more than either has.

    Kept are those with a run of `min_words` equal words, or `min_noisy` matched ones in all. Each piece is joined to
    the nearest before it that nothing is joined to yet. The score of a joined passage is that of its best piece.
    """
    table, blocks = alignments
    documents, editions = chains.documents, chains.editions
    count = len(table)
    joined, moved = np.empty((count, WIDTH), np.int64), np.empty((len(blocks), 3), dtype=np.int64)
    following, leading = np.full(count, -1, np.int64), np.ones(count, np.bool_)
    passages, filled, first = 0, 0, 0
    while first < count:
        last = first + 1
        chain = table[first, CHAIN]
        while (
            last < count
            and documents[table[last, CHAIN]] == documents[chain]
            and editions[table[last, CHAIN]] == editions[chain]
        ):
            last += 1
        order = np.argsort(table[first:last, DOC], kind="mergesort") + first if last - first > 1 else np.array([first])
        for i in range(1, last - first):
            nearest, best = -1, 0
            for j in range(i - 1, max(-1, i - 1 - LOOK_BACK), -1):
                gap = distance(table, order[j], order[i], max_gap) if following[order[j]] < 0 else -1
                if gap >= 0 and (nearest < 0 or gap < best):
                    nearest, best = order[j], gap
            if nearest >= 0:
                following[nearest], leading[order[i]] = order[i], False
        for i in range(last - first):
            piece = order[i]
            if not leading[piece]:
                continue
            begin, matched, columns, longest, score = filled, 0, 0, 0, 0
            head = piece
            while piece >= 0:
                score = max(score, table[piece, SCORE])
                stop = table[piece + 1, FIRST] if piece + 1 < count else len(blocks)
                for b in range(table[piece, FIRST], stop):
                    doc, ref, words = blocks[b, 0], blocks[b, 1], blocks[b, 2]
                    if filled > begin:
                        doc_end = moved[filled - 1, 0] + moved[filled - 1, 2]
                        ref_end = moved[filled - 1, 1] + moved[filled - 1, 2]
                        cut = max(doc_end - doc, ref_end - ref, 0)
                        doc, ref, words = doc + cut, ref + cut, words - cut
                        if words <= 0:
                            continue
                        columns += max(doc - doc_end, ref - ref_end)
                    moved[filled, 0], moved[filled, 1], moved[filled, 2] = doc, ref, words
                    matched, columns, longest = matched + words, columns + words, max(longest, words)
                    filled += 1
                piece = following[piece]
            if longest < min_words and matched < min_noisy:
                filled = begin
                continue
            row = joined[passages]
            row[CHAIN], row[FIRST], row[SCORE] = table[head, CHAIN], begin, score
            row[DOC], row[DOC + 1] = moved[begin, 0], moved[filled - 1, 0] + moved[filled - 1, 2]
            row[REF], row[REF + 1] = moved[begin, 1], moved[filled - 1, 1] + moved[filled - 1, 2]
            row[MATCHED], row[COLUMNS], row[LONGEST] = matched, columns, longest
            passages += 1
        first = last
    return Alignments(joined[:passages], moved[:filled])
