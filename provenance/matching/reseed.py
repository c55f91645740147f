"""Exact hits inside a region that a coarse sketch pointed at: every shingle both sides share, chained again."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from provenance.documents import Documents
from provenance.index.opening import Index
from provenance.kernels.chain import chain_hits
from provenance.kernels.fingerprints import fingerprints_of
from provenance.kernels.words import words_of
from provenance.matching.config import MatchConfig
from provenance.matching.lookup import Chains

MOST_PLACES = 16  # of one shingle in a region
MARGIN = 1024  # words beyond the outer hits of a chain that belong to its region

Positions = npt.NDArray[np.int64]


def exact_chains(index: Index, chains: Chains, texts: Documents, config: MatchConfig) -> Chains:
    """The chains of exact hits in the regions of coarse chains, in the same order."""
    slack, span = index.sketch.slack, index.sketch.span
    found: list[tuple[int, int, Positions, Positions]] = []
    document, doc = -1, np.empty(0, dtype=np.uint64)
    for c in range(chains.documents.size):
        if chains.documents[c] != document:
            document = int(chains.documents[c])
            doc = words_of(texts.one(document), index.key.keys).hashes
        hits = chains.members[chains.starts[c] : chains.starts[c + 1]]
        edition, first, last = int(chains.editions[c]), int(chains.ref_hits[hits[0]]), int(chains.ref_hits[hits[-1]])
        window = index.texts.window(edition, max(0, first - MARGIN - slack), last + MARGIN + span + slack)
        for doc_hits, ref_hits in shared_shingles(doc, window.hashes, index.sketch.shingle, index.key.keys, config):
            found.append((document, edition, doc_hits, ref_hits + window.first))
    sizes = [len(doc_hits) for _, _, doc_hits, _ in found]
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
    nothing = np.empty(0, dtype=np.int64)
    return Chains(
        np.array([document for document, _, _, _ in found], dtype=np.int64),
        np.array([edition for _, edition, _, _ in found], dtype=np.int64),
        np.arange(int(starts[-1])),
        starts,
        np.concatenate([nothing, *(doc_hits for _, _, doc_hits, _ in found)]),
        np.concatenate([nothing, *(ref_hits for _, _, _, ref_hits in found)]),
    )


def shared_shingles(
    doc: npt.NDArray[np.uint64],
    ref: npt.NDArray[np.uint64],
    shingle: int,
    keys: npt.NDArray[np.uint64],
    config: MatchConfig,
) -> list[tuple[Positions, Positions]]:
    """Chains `(doc positions, ref positions)` of the shingles that two stretches of word hashes share."""
    wanted, table = fingerprints_of(doc, shingle, keys), fingerprints_of(ref, shingle, keys)
    order = np.argsort(table, kind="stable")
    first = np.searchsorted(table[order], wanted, side="left")
    length = np.searchsorted(table[order], wanted, side="right") - first
    length[length > MOST_PLACES] = 0
    doc_hits = np.repeat(np.arange(wanted.size), length)
    within = np.arange(doc_hits.size) - np.repeat(np.cumsum(length) - length, length)
    ref_hits = order[np.repeat(first, length) + within]
    groups = np.array([0, doc_hits.size], dtype=np.int64)
    weights = np.ones(doc_hits.size)
    members, starts = chain_hits(doc_hits, ref_hits, groups, config.max_gap, config.max_drift, weights)
    chains = [members[a:b] for a, b in pairwise(starts) if b - a >= config.min_hits]
    return [(doc_hits[chain], ref_hits[chain]) for chain in chains]
