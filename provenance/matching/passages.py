"""Passages of a batch as columns, and how chains become such where the words of the editions are known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from provenance.index.opening import Index
from provenance.kernels.align import align_chains
from provenance.kernels.fingerprints import Sketches
from provenance.kernels.join import join_passages
from provenance.matching.config import MatchConfig
from provenance.matching.lookup import Chains

Integers = npt.NDArray[np.int64]


class Passages(NamedTuple):
    """A passage is a row; words are counted from the first of the document or edition."""

    documents: Integers
    editions: Integers
    doc_begins: Integers  # first word in the document, and the word after the last
    doc_ends: Integers
    ref_begins: Integers  # the same in the edition
    ref_ends: Integers
    matched: Integers  # words that are equal and aligned
    identity: npt.NDArray[np.float64]  # matched words / alignment columns
    matched_low: Integers  # 95 % intervals of an estimate; what is verified is what it is
    matched_high: Integers
    identity_low: npt.NDArray[np.float64]
    identity_high: npt.NDArray[np.float64]
    longest: Integers  # words of the longest equal run
    score: npt.NDArray[np.float64]  # of the best piece: matched words, less 0.5 a replaced and 1 an extra word
    block_firsts: Integers  # blocks of passage p are the `block_counts[p]` rows of `blocks` from `block_firsts[p]`
    block_counts: Integers
    blocks: Integers  # (blocks, 3) document word, edition word, words: equal runs, rising and disjoint on both sides

    def take(self, rows: Integers) -> Passages:
        """Some of the passages, in another order; the blocks stay."""
        return self._replace(**{name: getattr(self, name)[rows] for name in self._fields if name != "blocks"})


def verified(index: Index, chains: Chains, sketches: Sketches, config: MatchConfig) -> Passages:
    """The passages of chains, aligned word by word."""
    table, blocks = align_chains(
        sketches.hashes,
        np.concatenate([[0], np.cumsum(sketches.words)]),
        index.words,
        index.first_words,
        index.edition_words,
        chains.documents,
        chains.editions,
        chains.members,
        chains.starts,
        chains.doc_hits,
        chains.ref_hits,
        index.sketch.span,
        config.drop,
        min(config.piece_words, config.min_words),
    )
    table, blocks = join_passages(
        table, blocks, chains.documents, chains.editions, config.join_gap, config.min_words, config.min_noisy
    )
    chain, doc_begin, doc_end, ref_begin, ref_end, matched, columns, longest, first, score = table.T
    counts, identity = np.diff(np.append(first, len(blocks))), matched / columns
    owners, editions = chains.documents[chain], chains.editions[chain]
    return Passages(
        owners,
        editions,
        doc_begin,
        doc_end,
        ref_begin,
        ref_end,
        matched,
        identity,
        matched,
        matched,
        identity,
        identity,
        longest,
        score / 2,
        first,
        counts,
        blocks,
    )
