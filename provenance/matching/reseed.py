"""Exact hits inside a region that a coarse sketch pointed at: every shingle both sides share, chained again."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from provenance.kernels.chain import chain_hits
from provenance.kernels.fingerprints import fingerprints_of
from provenance.matching.config import MatchConfig

MOST_PLACES = 16  # of one shingle in a region

Positions = npt.NDArray[np.int64]


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
    members, starts = chain_hits(doc_hits, ref_hits, groups, config.max_gap, config.max_drift)
    chains = [members[a:b] for a, b in pairwise(starts) if b - a >= config.min_hits]
    return [(doc_hits[chain], ref_hits[chain]) for chain in chains]
