"""Chains the hits of each document and edition: those in the same order on both sides, along one diagonal.

Where a coarse sketch only pointed at a region, the exact hits inside it are chained: every shingle both sides share.
"""

import numpy as np

from provenance.arrays import Integers, U64s
from provenance.documents import Documents
from provenance.index.opening import Index
from provenance.kernels.chain import Chains, GroupedHits, chain_hits
from provenance.kernels.fingerprints import fingerprints_of
from provenance.kernels.words import words_of
from provenance.matching.config import MatchConfig

MOST_PLACES = 16  # of one shingle in a region
MARGIN = 1024  # words beyond the outer hits of a chain that belong to its region


def chain(index: Index, hits: GroupedHits, config: MatchConfig) -> Chains:
    """The chains that are worth aligning.

    Without texts nothing but hits holds a passage together, so gaps may be longer, and a chain needs several hits.
    """
    slack = index.sketch.slack
    max_gap = config.max_gap + slack
    if slack or index.has_texts:
        return chain_hits(hits, max_gap, config.max_drift + slack)
    max_gap = max(max_gap, config.far_hits * index.sketch.scale)
    return chain_hits(hits, max_gap, config.max_drift).of_hits(config.min_hits)


def exact_chains(index: Index, chains: Chains, documents: Documents, config: MatchConfig) -> Chains:
    """The chains of exact hits in the regions of coarse chains, in the same order."""
    slack, span, keys = index.sketch.slack, index.sketch.span, index.key.keys
    regions: list[tuple[Integers, Integers]] = []
    document, doc = -1, np.empty(0, dtype=np.uint64)
    for c, (first, last) in enumerate(zip(*(chains.ref_hits[hits].tolist() for hits in chains.ends()), strict=True)):
        if chains.documents[c] != document:
            document = int(chains.documents[c])
            doc = fingerprints_of(words_of(documents.one(document), keys).hashes, index.sketch.shingle, keys)
        low, high = max(0, first - MARGIN - slack), last + MARGIN + span + slack
        begin, hashes = index.texts.window(int(chains.editions[c]), low, high)
        ref = fingerprints_of(hashes, index.sketch.shingle, keys)
        doc_hits, ref_hits = shared_shingles(doc, ref)
        regions.append((doc_hits, ref_hits + begin))
    starts = np.concatenate([[0], np.cumsum([doc_hits.size for doc_hits, _ in regions], dtype=np.int64)])
    nothing = np.empty(0, dtype=np.int64)
    doc_side, ref_side = (np.concatenate([nothing, *(region[side] for region in regions)]) for side in (0, 1))
    hits = GroupedHits(chains.documents, chains.editions, starts, doc_side, ref_side, np.ones(doc_side.size))
    return chain_hits(hits, config.max_gap, config.max_drift).of_hits(config.min_hits)


def shared_shingles(doc: U64s, ref: U64s) -> tuple[Integers, Integers]:
    """Where the shingles stand that two stretches share, on both sides: hits in order of `doc`, then `ref`."""
    order = np.argsort(ref, kind="stable")
    first = np.searchsorted(ref[order], doc, side="left")
    length = np.searchsorted(ref[order], doc, side="right") - first
    length[length > MOST_PLACES] = 0
    doc_hits = np.repeat(np.arange(doc.size), length)
    within = np.arange(doc_hits.size) - np.repeat(np.cumsum(length) - length, length)
    return doc_hits, order[np.repeat(first, length) + within]
