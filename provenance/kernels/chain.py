"""Chains hits: the best runs in the same order on both sides, by dynamic programming as in minimap2 (Li 2018)."""

from typing import NamedTuple, Self

import numpy as np

from provenance.arrays import Bools, Floats, Integers
from provenance.kernels.compiling import inlined, kernel

LOOK_BACK = 64  # predecessors tried for each hit, which bounds the time
DRIFT_COST = 0.02  # of a rare hit, for each word by which two hits leave their diagonal


class GroupedHits(NamedTuple):
    """Hits by document and edition: group g is `starts[g]:starts[g + 1]`, in order of `doc`, then `ref`."""

    documents: Integers  # (groups,)
    editions: Integers  # (groups,)
    starts: Integers  # (groups + 1,)
    doc: Integers  # (hits,) word position in the document
    ref: Integers  # (hits,) word position in the edition
    weights: Floats  # (hits,) what each counts in a chain, at most 1


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

    def of_hits(self, least: int) -> Self:
        """The chains of at least so many hits."""
        long = self.sizes >= least
        starts = np.concatenate([[0], np.cumsum(self.sizes[long])])
        members = self.members[np.repeat(long, self.sizes)]
        return self._replace(
            documents=self.documents[long], editions=self.editions[long], members=members, starts=starts
        )

    def ends(self) -> tuple[Integers, Integers]:
        """The hit that each chain begins with, and the one it ends with."""
        return self.members[self.starts[:-1]], self.members[self.starts[1:] - 1]


@inlined
def best_predecessors(
    hits: GroupedHits, first: int, last: int, max_gap: int, max_drift: int,
    score: Floats, before: Integers,
) -> None:  # fmt: skip
    """Score of the best chain that ends in each hit of one group, and the hit before it (-1: none).

    Looking back ends early where no hit farther back can be better: at one with the highest score so far, without
    drift. So a copy without gaps costs one comparison a hit.
    """
    doc, ref, weights = hits.doc, hits.ref, hits.weights
    highest = 0.0
    for i in range(first, last):
        score[i], before[i] = weights[i], -1
        for j in range(i - 1, max(first, i - LOOK_BACK) - 1, -1):
            doc_gap, ref_gap = doc[i] - doc[j], ref[i] - ref[j]
            if doc_gap > max_gap:
                break
            drift = abs(doc_gap - ref_gap)
            if doc_gap <= 0 or ref_gap <= 0 or ref_gap > max_gap or drift > max_drift:
                continue
            through = score[j] + weights[i] - DRIFT_COST * drift
            if through > score[i]:
                score[i], before[i] = through, j
            if drift == 0 and score[j] >= highest:
                break
        highest = max(highest, score[i])


@inlined
def on_one_diagonal(hits: GroupedHits, first: int, last: int, max_gap: int) -> bool:
    """Whether all hits of a group rise along one diagonal without a long gap: then they are one chain."""
    doc, ref = hits.doc, hits.ref
    for hit in range(first + 1, last):
        gap = doc[hit] - doc[hit - 1]
        if gap <= 0 or gap > max_gap or gap != ref[hit] - ref[hit - 1]:
            return False
    return True


@inlined
def trace_back(hit: int, before: Integers, used: Bools, members: Integers, filled: int) -> int:
    """Append the unused hits of the chain that ends in `hit`, in rising order; returns how many members there are."""
    first = filled
    while hit >= 0 and not used[hit]:
        used[hit] = True
        members[filled] = hit
        filled, hit = filled + 1, before[hit]
    for k in range((filled - first) // 2):
        one, other = members[first + k], members[filled - 1 - k]
        members[first + k], members[filled - 1 - k] = other, one
    return filled


@kernel
def chain_hits(hits: GroupedHits, max_gap: int, max_drift: int) -> Chains:
    """Chains of hits, each within one group.

    Every hit is in exactly one chain; a chain takes the best-scoring hits left, so several chains of one group are
    several passages.
    """
    count = hits.doc.size
    score, before = np.empty(count, np.float64), np.empty(count, np.int64)
    used, group_of = np.zeros(count, np.bool_), np.empty(count, np.int64)
    members, starts = np.empty(count, np.int64), np.empty(count + 1, np.int64)
    filled, chains = 0, 0
    for g in range(hits.starts.size - 1):
        first, last = hits.starts[g], hits.starts[g + 1]
        if last == first:
            continue
        starts[chains], group_of[chains], chains = filled, g, chains + 1
        if on_one_diagonal(hits, first, last, max_gap):  # a lone hit too, as most are that come by chance
            for hit in range(first, last):
                members[filled] = hit
                filled += 1
            continue
        best_predecessors(hits, first, last, max_gap, max_drift, score, before)
        best = first
        for hit in range(first + 1, last):
            best = hit if score[hit] > score[best] else best
        filled = trace_back(best, before, used, members, filled)
        if filled - starts[chains - 1] == last - first:
            continue  # one chain takes all
        rest = first + np.flatnonzero(~used[first:last])
        for hit in rest[np.argsort(-score[rest], kind="mergesort")]:
            if not used[hit]:
                starts[chains], group_of[chains], chains = filled, g, chains + 1
                filled = trace_back(hit, before, used, members, filled)
    starts[chains] = filled
    groups = group_of[:chains]
    return Chains(hits.documents[groups], hits.editions[groups], members, starts[: chains + 1], hits.doc, hits.ref)
