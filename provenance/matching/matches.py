"""Passages credited to editions, and matches: these located in the bytes of their documents; several batches joined."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from provenance.arrays import Integers
from provenance.documents import Documents
from provenance.kernels.credit import find_owners
from provenance.kernels.cutting import text_rules
from provenance.kernels.places import find_places
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
    return Credited(credited.take(by_place), p.take(beside), edges(np.bincount(owner_places, minlength=own.size)))


class Matches(NamedTuple):
    """Matches in order of document and place. Matches have at least one block each, and blocks belong to one match."""

    credited: Credited
    doc_begins: Integers  # byte offsets in the document
    doc_ends: Integers

    @property
    def documents(self) -> Integers:
        """The document of each match."""
        return self.credited.passages.documents

    def take(self, rows: Integers, documents: Integers) -> Self:
        """Some of the matches, in another order, as matches of these documents."""
        passages, also, starts = self.credited
        sizes = np.diff(starts)[rows]
        beside = also.take(ranges(starts[rows], sizes))
        taken = passages.take(rows)._replace(documents=documents)
        credited = Credited(taken, beside._replace(documents=np.repeat(documents, sizes)), edges(sizes))
        return self._replace(credited=credited, doc_begins=self.doc_begins[rows], doc_ends=self.doc_ends[rows])


def locate(documents: Documents, words: Integers, credited: Credited) -> Matches:
    """Add the byte offsets of the passages in their documents, which have so many `words` and no codes."""
    passages = credited.passages
    ends = np.minimum(passages.doc_ends, words[passages.documents])  # an estimated one may end behind the text
    shortened = passages._replace(doc_ends=ends)
    places = find_places(
        documents.data, documents.offsets, words, text_rules(), passages.documents, passages.doc_begins, ends - 1
    )
    return Matches(credited._replace(passages=shortened), *places)


def join(parts: Sequence[Matches], first_documents: Sequence[int]) -> Matches:
    """The matches of several batches as one; documents of a part are counted from its `first_documents`."""
    also_starts = edges(np.concatenate([np.diff(part.credited.also_starts) for part in parts]))
    passages, also = (
        _joined([getattr(part.credited, side) for part in parts], first_documents) for side in ("passages", "also")
    )
    begins, ends = (np.concatenate([getattr(part, name) for part in parts]) for name in ("doc_begins", "doc_ends"))
    return Matches(Credited(passages, also, also_starts), begins, ends)


def _joined(parts: Sequence[Passages], first_documents: Sequence[int]) -> Passages:
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Passages._fields}
    sizes = [part.documents.size for part in parts]
    columns["documents"] = columns["documents"] + np.repeat(np.asarray(first_documents, dtype=np.int64), sizes)
    before = edges(np.array([len(part.blocks) for part in parts]))[:-1]
    columns["block_firsts"] = columns["block_firsts"] + np.repeat(before, sizes)
    return Passages(**columns)


def edges(sizes: npt.NDArray[np.integer]) -> Integers:
    """Where items of such sizes begin when they stand one behind the other, and where the last ends."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def ranges(firsts: Integers, sizes: Integers) -> Integers:
    """The numbers `firsts[k]`, `firsts[k] + 1`, ... of every k, `sizes[k]` of them, one after another."""
    starts = edges(sizes)
    return np.arange(starts[-1]) + np.repeat(firsts - starts[:-1], sizes)
