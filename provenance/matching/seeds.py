"""Looks a batch's fingerprints up in the index, chooses those that chains start from, and takes their hits."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from provenance.arrays import Bools, Floats, Integers, U64s
from provenance.index.opening import Index
from provenance.kernels.chain import GroupedHits
from provenance.kernels.fingerprints import Sketches
from provenance.kernels.probe import Hits, Runs, keep_runs
from provenance.kernels.seeds import group_hits, rarest_near, seldom_repeated
from provenance.matching.config import MatchConfig


class Lookup(NamedTuple):
    """The fingerprints of a batch that stand in the index, in order of document and word."""

    runs: Runs
    places: Integers  # of each, `document << 32 | word`, rising
    common: Bools  # whether it is common text


def look_up(index: Index, sketches: Sketches, max_works: int, background: U64s) -> Lookup:
    """Find a batch's fingerprints in the index.

    Common text is what more than `max_works` works have, and what is in `background`, fingerprints that rise.
    """
    runs = index.find(sketches.fingerprints)
    common = index.in_many_works(runs, max_works)
    if background.size:
        fingerprints = sketches.fingerprints[runs.queries]
        nearest = np.minimum(np.searchsorted(background, fingerprints), background.size - 1)
        common |= background[nearest] == fingerprints
    places = sketches.documents[runs.queries].astype(np.int64) << 32 | sketches.positions[runs.queries]
    return Lookup(runs, places, common)


def choose_seeds(lookup: Lookup, sketches: Sketches, config: MatchConfig) -> Bools:
    """Which of the fingerprints found may start chains: not common, and neither at many places nor much repeated."""
    runs = lookup.runs
    seldom = seldom_repeated(sketches.documents, sketches.fingerprints, runs.queries, config.max_repeats)
    return (runs.lengths <= config.max_postings) & seldom & ~lookup.common


def seed_hits(index: Index, sketches: Sketches, runs: Runs, seeds: Bools, config: MatchConfig) -> GroupedHits:
    """The hits of seeds; a hit weighs the less, the more places of the index have it.

    With texts, only the rarest of seeds that stand close together are taken, and only those of their hits around which
    some words are equal.
    """
    if index.sketch.slack:
        hits = _distinct(index.hits(keep_runs(runs, seeds)), sketches)
        return group_hits(hits, np.ones(hits.queries.size), sketches)
    if index.has_texts:
        near = config.seed_distance * index.sketch.scale * index.stride
        seeds = rarest_near(sketches, runs, seeds, config.seed_distance, near, config.rare)
    confirmed = seed_runs = keep_runs(runs, seeds)
    if index.has_texts:
        least = min(config.near_words, max(0, config.min_words - index.sketch.span))
        confirmed = index.confirm(seed_runs, sketches, least)
    hits = index.hits(confirmed)
    places = np.empty(sketches.fingerprints.size, dtype=np.int64)
    places[seed_runs.queries] = seed_runs.lengths
    return group_hits(hits, _weights(config.max_postings)[places[hits.queries]], sketches)


def _distinct(hits: Hits, sketches: Sketches) -> Hits:
    """Hits of windows in order of document, edition and place, each once: several bands hit for one pair of windows."""
    columns = (sketches.documents[hits.queries], hits.editions, sketches.positions[hits.queries], hits.positions)
    order = np.lexsort(columns[::-1])
    same = np.logical_and.reduce([column[order][1:] == column[order][:-1] for column in columns])
    order = order[np.concatenate([np.ones(min(1, order.size), dtype=np.bool_), ~same])]
    return Hits(*(column[order] for column in hits))


@lru_cache(maxsize=8)
def _weights(most: int) -> Floats:
    """What a hit is worth in a chain, by the number of places in the index that have its fingerprint."""
    return 1 / (1 + np.log2(np.maximum(np.arange(most + 1), 1)))
