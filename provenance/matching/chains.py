"""Chains the hits of each document and edition: those in the same order on both sides, along one diagonal."""

from __future__ import annotations

from provenance.index.opening import Index
from provenance.kernels.chain import Chains, GroupedHits, chain_hits
from provenance.matching.config import MatchConfig


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
