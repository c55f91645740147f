"""Gives each passage of a document to the one edition that explains most of it; the others are listed beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from provenance.matching.align import Block


@dataclass
class Candidate:
    """A verified passage (or, from an index without texts, an estimated one) of one document in one edition."""

    document: int
    edition: int
    edition_id: str
    work_id: str
    doc_words: tuple[int, int]  # [first, last) word of the document
    ref_words: tuple[int, int]  # [first, last) word of the edition
    ref_bytes: tuple[int, int] | None  # byte offsets in the edition; None without its text
    matched_words: int
    identity: float
    longest_run: int
    blocks: list[Block]  # positions in words of document and edition
    also: list[Candidate] = field(default_factory=list)

    @property
    def rank(self) -> tuple[int, float, str, int, int]:
        """Sort key, best first; ends in names and places, so that ties never depend on the order of work."""
        return (-self.matched_words, -self.identity, self.edition_id, self.doc_words[0], self.ref_words[0])


def credit(candidates: Sequence[Candidate], same_span: float) -> list[Candidate]:
    """Greedy cover of one document: best first; one whose words are mostly taken already goes to `also`.

    A second passage of the edition credited (a refrain, found twice) is not listed: it says nothing new.
    """
    credited: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: c.rank):
        overlaps = [(_shared(candidate, other), -number) for number, other in enumerate(credited)]
        shared, number = max(overlaps, default=(0, 0))
        length = candidate.doc_words[1] - candidate.doc_words[0]
        if shared < same_span * length or not credited:
            credited.append(candidate)
            continue
        owner = credited[-number]
        if candidate.edition not in {owner.edition, *(other.edition for other in owner.also)}:
            owner.also.append(candidate)
    return sorted(credited, key=lambda c: (c.doc_words, c.edition_id, c.ref_words))


def _shared(a: Candidate, b: Candidate) -> int:
    return max(0, min(a.doc_words[1], b.doc_words[1]) - max(a.doc_words[0], b.doc_words[0]))
