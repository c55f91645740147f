"""Gives each passage of a document to one edition, and as few editions any as explain it; others are listed beside."""

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
    p, ranks = passages, edition_order[passages.editions]
    best = np.lexsort((p.ref_begins, p.doc_begins, ranks, -p.identity, -p.matched, p.documents))
    p, ranks = p.take(best), ranks[best]
    matched = np.maximum(p.matched, 1)
    owners = find_owners(p.documents, p.editions, p.doc_begins, p.doc_ends, matched, ranks, same_span)
    own = np.flatnonzero(owners == np.arange(owners.size))
    credited = p.take(own)
    places = (credited.ref_ends, credited.ref_begins, ranks[own], credited.doc_ends, credited.doc_begins)
    by_place = np.lexsort((*places, credited.documents))
    place_of = np.empty(owners.size, dtype=np.int64)
    place_of[own[by_place]] = np.arange(own.size)
    beside = np.flatnonzero((owners >= 0) & (owners != np.arange(owners.size)))
    owner_places = place_of[owners[beside]]
    beside = beside[np.argsort(owner_places, kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.bincount(owner_places, minlength=own.size))]).astype(np.int64)
    return Credited(credited.take(by_place), p.take(beside), starts)
