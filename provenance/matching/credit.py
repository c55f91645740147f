"""Gives each passage of a document to one edition, and as few editions any as explain it; others are listed beside."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from provenance.arrays import Integers
from provenance.kernels.credit import find_owners
from provenance.matching.passages import Passages


class Credited(NamedTuple):
    """Passages with credit, in order of document and place, and for each those listed beside it, best first."""

    passages: Passages
    also: Passages  # those beside passage p are `also_starts[p]` to `also_starts[p + 1]`
    also_starts: Integers


def credit(passages: Passages, edition_order: Integers, same_span: float) -> Credited:
    """Greedy cover of each document; see `find_owners`.

    The best passage has most matched words, then the highest identity, then the first edition in order;
    `edition_order` ranks the editions. Ties end in places, so that they never depend on the order of work.
    """
    ranks = edition_order[passages.editions]
    ordered = passages.take(
        np.lexsort(
            (passages.ref_begins, passages.doc_begins, ranks, -passages.identity, -passages.matched, passages.documents)
        )
    )
    owners = find_owners(
        ordered.documents,
        ordered.editions,
        ordered.doc_begins,
        ordered.doc_ends,
        np.maximum(ordered.matched, 1),
        edition_order[ordered.editions],
        same_span,
    )
    own = np.flatnonzero(owners == np.arange(owners.size))
    credited = ordered.take(own)
    ranks = edition_order[credited.editions]
    by_place = np.lexsort(
        (credited.ref_ends, credited.ref_begins, ranks, credited.doc_ends, credited.doc_begins, credited.documents)
    )
    place_of = np.empty(owners.size, dtype=np.int64)
    place_of[own[by_place]] = np.arange(own.size)
    beside = np.flatnonzero((owners >= 0) & (owners != np.arange(owners.size)))
    places = place_of[owners[beside]]
    beside = beside[np.argsort(places, kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.bincount(places, minlength=own.size))]).astype(np.int64)
    return Credited(credited.take(by_place), ordered.take(beside), starts)
