"""Greedy minimum cover: each passage of a document goes to one edition, and as few editions as explain it get any."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from provenance.kernels.compiling import as_int, inlined, kernel

Integers = npt.NDArray[np.int64]
DROPPED = -1
OPEN = -2


@inlined
def shared_words(begins: Integers, ends: Integers, one: int, other: int) -> int:
    """Words that two passages have in common."""
    return as_int(min(ends[one], ends[other]) - max(begins[one], begins[other]))


@inlined
def add_explained(
    places: Integers, open_only: bool, owners: Integers, same: Integers, begins: Integers, ends: Integers,
    matched: Integers, reached: Integers, explained: Integers,
) -> None:  # fmt: skip
    """Words of the document that each edition's passages explain, by the first passage of the edition.

    `places` are the passages in order of their begin. What two passages of one edition explain both counts once: a
    refrain that a book has twice explains no more of a text than one that it has once.
    """
    for p in places:
        explained[same[p]], reached[same[p]] = 0, 0
    for p in places:
        if open_only and owners[p] != OPEN:
            continue
        begin = max(begins[p], reached[same[p]])
        if ends[p] > begin:
            explained[same[p]] += max(1, matched[p] * (ends[p] - begin) // (ends[p] - begins[p]))
            reached[same[p]] = ends[p]


@inlined
def best_edition(first: int, last: int, owners: Integers, same: Integers, totals: Integers, ranks: Integers,
                 gains: Integers) -> int:  # fmt: skip
    """First passage of the edition that explains most words not yet explained; -1 if nothing is left.

    Of equals the one with more words in all, then the first by rank.
    """
    best = -1
    for p in range(first, last):
        if same[p] != p or gains[p] == 0:
            continue
        if (
            best < 0
            or gains[p] > gains[best]
            or (
                gains[p] == gains[best]
                and (totals[p] > totals[best] or (totals[p] == totals[best] and ranks[p] < ranks[best]))
            )
        ):
            best = p
    return best


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
    sourmash's gather does for genomes (Irber et al. 2022). A passage that shares at least `same_span` of its words with
    a credited one is explained by it, and listed under that with which it shares most; a second one of an edition there
    (a refrain, found twice) says nothing new and is dropped. `ranks` order the editions where all else is equal.
    """
    owners = np.full(documents.size, OPEN, dtype=np.int64)
    same, gains = np.empty(documents.size, dtype=np.int64), np.empty(documents.size, dtype=np.int64)
    totals, reached = np.zeros(documents.size, dtype=np.int64), np.empty(documents.size, dtype=np.int64)
    most, nearest = np.zeros(documents.size, dtype=np.int64), np.full(documents.size, -1, dtype=np.int64)
    first = 0
    while first < documents.size:
        last = first
        while last < documents.size and documents[last] == documents[first]:
            same[last] = last
            for other in range(first, last):
                if editions[other] == editions[last]:
                    same[last] = same[other]
                    break
            last += 1
        places = np.argsort(doc_begins[first:last], kind="mergesort") + first
        add_explained(places, False, owners, same, doc_begins, doc_ends, matched, reached, totals)
        while True:
            add_explained(places, True, owners, same, doc_begins, doc_ends, matched, reached, gains)
            best = best_edition(first, last, owners, same, totals, ranks, gains)
            if best < 0:
                break
            for p in range(best, last):
                if owners[p] != OPEN or same[p] != best:
                    continue
                repeated = False
                for other in range(best, p):
                    shares = shared_words(doc_begins, doc_ends, p, other)
                    if owners[other] == other and same[other] == best:
                        repeated = repeated or shares >= same_span * (doc_ends[p] - doc_begins[p])
                owners[p] = DROPPED if repeated else p
                if repeated:
                    continue
                for other in range(first, last):
                    shares = shared_words(doc_begins, doc_ends, p, other)
                    if owners[other] == OPEN and same[other] != best and shares > most[other]:
                        most[other], nearest[other] = shares, p
            for p in range(first, last):
                if owners[p] == OPEN and nearest[p] >= 0 and most[p] >= same_span * (doc_ends[p] - doc_begins[p]):
                    owners[p] = nearest[p]
                    for other in range(first, p):
                        if owners[other] == owners[p] and same[other] == same[p] and other != p:
                            owners[p] = DROPPED
        first = last
    return owners
