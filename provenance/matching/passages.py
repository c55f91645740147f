"""Passages of a batch as columns: what chains become, aligned word by word with the editions' texts."""

from typing import NamedTuple, Self

import numpy as np

from provenance.arrays import Floats, Integers
from provenance.index.opening import Index
from provenance.kernels.align import align_chains
from provenance.kernels.chain import Chains
from provenance.kernels.fingerprints import Sketches
from provenance.kernels.join import join_passages
from provenance.matching.config import MatchConfig


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


def align(index: Index, chains: Chains, sketches: Sketches, config: MatchConfig) -> Passages:
    """The passages that chains grow into; pieces of one copy are joined."""
    piece_words = min(config.piece_words, config.min_words)
    pieces = align_chains(sketches.texts, index.hashed_texts, chains, index.sketch.span, config.drop, piece_words)
    table, blocks = join_passages(pieces, chains, config.join_gap, config.min_words, config.min_noisy)
    chain, doc_begin, doc_end, ref_begin, ref_end, matched, columns, longest, first, score = table.T
    identity = matched / columns
    return Passages(
        documents=chains.documents[chain],
        editions=chains.editions[chain],
        doc_begins=doc_begin,
        doc_ends=doc_end,
        ref_begins=ref_begin,
        ref_ends=ref_end,
        matched=matched,
        identity=identity,
        matched_low=matched,
        matched_high=matched,
        identity_low=identity,
        identity_high=identity,
        longest=longest,
        score=score / 2,
        block_firsts=first,
        block_counts=np.diff(np.append(first, len(blocks))),
        blocks=blocks,
    )
