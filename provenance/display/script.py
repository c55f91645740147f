"""The edit script of a match: what must be done to the edition's words to get the document's. For display."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

Kind = Literal["equal", "replaced", "extra", "missing"]


class Edit(NamedTuple):
    """A stretch of words on both sides; `extra` words have none in the edition, `missing` ones none in the document."""

    kind: Kind
    doc_word: int  # first word in the document
    doc_words: int
    ref_word: int  # first word in the edition
    ref_words: int


def edit_script(blocks: Iterable[tuple[int, int, int]]) -> list[Edit]:
    """Edits from the first equal word of a match to the last, from its blocks (doc_word, ref_word, words)."""
    edits: list[Edit] = []
    for doc, ref, words in blocks:
        if edits:
            before = edits[-1]
            doc_end, ref_end = before.doc_word + before.doc_words, before.ref_word + before.ref_words
            doc_gap, ref_gap = doc - doc_end, ref - ref_end
            if doc_gap or ref_gap:
                kind: Kind = "replaced" if doc_gap and ref_gap else "extra" if doc_gap else "missing"
                edits.append(Edit(kind, doc_end, doc_gap, ref_end, ref_gap))
        edits.append(Edit("equal", doc, words, ref, words))
    return edits
