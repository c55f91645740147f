"""Greedy cover: each passage of a document goes to the one edition that explains most of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from provenance.kernels.compiling import kernel

Integers = npt.NDArray[np.int64]
DROPPED = -1


@kernel
def find_owners(
    documents: Integers, editions: Integers, doc_begins: Integers, doc_ends: Integers, same_span: float
) -> Integers:
    """For each passage, itself if it is credited, the passage it is listed under, or DROPPED.

    Passages come document by document, the best of each first. One that shares at least `same_span` of its words with
    a better one is listed under that with which it shares most; a second passage of an edition that is there already
    (a refrain, found twice) says nothing new and is dropped.
    """
    owners = np.empty(documents.size, dtype=np.int64)
    first = 0
    for p in range(documents.size):
        if documents[p] != documents[first]:
            first = p
        most, owner = 0, p
        for other in range(first, p):
            if owners[other] == other:
                shared = min(doc_ends[p], doc_ends[other]) - max(doc_begins[p], doc_begins[other])
                if shared > most:
                    most, owner = shared, other
        if most < same_span * (doc_ends[p] - doc_begins[p]):
            owner = p
        owners[p] = owner
        if owner != p:
            for other in range(owner, p):
                if owners[other] == owner and editions[other] == editions[p]:
                    owners[p] = DROPPED
    return owners
