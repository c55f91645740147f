"""Greedy minimum cover: each passage of a document goes to one edition, and as few editions as explain it get any.

A hostile row can hold 10^5 passages of as many editions, so nothing here compares all with all: passages that overlap
are found by a tree, an edition is judged anew only when some of its passages were explained by another, and the best
edition is the root of a second tree.
"""

import numpy as np

from provenance.arrays import Integers
from provenance.kernels.compiling import as_int, inlined, kernel
from provenance.kernels.hashing import power_of_two
from provenance.kernels.tree import ROOT, build_tree, next_above, set_leaf

DROPPED = -1
OPEN = -2


@inlined
def explained(
    members: Integers, first: int, last: int, open_only: bool, owners: Integers, begins: Integers, ends: Integers,
    matched: Integers,
) -> int:  # fmt: skip
    """Words of the document that the passages `members[first:last]` of an edition, in order of begin, explain.

    What two of them explain both counts once: a refrain that a book has twice explains no more of a text than one that
    it has once.
    """
    words, reached = 0, 0
    for m in range(first, last):
        p = members[m]
        if open_only and owners[p] != OPEN:
            continue
        begin = max(begins[p], reached)
        if ends[p] > begin:
            words += max(1, matched[p] * (ends[p] - begin) // (ends[p] - begins[p]))
            reached = ends[p]
    return as_int(words)


@inlined
def shared_words(begins: Integers, ends: Integers, one: int, other: int) -> int:
    """Words that two passages have in common."""
    return as_int(min(ends[one], ends[other]) - max(begins[one], begins[other]))


@kernel
def settle_document(
    editions: Integers, begins: Integers, ends: Integers, matched: Integers, ranks: Integers, same_span: float
) -> Integers:
    """Owners of the passages of one document; see `find_owners`."""
    count = editions.size
    owners = np.full(count, OPEN, np.int64)

    places = np.argsort(begins, kind="mergesort")  # passages in order of begin
    by_edition = np.argsort(editions, kind="mergesort")  # by edition, the best first
    members = places[np.argsort(editions[places], kind="mergesort")]  # by edition, in order of begin
    group_of, groups = np.empty(count, np.int64), 0
    starts = np.zeros(count + 1, np.int64)
    for k in range(count):
        if k and editions[by_edition[k]] != editions[by_edition[k - 1]]:
            groups += 1
            starts[groups] = k
        group_of[by_edition[k]] = groups
    groups += 1
    starts[groups] = count

    leaves = power_of_two(count)
    reach = np.empty(2 * leaves, np.int64)
    for k in range(count):
        reach[leaves + k] = ends[places[k]]
    build_tree(reach, leaves, count)

    # The leaves of the tree of gains are the editions in order of preference, where gains are equal.
    totals, group_ranks = np.empty(groups, np.int64), np.empty(groups, np.int64)
    for g in range(groups):
        totals[g] = explained(members, starts[g], starts[g + 1], False, owners, begins, ends, matched)
        group_ranks[g] = ranks[by_edition[starts[g]]]
    preferred = np.argsort(group_ranks, kind="mergesort")
    preferred = preferred[np.argsort(-totals[preferred], kind="mergesort")]
    leaf_of, group_leaves = np.empty(groups, np.int64), power_of_two(groups)
    gains = np.empty(2 * group_leaves, np.int64)
    for leaf in range(groups):
        leaf_of[preferred[leaf]] = leaf
        gains[group_leaves + leaf] = totals[preferred[leaf]]
    build_tree(gains, group_leaves, groups)

    most, nearest = np.zeros(count, np.int64), np.full(count, -1, np.int64)
    met, judged, touched = np.full(count, -1, np.int64), np.full(groups, -1, np.int64), np.empty(count, np.int64)
    turn = 0
    while gains[ROOT] > 0:
        best = preferred[next_above(gains, group_leaves, 0, gains[ROOT] - 1)]
        touches = 0
        for k in range(starts[best], starts[best + 1]):
            p = by_edition[k]
            if owners[p] != OPEN:
                continue
            repeated = False
            at = next_above(reach, leaves, 0, begins[p])
            while not repeated and at < count and begins[places[at]] < ends[p]:
                other = places[at]
                if other < p and group_of[other] == best and owners[other] == other:
                    repeated = shared_words(begins, ends, p, other) >= same_span * (ends[p] - begins[p])
                at = next_above(reach, leaves, at + 1, begins[p])
            owners[p] = DROPPED if repeated else p
            if repeated:
                continue
            at = next_above(reach, leaves, 0, begins[p])
            while at < count and begins[places[at]] < ends[p]:
                other = places[at]
                if owners[other] == OPEN and group_of[other] != best:
                    shares = shared_words(begins, ends, p, other)
                    if shares > most[other]:
                        most[other], nearest[other] = shares, p
                        if met[other] != turn:
                            met[other], touched[touches] = turn, other
                            touches += 1
                at = next_above(reach, leaves, at + 1, begins[p])
        set_leaf(gains, group_leaves, leaf_of[best], 0)

        settled = np.sort(touched[:touches])
        settled = settled[np.argsort(editions[settled], kind="mergesort")]
        settled = settled[np.argsort(nearest[settled], kind="mergesort")]
        listed = -1  # the last that was listed: under one passage, one of each edition is
        for p in settled:
            if most[p] < same_span * (ends[p] - begins[p]):
                continue
            again = listed >= 0 and nearest[listed] == nearest[p] and group_of[listed] == group_of[p]
            owners[p] = DROPPED if again else nearest[p]
            listed = listed if again else p
        for p in settled:
            g = group_of[p]
            if owners[p] != OPEN and judged[g] != turn:
                judged[g] = turn
                gain = explained(members, starts[g], starts[g + 1], True, owners, begins, ends, matched)
                set_leaf(gains, group_leaves, leaf_of[g], gain)
        turn += 1
    return owners


@kernel
def find_owners(
    documents: Integers,
    editions: Integers,
    doc_begins: Integers,
    doc_ends: Integers,
    matched: Integers,
    ranks: Integers,
    same_span: float,
) -> Integers:
    """For each passage, itself if it is credited, the passage it is listed under, or DROPPED.

    Passages come document by document, the best of each first; `matched` words are at least one. The edition that
    explains most of a document gets its passages, then the one that explains most of what is left, and so on, as
    sourmash's gather does for genomes (Irber et al. 2022); of equals the one that explains more in all, then the first
    by `ranks`. A passage that shares at least `same_span` of its words with a credited one is explained by it, and
    listed under that with which it shares most; a second one of an edition there (a refrain, found twice) says nothing
    new and is dropped.
    """
    owners = np.empty(documents.size, np.int64)
    first = 0
    while first < documents.size:
        last = first + 1
        while last < documents.size and documents[last] == documents[first]:
            last += 1
        if last == first + 1:  # most documents have one
            owners[first] = first
        else:
            own = settle_document(
                editions[first:last], doc_begins[first:last], doc_ends[first:last], matched[first:last],
                ranks[first:last], same_span,
            )  # fmt: skip
            for k in range(own.size):
                owners[first + k] = own[k] + first if own[k] >= 0 else own[k]
        first = last
    return owners
