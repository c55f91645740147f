"""Chains hits: the best runs in the same order on both sides, by dynamic programming as in minimap2 (Li 2018)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from provenance.kernels.compiling import inlined, kernel

LOOK_BACK = 64  # predecessors tried for each hit, which bounds the time
DRIFT_COST = 0.02  # of a rare hit, for each word by which two hits leave their diagonal


@inlined
def best_predecessors(
    doc: npt.NDArray[np.int64],
    ref: npt.NDArray[np.int64],
    first: int,
    last: int,
    max_gap: int,
    max_drift: int,
    weights: npt.NDArray[np.float64],
    score: npt.NDArray[np.float64],
    before: npt.NDArray[np.int64],
) -> None:
    """Score of the best chain that ends in each hit of one group, and the hit before it (-1: none).

    Looking back ends early where no hit farther back can be better: at one with the highest score so far, without
    drift. So a copy without gaps costs one comparison a hit.
    """
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
def on_one_diagonal(
    doc: npt.NDArray[np.int64], ref: npt.NDArray[np.int64], first: int, last: int, max_gap: int
) -> bool:
    """Whether all hits of a group rise along one diagonal without a long gap: then they are one chain."""
    for hit in range(first + 1, last):
        gap = doc[hit] - doc[hit - 1]
        if gap <= 0 or gap > max_gap or gap != ref[hit] - ref[hit - 1]:
            return False
    return True


@inlined
def trace_back(
    hit: int,
    before: npt.NDArray[np.int64],
    used: npt.NDArray[np.bool_],
    members: npt.NDArray[np.int64],
    filled: int,
) -> int:
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
def chain_hits(
    doc: npt.NDArray[np.int64],
    ref: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    max_gap: int,
    max_drift: int,
    weights: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Chains of hits at word positions `doc`, `ref`; those of a (document, edition) g are groups[g]:groups[g+1].

    Within a group hits must be ordered by `doc`, then `ref`. A hit counts as its weight, which is at most 1. Every hit
    is in exactly one chain; a chain takes the best-scoring hits left, so several chains of one group are several
    passages. Returns the hits of all chains one
    after another, in rising order within a chain, and where each chain begins (one item more than there are chains).
    """
    count = doc.size
    score, before = np.empty(count, dtype=np.float64), np.empty(count, dtype=np.int64)
    used = np.zeros(count, dtype=np.bool_)
    members, starts = np.empty(count, dtype=np.int64), np.empty(count + 1, dtype=np.int64)
    filled, chains = 0, 0
    for g in range(groups.size - 1):
        first, last = groups[g], groups[g + 1]
        if last == first:
            continue
        if on_one_diagonal(doc, ref, first, last, max_gap):  # a lone hit too, as most are that come by chance
            starts[chains], chains = filled, chains + 1
            for hit in range(first, last):
                members[filled] = hit
                filled += 1
            continue
        best_predecessors(doc, ref, first, last, max_gap, max_drift, weights, score, before)
        best = first
        for hit in range(first + 1, last):
            best = hit if score[hit] > score[best] else best
        starts[chains], chains = filled, chains + 1
        filled = trace_back(best, before, used, members, filled)
        if filled - starts[chains - 1] == last - first:
            continue  # one chain takes all
        rest = first + np.flatnonzero(~used[first:last])
        for hit in rest[np.argsort(-score[rest], kind="mergesort")]:
            if not used[hit]:
                starts[chains], chains = filled, chains + 1
                filled = trace_back(hit, before, used, members, filled)
    starts[chains] = filled
    return members, starts[: chains + 1]
