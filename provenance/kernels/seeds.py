"""Prepares hits for chaining: which of them may start chains, and in which order they come."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from provenance.kernels.compiling import as_int, kernel
from provenance.kernels.hashing import MIX_1, U64

Integers = npt.NDArray[np.int64]


@kernel
def seldom_repeated(
    documents: npt.NDArray[np.int32], fingerprints: npt.NDArray[np.uint64], found: Integers, most: int
) -> npt.NDArray[np.bool_]:
    """For each item of `found` (rising), whether its fingerprint was found in its document fewer than `most` times.

    A hash table for one document at a time, with linear probing; a slot belongs to the document that filled it.
    """
    seldom = np.empty(found.size, dtype=np.bool_)
    largest, size, first = 0, 16, 0
    for k in range(found.size):
        if documents[found[k]] != documents[found[first]]:
            first = k
        largest = max(largest, k - first + 1)
    while size < 2 * largest:
        size *= 2
    owners, counts = np.full(size, -1, dtype=np.int64), np.zeros(size, dtype=np.int64)
    values = np.zeros(size, dtype=np.uint64)
    for k in range(found.size):
        document, value = as_int(documents[found[k]]), fingerprints[found[k]]
        slot = as_int(value * MIX_1 >> U64(20) & U64(size - 1))
        while owners[slot] == document and values[slot] != value:
            slot = (slot + 1) & (size - 1)
        if owners[slot] != document:
            owners[slot], values[slot], counts[slot] = document, value, 0
        seldom[k] = counts[slot] < most
        counts[slot] += 1
    return seldom


@kernel
def crowded(fingerprints: npt.NDArray[np.uint64], most: int) -> npt.NDArray[np.bool_]:
    """Whether a fingerprint may be there more than `most` (at most 254) times: true of all that are, and few others.

    Fingerprints that share a slot are counted together; the slots of a book stay in the cache, as its values would not.
    """
    slots = 1 << 12
    while slots < fingerprints.size:
        slots *= 2
    counts, found = np.zeros(slots, dtype=np.uint8), np.empty(fingerprints.size, dtype=np.bool_)
    for fingerprint in fingerprints:
        slot = fingerprint * MIX_1 >> U64(20) & U64(slots - 1)
        counts[slot] += np.uint8(counts[slot] <= most)
    for k in range(fingerprints.size):
        found[k] = counts[fingerprints[k] * MIX_1 >> U64(20) & U64(slots - 1)] > most
    return found


@kernel
def rarest_near(
    documents: npt.NDArray[np.int32],
    positions: npt.NDArray[np.uint32],
    found: Integers,
    places: Integers,
    seeds: npt.NDArray[np.bool_],
    apart: int,
    near: int,
    rare: int,
) -> npt.NDArray[np.bool_]:
    """The seeds among `found` (rising) that stand at fewest `places` of the index, one for each `apart` words.

    A copy has hits at nearly every word, which say the same; and where a turn of speech stands beside a rare one, the
    rare one says more, for less work. Of equals the first is taken. One at more than `rare` places is taken only if
    another was found within `near` words: turns of speech stand alone.
    """
    kept = np.zeros(found.size, dtype=np.bool_)
    k = 0
    while k < found.size:
        document, end, group = documents[found[k]], as_int(positions[found[k]]) + apart, k
        best = -1
        while k < found.size and documents[found[k]] == document and as_int(positions[found[k]]) < end:
            if seeds[k] and (best < 0 or places[k] < places[best]):
                best = k
            k += 1
        if best < 0:
            continue
        alone = k - group == 1
        for other in (group - 1, k):
            if alone and 0 <= other < found.size and documents[found[other]] == document:
                alone = abs(as_int(positions[found[other]]) - as_int(positions[found[best]])) > near
        kept[best] = not alone or places[best] <= rare
    return kept


@kernel
def group_hits(
    queries: Integers,
    editions: Integers,
    refs: Integers,
    weights: npt.NDArray[np.float64],
    documents: npt.NDArray[np.int32],
    positions: npt.NDArray[np.uint32],
) -> tuple[Integers, Integers, Integers, Integers, npt.NDArray[np.float64], Integers]:
    """Hits by document and edition, else in their order: documents and editions of the groups, positions of the hits
    on both sides, their weights, and the groups.

    `queries` are the numbers of the hits' fingerprints, rising, in `documents` and `positions`. Group g is
    `groups[g]:groups[g + 1]`; the groups of a document come in the order in which their editions are met.
    """
    count = queries.size
    group_documents, group_editions = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    doc, ref = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    largest, first, size = 0, 0, 16
    for k in range(count):
        if documents[queries[k]] != documents[queries[first]]:
            first = k
        largest = max(largest, k - first + 1)
    while size < 2 * largest:
        size *= 2
    owners, slot_groups = np.full(size, -1, dtype=np.int64), np.empty(size, dtype=np.int64)
    names, group_of = np.empty(size, dtype=np.int64), np.empty(count, dtype=np.int64)
    groups, found = np.zeros(count + 1, dtype=np.int64), 0
    places, heavy = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.float64)
    first = 0
    while first < count:
        document, k, met = as_int(documents[queries[first]]), first, found
        while k < count and documents[queries[k]] == document:
            slot = as_int(U64(editions[k]) * MIX_1 >> U64(20) & U64(size - 1))
            while owners[slot] == document and names[slot] != editions[k]:
                slot = (slot + 1) & (size - 1)
            if owners[slot] != document:
                owners[slot], names[slot], slot_groups[slot] = document, editions[k], found
                group_documents[found], group_editions[found], groups[found + 1] = document, editions[k], 0
                found += 1
            group_of[k] = slot_groups[slot]
            groups[slot_groups[slot] + 1] += 1
            k += 1
        for g in range(met, found):
            places[g] = groups[g]
            groups[g + 1] += groups[g]
        for hit in range(first, k):
            place = places[group_of[hit]]
            places[group_of[hit]] = place + 1
            doc[place], ref[place], heavy[place] = as_int(positions[queries[hit]]), refs[hit], weights[hit]
        first = k
    return group_documents[:found], group_editions[:found], doc, ref, heavy, groups[: found + 1]
