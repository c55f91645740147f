"""Passages of a batch as columns: what chains become, aligned word by word with the editions' texts.

Where the index has no texts: what chains of fingerprints say, with how sure they are.
"""

from typing import NamedTuple, Self

import numpy as np

from provenance.arrays import Floats, Integers
from provenance.index.opening import Index
from provenance.kernels.align import align_chains
from provenance.kernels.chain import Chains
from provenance.kernels.fingerprints import Sketches
from provenance.kernels.join import join_passages
from provenance.matching.config import MatchConfig
from provenance.statistics.containment import identity_interval

MOST_GAPS = 5  # the part of gaps that come by chance and are longer than so many of their mean is e^-5, 0.7 %


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


def estimate(index: Index, chains: Chains, sketches: Sketches, config: MatchConfig) -> Passages:
    """The passages that chains stand for; chains that say too little are left out.

    *Identity*: the share of the document's kept fingerprints that hit, between the outer hits, estimates the
    containment of the shingles; its n-th root the identity of the words (see `statistics.containment`). The outer two
    always hit, because they are what the passage was found by, and count neither way.

    *Ends*: hits come as by chance, one a `gap` of words on average. So beyond either outer hit a passage goes on for a
    gap on average, and hardly ever for more than MOST_GAPS, unless its document or edition ends before. The interval of
    the matched words reaches from nothing beyond the hits, at the lowest identity, to all of that at the highest.

    The score is what the lower bounds are worth.
    """
    span, scale = index.sketch.span, index.sketch.scale
    firsts, lasts = chains.ends()
    doc_first, doc_last = chains.doc_hits[firsts], chains.doc_hits[lasts]
    ref_first, ref_last = chains.ref_hits[firsts], chains.ref_hits[lasts]
    inner = np.maximum(_kept_between(sketches, chains.documents, doc_first, doc_last) - 2, 1)
    contained = np.clip((chains.sizes - 2) / inner, 0, 1)
    identity = contained ** (1 / index.sketch.shingle)

    gap = np.where(chains.sizes > 1, (doc_last - doc_first) // np.maximum(chains.sizes - 1, 1), 0)
    gap = np.zeros_like(gap) if index.sketch.slack else gap - gap // np.maximum(gap, 1)  # neighbours leave no room
    room_before = np.minimum(doc_first, ref_first)
    room_after = np.minimum(
        sketches.words[chains.documents] - doc_last - span, index.edition_words[chains.editions] - ref_last - span
    )
    before, after = np.minimum(gap, room_before), np.minimum(gap, room_after)
    between = doc_last + span - doc_first
    words = before + between + after

    low, high = identity_interval(contained, words - index.sketch.shingle + 1, index.sketch.shingle, scale)
    matched = np.rint(identity * words).astype(np.int64)
    widest = np.minimum(MOST_GAPS * gap, room_before) + between + np.minimum(MOST_GAPS * gap, room_after)
    least = np.minimum(np.rint(low * between).astype(np.int64), matched)
    most = np.maximum(np.rint(high * widest).astype(np.int64), matched)
    blocks = np.stack([doc_first - before, ref_first - before, words], axis=1)
    passages = Passages(
        documents=chains.documents,
        editions=chains.editions,
        doc_begins=doc_first - before,
        doc_ends=doc_last + span + after,
        ref_begins=ref_first - before,
        ref_ends=ref_last + span + after,
        matched=matched,
        identity=identity,
        matched_low=least,
        matched_high=most,
        identity_low=low,
        identity_high=high,
        longest=np.full(words.size, span),
        score=least - (words - least) / 2,
        block_firsts=np.arange(words.size),
        block_counts=np.ones(words.size, dtype=np.int64),
        blocks=blocks,
    )
    return passages.take(np.flatnonzero((matched >= config.min_words) & (chains.sizes > config.min_hits)))


def _kept_between(sketches: Sketches, documents: Integers, first: Integers, last: Integers) -> Integers:
    """How many fingerprints were kept from word `first` to `last` of documents, both included."""
    places = sketches.documents.astype(np.int64) << 32 | sketches.positions
    begin = np.searchsorted(places, documents << 32 | first, side="left")
    end = np.searchsorted(places, documents << 32 | last, side="right")
    return np.asarray(end - begin, dtype=np.int64)
