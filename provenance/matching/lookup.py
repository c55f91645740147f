"""From a batch's sketch to chains: hits in the index, grouped by document and edition, in order on both sides."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from provenance.index import Index
from provenance.kernels.chain import chain_hits
from provenance.kernels.fingerprints import Sketches
from provenance.kernels.seeds import group_hits, rarest_near, seldom_repeated
from provenance.matching.config import MatchConfig
from provenance.sketch import FracMinHash

Integers = npt.NDArray[np.int64]


class Chains(NamedTuple):
    """Chains in order of document and edition, the best of each pair first.

    Hits of chain c are `members[starts[c]:starts[c + 1]]`, numbers into `doc_hits` and `ref_hits`, which rise.
    """

    documents: Integers  # (chains,)
    editions: Integers  # (chains,)
    members: Integers
    starts: Integers  # (chains + 1,)
    doc_hits: Integers  # word position in the document
    ref_hits: Integers  # word position in the edition

    @property
    def sizes(self) -> Integers:
        """Hits of each chain."""
        return np.diff(self.starts)

    def only(self, kept: npt.NDArray[np.bool_]) -> Chains:
        """The chains that are kept."""
        sizes = self.sizes[kept]
        members = self.members[np.repeat(kept, self.sizes)]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        return Chains(self.documents[kept], self.editions[kept], members, starts, self.doc_hits, self.ref_hits)

    def ends(self) -> tuple[Integers, Integers]:
        """The hit that each chain begins with, and the one it ends with."""
        return self.members[self.starts[:-1]], self.members[self.starts[1:] - 1]


def find_chains(index: Index, sketches: Sketches, config: MatchConfig) -> tuple[Chains, int]:
    """All chains with enough hits to be worth verifying, and how many fingerprints were too common to start one.

    Too common is what stands at many places of the index, or was repeated often in its own document before.
    """
    runs = index.find(sketches.fingerprints)
    seldom = seldom_repeated(sketches.documents, sketches.fingerprints, runs.queries, config.max_repeats)
    seeds = (runs.lengths <= config.max_postings) & seldom
    common = int(np.count_nonzero(~seeds))
    slack, confirmed = index.sketch.slack, index.has_texts and not index.sketch.slack
    if confirmed and isinstance(index.sketch, FracMinHash):
        near = config.seed_distance * index.sketch.scale
        seeds = rarest_near(
            sketches.documents,
            sketches.positions,
            runs.queries,
            runs.lengths,
            seeds,
            config.seed_distance,
            near,
            config.rare,
        )
    kept = runs.only(seeds)
    if confirmed:
        kept = index.confirm(kept, sketches, min(config.near_words, max(0, config.min_words - index.sketch.span)))
    queries, editions, ref = index.hits(kept)
    if slack:
        order = np.lexsort((ref, sketches.positions[queries], editions, sketches.documents[queries]))
        fresh = _first_of_equals(
            *(c[order] for c in (sketches.documents[queries], editions, sketches.positions[queries], ref))
        )
        order = order[fresh]  # several bands hit for one pair of windows
        queries, editions, ref = queries[order], editions[order], ref[order]
    documents, editions, doc, ref, groups = group_hits(queries, editions, ref, sketches.documents, sketches.positions)
    members, starts = chain_hits(doc, ref, groups, config.max_gap + slack, config.max_drift + slack)
    group = np.searchsorted(groups, members[starts[:-1]], side="right") - 1
    chains = Chains(documents[group], editions[group], members, starts, doc, ref)
    if confirmed or slack:
        return chains, common
    return chains.only(chains.sizes >= config.min_hits), common


def _first_of_equals(*columns: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """For rows in order, whether a row differs from the one before it."""
    same = np.logical_and.reduce([column[1:] == column[:-1] for column in columns])
    return np.concatenate([np.ones(min(1, columns[0].size), dtype=np.bool_), ~same])
