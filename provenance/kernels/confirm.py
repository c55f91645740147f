"""Confirms hits by the words around them: a lone hit then is evidence enough to start an alignment.

In a large library most documents have some hit by chance: a turn of speech that some book has too. Its neighbours
differ, where those of a copy are equal, most of them, though perhaps shifted by words put in or left out. Looking costs
some comparisons of sixteen words at once, and spares what follows nearly all hits of clean text.
"""

import numpy as np

from provenance.arrays import U32s
from provenance.kernels.compiling import as_int, inlined, kernel
from provenance.kernels.fingerprints import HashedTexts, Sketches
from provenance.kernels.hashing import U64
from provenance.kernels.probe import Postings, Runs, place_of
from provenance.kernels.vectors import count_bits, prefetch, unequal_sixteen

NEAR = 16  # words looked at on either side of a hit
SHIFT = 3  # words by which either half of them may be shifted ...
FAR, HOPE = 2, 2  # ... this far or farther only where there are so many equal words
AHEAD = 24  # postings fetched before they are needed


@inlined
def equal_sixteen(doc: U32s, q: int, ref: U32s, r: int) -> np.uint64:
    """Mask of the places at which `doc[q:q + 16]` and `ref[r:r + 16]` are equal; beyond either array nothing is."""
    if q >= 0 and r >= 0 and q + NEAR <= doc.size and r + NEAR <= ref.size:
        return U64(0xFFFF) & ~unequal_sixteen(doc, q, ref, r)
    equal = U64(0)
    for k in range(NEAR):
        if 0 <= q + k < doc.size and 0 <= r + k < ref.size and doc[q + k] == ref[r + k]:
            equal |= U64(1) << U64(k)
    return equal


@inlined
def halves(doc: U32s, q: int, ref: U32s, r: int, valid: np.uint64) -> tuple[int, int]:
    """Equal words of the first eight and of the other eight from `doc[q]` and `ref[r]` that are `valid`."""
    equal = equal_sixteen(doc, q, ref, r) & valid
    return count_bits(equal & U64(0xFF)), count_bits(equal >> U64(8))


@inlined
def is_confirmed(doc: U32s, first: int, last: int, q: int, ref: U32s, r: int, span: int, least: int) -> bool:
    """Whether `least` words around the equal shingles at `doc[q]` and `ref[r]` are equal, in `doc[first:last]`.

    Each half of either side may be shifted as suits it best; far shifts are tried where near ones give some hope.
    """
    room = last - q - span
    behind = U64(0xFFFF) if room >= NEAR else (U64(1) << U64(max(room, 0))) - U64(1)
    room = q - first
    before = U64(0xFFFF) if room >= NEAR else U64(0xFFFF) & ~((U64(1) << U64(NEAR - room)) - U64(1))
    one, two = halves(doc, q + span, ref, r + span, behind)
    three, four = halves(doc, q - NEAR, ref, r - NEAR, before)
    for shift in range(1, SHIFT + 1):
        equal = one + two + three + four
        if equal >= least or (shift == FAR and equal < HOPE):
            break
        for way in (shift, -shift):
            low, high = halves(doc, q + span, ref, r + span + way, behind)
            one, two = max(one, low), max(two, high)
            low, high = halves(doc, q - NEAR, ref, r - NEAR + way, before)
            three, four = max(three, low), max(four, high)
    return one + two + three + four >= least


@kernel
def confirm_runs(
    runs: Runs, postings: Postings, ref: U32s, doc: HashedTexts, sketches: Sketches, span: int, least: int
) -> Runs:
    """Those postings of runs that the words around them confirm, one a run.

    Query k is the shingle of `span` words at word `positions[k]` of document `documents[k]` of the sketches; `doc` has
    the words of the documents, and a posting is a word of `ref`. One that points behind `ref` is passed on, for whoever
    expands it to refuse.
    """
    queries, firsts, lengths = runs
    total = 0
    for run in range(queries.size):
        total += lengths[run]
    confirmed, entries, places = np.empty(total, np.int64), np.empty(total, np.int64), np.empty(total, np.int64)
    count = 0
    for run in range(queries.size):
        if run + AHEAD < queries.size:
            prefetch(postings.low, firsts[run + AHEAD])
        for entry in range(firsts[run], firsts[run] + lengths[run]):
            places[count] = place_of(postings, entry)
            count += 1
    at, count = 0, 0
    for run in range(queries.size):
        document = as_int(sketches.documents[queries[run]])
        first, last = doc.starts[document], doc.ends[document]
        q = first + as_int(sketches.positions[queries[run]])
        for k in range(lengths[run]):
            if at + AHEAD < total:
                prefetch(ref, max(0, min(places[at + AHEAD] - NEAR, ref.size - 1)))
                prefetch(ref, min(places[at + AHEAD] + NEAR, ref.size - 1))
            r = places[at]
            at += 1
            confirmed[count], entries[count] = queries[run], firsts[run] + k
            if r >= ref.size or is_confirmed(doc.hashes, first, last, q, ref, r, span, least):
                count += 1
    return Runs(confirmed[:count].copy(), entries[:count].copy(), np.ones(count, np.int64))
