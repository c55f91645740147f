"""From a batch's sketch to chains: hits in the index, grouped by document and edition, in order on both sides."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from provenance.index import Index
from provenance.kernels.chain import chain_hits
from provenance.kernels.fingerprints import Sketches
from provenance.matching.config import MatchConfig


class Chain(NamedTuple):
    """Hits of one document and one edition along one diagonal, in rising order on both sides."""

    document: int
    edition: int
    doc_hits: npt.NDArray[np.int64]  # word positions in the document
    ref_hits: npt.NDArray[np.int64]  # word positions in the edition


class Chains(NamedTuple):
    """Chains of a batch in order of document, and how many fingerprints were too common to start one.

    Too common is what stands at many places of the index, or was repeated often in its own document before.
    """

    chains: list[Chain]
    common: int


def find_chains(index: Index, sketches: Sketches, config: MatchConfig) -> Chains:
    """All chains with enough hits to be worth verifying."""
    runs = index.find(sketches.fingerprints)
    seeds = (runs.lengths <= config.max_postings) & _seldom_repeated(sketches, runs.queries, config.max_repeats)
    common = int(np.count_nonzero(~seeds))
    queries, editions, ref = index.hits(runs.only(seeds))
    if not queries.size:
        return Chains([], common)
    documents, doc = sketches.documents[queries], sketches.positions[queries].astype(np.int64)
    order = np.lexsort((ref, doc, editions, documents))
    documents, editions, doc, ref = documents[order], editions[order], doc[order], ref[order]
    same_group = (documents[1:] == documents[:-1]) & (editions[1:] == editions[:-1])
    repeated = same_group & (doc[1:] == doc[:-1]) & (ref[1:] == ref[:-1])  # several bands of one pair of windows
    fresh = np.concatenate([[True], ~repeated])
    documents, editions, doc, ref = documents[fresh], editions[fresh], doc[fresh], ref[fresh]
    edges = np.flatnonzero((documents[1:] != documents[:-1]) | (editions[1:] != editions[:-1])) + 1
    groups = np.concatenate([[0], edges, [doc.size]]).astype(np.int64)
    slack = index.sketch.slack
    members, starts = chain_hits(doc, ref, groups, config.max_gap + slack, config.max_drift + slack)
    owners = documents[members[starts[:-1]]]
    short = sketches.words[owners] < config.short_document
    needed = np.where(short | (slack > 0), 1, config.min_hits)
    enough = np.flatnonzero(np.diff(starts) >= needed)
    chains = []
    for c in enough[np.argsort(owners[enough], kind="stable")]:
        hit = members[starts[c] : starts[c + 1]]
        chains.append(Chain(int(documents[hit[0]]), int(editions[hit[0]]), doc[hit], ref[hit]))
    return Chains(chains, common)


def _seldom_repeated(sketches: Sketches, found: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.bool_]:
    """For each fingerprint `found`, False where the same one was found in its document `most` times before."""
    documents, fingerprints = sketches.documents[found], sketches.fingerprints[found]
    order = np.lexsort((found, fingerprints, documents))
    same = (np.diff(documents[order]) == 0) & (fingerprints[order][1:] == fingerprints[order][:-1])
    starts = np.flatnonzero(np.concatenate([[True], ~same])[: found.size])
    rank = np.arange(found.size) - np.repeat(starts, np.diff(np.append(starts, found.size)))
    seldom = np.empty(found.size, dtype=np.bool_)
    seldom[order] = rank < most
    return seldom
