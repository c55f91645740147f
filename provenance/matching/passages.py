"""Passages of a batch as columns: verified ones from chains and edition words, or estimated ones from chains alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from provenance.containment import identity_interval
from provenance.index import Index
from provenance.kernels.align import align_chains
from provenance.kernels.fingerprints import Sketches
from provenance.kernels.join import join_passages
from provenance.matching.config import MatchConfig
from provenance.matching.lookup import Chains
from provenance.sketch import FracMinHash

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
    identity_low: npt.NDArray[np.float64]  # its 95 % interval; of a verified passage it is what it is
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
        identity,
        identity,
        longest,
        score / 2,
        first,
        counts,
        blocks,
    )


def estimated(index: Index, chains: Chains, sketches: Sketches, config: MatchConfig) -> Passages:
    """The passages that chains stand for where the index has no texts; chains that say too little are left out.

    The share of the document's kept fingerprints that hit, between the outer hits, estimates the containment of the
    shingles; its n-th root the identity of the words (see `provenance.containment`). The outer two always hit, because
    they are what the passage was found by, and count neither way. The score is what the lower bound is worth.
    """
    span, shingle = index.sketch.span, index.sketch.shingle
    firsts, lasts = chains.ends()
    doc_first, doc_last = chains.doc_hits[firsts], chains.doc_hits[lasts]
    places = sketches.documents.astype(np.int64) << 32 | sketches.positions
    begin = np.searchsorted(places, chains.documents << 32 | doc_first, side="left")
    end = np.searchsorted(places, chains.documents << 32 | doc_last, side="right")
    words = doc_last + span - doc_first
    contained = np.clip((chains.sizes - 2) / np.maximum(end - begin - 2, 1), 0, 1)
    identity = contained ** (1 / shingle)
    scale = index.sketch.scale * index.stride if isinstance(index.sketch, FracMinHash) else 1
    low, high = identity_interval(contained, words - shingle + 1, shingle, scale)
    matched = np.rint(identity * words).astype(np.int64)
    passages = Passages(
        chains.documents,
        chains.editions,
        doc_first,
        doc_first + words,
        chains.ref_hits[firsts],
        chains.ref_hits[lasts] + span,
        matched,
        identity,
        low,
        high,
        np.full(words.size, span),
        low * words - (1 - low) * words / 2,
        np.arange(words.size),
        np.ones(words.size, dtype=np.int64),
        np.stack([doc_first, chains.ref_hits[firsts], words], axis=1),
    )
    return passages.take(np.flatnonzero((matched >= config.min_words) & (chains.sizes > config.min_hits)))
