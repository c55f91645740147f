"""Passages of a batch as columns: what chains become."""

from typing import NamedTuple, Self

from provenance.arrays import Floats, Integers


class Passages(NamedTuple):
    """A passage is a row; words are counted from the first of the document or edition."""

    documents: Integers
    editions: Integers
    doc_begins: Integers  # first word in the document, and the word after the last
    doc_ends: Integers
    ref_begins: Integers  # the same in the edition
    ref_ends: Integers
    matched: Integers  # words that are equal and aligned
    identity: Floats  # matched words / alignment columns
    matched_low: Integers  # 95 % intervals of an estimate; what is verified is what it is
    matched_high: Integers
    identity_low: Floats
    identity_high: Floats
    longest: Integers  # words of the longest equal run
    score: Floats  # of the best piece: matched words, less 0.5 a replaced and 1 an extra word
    block_firsts: Integers  # blocks of passage p are the `block_counts[p]` rows of `blocks` from `block_firsts[p]`
    block_counts: Integers
    blocks: Integers  # (blocks, 3) document word, edition word, words: equal runs, rising and disjoint on both sides

    def take(self, rows: Integers) -> Self:
        """Some of the passages, in another order; the blocks stay."""
        return self._replace(**{name: getattr(self, name)[rows] for name in self._fields if name != "blocks"})
