"""Prepares hits for chaining: which of them are common text, which may start chains, and in which order they come."""

import numpy as np
import numpy.typing as npt

from provenance.arrays import Bools, Floats, Integers, U64s
from provenance.kernels.chain import GroupedHits
from provenance.kernels.compiling import as_int, inlined, kernel
from provenance.kernels.fingerprints import Sketches
from provenance.kernels.hashing import MIX_1, U64, power_of_two
from provenance.kernels.probe import Hits, Postings, Runs, edition_at, place_of

MOST_EXAMINED = 1 << 14  # postings of one fingerprint; with more of them it is common whoever has them


@kernel
def in_many_works(runs: Runs, postings: Postings, works: Integers, most: int) -> Bools:
    """For each run of postings, whether they lie in more than `most` works; `works` are those of the editions.

    A run of no more than `most` postings needs no look.
    """
    many, met = np.zeros(runs.firsts.size, np.bool_), np.empty(most + 1, np.int64)
    for run in range(runs.firsts.size):
        first, length = runs.firsts[run], runs.lengths[run]
        if length <= most:
            continue
        count = 0
        for entry in range(first, first + min(length, MOST_EXAMINED)):
            work = works[edition_at(postings, place_of(postings, entry))]
            again = False
            for k in range(count):
                again = again or met[k] == work
            if not again:
                met[count] = work
                count += 1
                if count > most:
                    break
        many[run] = count > most or length > MOST_EXAMINED
    return many


@inlined
def slots_for(documents: npt.NDArray[np.int32], queries: Integers) -> int:
    """Slots of a hash table that holds the queries of one document at a time: a power of two, half of them unused."""
    largest, first = 8, 0
    for k in range(queries.size):
        if documents[queries[k]] != documents[queries[first]]:
            first = k
        largest = max(largest, k - first + 1)
    return power_of_two(2 * largest)


@kernel
def seldom_repeated(documents: npt.NDArray[np.int32], fingerprints: U64s, queries: Integers, most: int) -> Bools:
    """For each query (rising), whether its fingerprint was asked for in its document fewer than `most` times before.

    A hash table for one document at a time, with linear probing; a slot belongs to the document that filled it.
    """
    seldom = np.empty(queries.size, np.bool_)
    size = slots_for(documents, queries)
    owners, counts, values = np.full(size, -1, np.int64), np.zeros(size, np.int64), np.zeros(size, np.uint64)
    for k in range(queries.size):
        document, value = as_int(documents[queries[k]]), fingerprints[queries[k]]
        slot = as_int(value * MIX_1 >> U64(20) & U64(size - 1))
        while owners[slot] == document and values[slot] != value:
            slot = (slot + 1) & (size - 1)
        if owners[slot] != document:
            owners[slot], values[slot], counts[slot] = document, value, 0
        seldom[k] = counts[slot] < most
        counts[slot] += 1
    return seldom


@kernel
def crowded(fingerprints: U64s, most: int) -> Bools:
    """Whether a fingerprint may be there more than `most` (at most 254) times: true of all that are, and few others.

    Fingerprints that share a slot are counted together; the slots of a book stay in the cache, as its values would not.
    """
    slots = power_of_two(max(fingerprints.size, 1 << 12))
    counts, many = np.zeros(slots, np.uint8), np.empty(fingerprints.size, np.bool_)
    for fingerprint in fingerprints:
        slot = fingerprint * MIX_1 >> U64(20) & U64(slots - 1)
        counts[slot] += np.uint8(counts[slot] <= most)
    for k in range(fingerprints.size):
        many[k] = counts[fingerprints[k] * MIX_1 >> U64(20) & U64(slots - 1)] > most
    return many


@kernel
def rarest_near(sketches: Sketches, runs: Runs, seeds: Bools, apart: int, near: int, rare: int) -> Bools:
    """The seeds among runs that have fewest postings, one for each `apart` words of a document.

    A copy has hits at nearly every word, which say the same; and where a turn of speech stands beside a rare one, the
    rare one says more, for less work. Of equals the first is taken. One of more than `rare` postings is taken only if
    another was found within `near` words: turns of speech stand alone.
    """
    documents, positions, queries, lengths = sketches.documents, sketches.positions, runs.queries, runs.lengths
    rarest = np.zeros(queries.size, np.bool_)
    k = 0
    while k < queries.size:
        document, end, group = documents[queries[k]], as_int(positions[queries[k]]) + apart, k
        best = -1
        while k < queries.size and documents[queries[k]] == document and as_int(positions[queries[k]]) < end:
            if seeds[k] and (best < 0 or lengths[k] < lengths[best]):
                best = k
            k += 1
        if best < 0:
            continue
        alone = k - group == 1
        for other in (group - 1, k):
            if alone and 0 <= other < queries.size and documents[queries[other]] == document:
                alone = abs(as_int(positions[queries[other]]) - as_int(positions[queries[best]])) > near
        rarest[best] = not alone or lengths[best] <= rare
    return rarest


@kernel
def group_hits(hits: Hits, weights: Floats, sketches: Sketches) -> GroupedHits:
    """Hits, in order of their queries, by document and edition, else in their order.

    The groups of a document come in the order in which their editions are met.
    """
    queries, documents, count = hits.queries, sketches.documents, hits.queries.size
    group_documents, group_editions = np.empty(count, np.int64), np.empty(count, np.int64)
    doc, ref = np.empty(count, np.int64), np.empty(count, np.int64)
    size = slots_for(documents, queries)
    owners, slot_groups = np.full(size, -1, np.int64), np.empty(size, np.int64)
    names, group_of = np.empty(size, np.int64), np.empty(count, np.int64)
    starts, groups = np.zeros(count + 1, np.int64), 0
    places, grouped_weights = np.empty(count, np.int64), np.empty(count, np.float64)
    first = 0
    while first < count:
        document, k, first_group = as_int(documents[queries[first]]), first, groups
        while k < count and documents[queries[k]] == document:
            edition = hits.editions[k]
            slot = as_int(U64(edition) * MIX_1 >> U64(20) & U64(size - 1))
            while owners[slot] == document and names[slot] != edition:
                slot = (slot + 1) & (size - 1)
            if owners[slot] != document:
                owners[slot], names[slot], slot_groups[slot] = document, edition, groups
                group_documents[groups], group_editions[groups], starts[groups + 1] = document, edition, 0
                groups += 1
            group_of[k] = slot_groups[slot]
            starts[slot_groups[slot] + 1] += 1
            k += 1
        for g in range(first_group, groups):
            places[g] = starts[g]
            starts[g + 1] += starts[g]
        for hit in range(first, k):
            place = places[group_of[hit]]
            places[group_of[hit]] = place + 1
            doc[place], ref[place] = as_int(sketches.positions[queries[hit]]), hits.positions[hit]
            grouped_weights[place] = weights[hit]
        first = k
    return GroupedHits(
        group_documents[:groups], group_editions[:groups], starts[: groups + 1], doc, ref, grouped_weights
    )
