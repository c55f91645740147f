"""A match as two texts side by side: stretches of the document and of the edition, equal or not. For display."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from provenance.kernels.words import words_of
from provenance.matching.script import Edit, Kind, edit_script


class Stretch(NamedTuple):
    """What stands on both sides, with the blanks and marks behind its last word."""

    kind: Kind
    document: str
    edition: str


class Side:
    """A text and where its words are."""

    def __init__(self, text: bytes, keys: npt.NDArray[np.uint64]) -> None:
        """Cut the text into words; `keys` are those of the index."""
        words = words_of(np.frombuffer(text, dtype=np.uint8), keys)
        self._text, self._begins, self._ends = text, words.begins, words.ends

    def between(self, first: int, words: int, last: bool) -> str:
        """The text of some words; up to the next word unless they are the last of a match."""
        if not words:
            return ""
        end = first + words
        stop = self._ends[end - 1] if last or end >= self._begins.size else self._begins[end]
        return self._text[int(self._begins[first]) : int(stop)].decode("utf-8", "replace")


def side_by_side(document: Side, edition: Side, blocks: Sequence[dict[str, Any]]) -> list[Stretch]:
    """The stretches of a match from its `blocks`, as MATCH_SCHEMA has them."""
    edits = edit_script((block["doc_word"], block["ref_word"], block["words"]) for block in blocks)

    def stretch(edit: Edit, last: bool) -> Stretch:
        return Stretch(
            edit.kind,
            document.between(edit.doc_word, edit.doc_words, last),
            edition.between(edit.ref_word, edit.ref_words, last),
        )

    return [stretch(edit, edit is edits[-1]) for edit in edits]
