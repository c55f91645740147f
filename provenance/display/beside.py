"""A match for display: its edit script, and two texts side by side, stretch by stretch, equal or not.

The edit script says what must be done to the edition's words to get the document's.

Who found the words is the caller's matter: the kernels are fast, the reference needs nothing compiled.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Kind = Literal["equal", "replaced", "extra", "missing"]
Places = Sequence[int] | npt.NDArray[np.uint32]


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


class Stretch(NamedTuple):
    """What stands on both sides, with the blanks and marks behind its last word."""

    edit: Edit
    document: str
    edition: str


class Side:
    """A text, or a piece of one, and where its words are."""

    def __init__(self, text: bytes, begins: Places, ends: Places, first: int = 0, cut: bool = False) -> None:
        """`first` is the number of the first word; of a piece that was cut the last one may be half a word."""
        self._text, self._begins, self._ends, self._first = text, begins, ends, first
        self._words = max(0, len(begins) - cut)

    def within(self, word: int, words: int) -> int:
        """How many of some words it has."""
        return max(0, min(words, self._words - (word - self._first)))

    def between(self, word: int, words: int, last: bool) -> str:
        """The text of some words; up to the next word unless they are the last of a match."""
        if not words:
            return ""
        first, end = word - self._first, word - self._first + words
        stop = self._ends[end - 1] if last or end >= len(self._begins) else self._begins[end]
        return self._text[int(self._begins[first]) : int(stop)].decode("utf-8", "replace")


def side_by_side(document: Side, edition: Side, blocks: Sequence[dict[str, Any]]) -> list[Stretch]:
    """The stretches of a match from its `blocks`, as MATCH_SCHEMA has them, as far as both sides go."""
    edits = edit_script((block["doc_word"], block["ref_word"], block["words"]) for block in blocks)
    stretches = []
    for whole in edits:
        edit, last = _within(whole, document, edition), whole is edits[-1]
        if edit.doc_words or edit.ref_words:
            of_document = document.between(edit.doc_word, edit.doc_words, last)
            stretches.append(Stretch(edit, of_document, edition.between(edit.ref_word, edit.ref_words, last)))
        if edit != whole:  # what follows would stand where something is left out
            break
    return stretches


def _within(edit: Edit, document: Side, edition: Side) -> Edit:
    """As much of an edit as both sides have: of equal words the same number, of others all or none."""
    doc_words, ref_words = document.within(edit.doc_word, edit.doc_words), edition.within(edit.ref_word, edit.ref_words)
    if edit.kind == "equal":
        doc_words = ref_words = min(doc_words, ref_words)
    elif (doc_words, ref_words) != (edit.doc_words, edit.ref_words):
        doc_words = ref_words = 0
    return edit._replace(doc_words=doc_words, ref_words=ref_words)
