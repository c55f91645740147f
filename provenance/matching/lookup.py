"""From a batch's sketch to chains: hits in the index, grouped by document and edition, in order on both sides."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from provenance.index.opening import Index, Runs
from provenance.kernels.chain import chain_hits
from provenance.kernels.fingerprints import Sketches
from provenance.kernels.seeds import group_hits, rarest_near, seldom_repeated
from provenance.matching.config import MatchConfig
from provenance.sketch import FracMinHash

Integers = npt.NDArray[np.int64]

NO_BACKGROUND = np.empty(0, dtype=np.uint64)


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


class Lookup(NamedTuple):
    """What was found of a batch in the index."""

    chains: Chains
    places: Integers  # of every fingerprint that is there, `document << 32 | word`, rising
    common: npt.NDArray[np.bool_]  # whether it is common text
    seedless: int  # how many start no chain: common, at too many places, or repeated too often in their document


def look_up(
    index: Index, sketches: Sketches, config: MatchConfig, background: npt.NDArray[np.uint64] = NO_BACKGROUND
) -> Lookup:
    """Find a batch's fingerprints in the index, and chain the hits that are worth verifying.

    Common text is what more than `max_works` works have, and what is in `background`, fingerprints that rise.
    """
    runs = index.find(sketches.fingerprints)
    common = index.in_many_works(runs, config.max_works)
    if background.size:
        common |= _is_in(background, sketches.fingerprints[runs.queries])
    seldom = seldom_repeated(sketches.documents, sketches.fingerprints, runs.queries, config.max_repeats)
    seeds = (runs.lengths <= config.max_postings) & seldom & ~common
    places = sketches.documents[runs.queries].astype(np.int64) << 32 | sketches.positions[runs.queries]
    return Lookup(_chains(index, sketches, runs, seeds, config), places, common, int(np.count_nonzero(~seeds)))


def _chains(index: Index, sketches: Sketches, runs: Runs, seeds: npt.NDArray[np.bool_], config: MatchConfig) -> Chains:
    """Chains of the hits that may start some; a hit weighs the less, the more places of the index have it."""
    slack, confirmed = index.sketch.slack, index.has_texts and not index.sketch.slack
    if confirmed and isinstance(index.sketch, FracMinHash):
        near = config.seed_distance * index.sketch.scale * index.stride
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
    chosen = kept = runs.only(seeds)
    if confirmed:
        kept = index.confirm(chosen, sketches, min(config.near_words, max(0, config.min_words - index.sketch.span)))
    queries, editions, ref = index.hits(kept)
    if slack:
        order = np.lexsort((ref, sketches.positions[queries], editions, sketches.documents[queries]))
        fresh = _first_of_equals(
            *(c[order] for c in (sketches.documents[queries], editions, sketches.positions[queries], ref))
        )
        order = order[fresh]  # several bands hit for one pair of windows
        queries, editions, ref = queries[order], editions[order], ref[order]
        weights = np.ones(queries.size)
    else:
        places = np.empty(sketches.fingerprints.size, dtype=np.int64)
        places[chosen.queries] = chosen.lengths
        weights = _weights(config.max_postings)[places[queries]]
    documents, editions, doc, ref, weights, groups = group_hits(
        queries, editions, ref, weights, sketches.documents, sketches.positions
    )
    max_gap = config.max_gap + slack
    if not index.has_texts and isinstance(index.sketch, FracMinHash):
        max_gap = max(max_gap, config.far_hits * index.sketch.scale)  # nothing else holds a passage together
    members, starts = chain_hits(doc, ref, groups, max_gap, config.max_drift + slack, weights)
    group = np.searchsorted(groups, members[starts[:-1]], side="right") - 1
    chains = Chains(documents[group], editions[group], members, starts, doc, ref)
    return chains if confirmed or slack else chains.only(chains.sizes >= config.min_hits)


@lru_cache(maxsize=8)
def _weights(most: int) -> npt.NDArray[np.float64]:
    """What a hit is worth in a chain, by the number of places in the index that have its fingerprint."""
    return 1 / (1 + np.log2(np.maximum(np.arange(most + 1), 1)))


def _is_in(rising: npt.NDArray[np.uint64], values: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Whether each value is one of those that rise."""
    places = np.minimum(np.searchsorted(rising, values), rising.size - 1)
    return np.asarray(rising[places] == values, dtype=np.bool_)


def _first_of_equals(*columns: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """For rows in order, whether a row differs from the one before it."""
    same = np.logical_and.reduce([column[1:] == column[:-1] for column in columns])
    return np.concatenate([np.ones(min(1, columns[0].size), dtype=np.bool_), ~same])
