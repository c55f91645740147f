"""A match as two texts side by side, from what the run database has of it: excerpts, cut, and the alignment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from provenance.matching.script import Edit, edit_script
from provenance.shown import safe
from provenance.text import words

CUT_BYTES = 150  # a context has 160, less where that would cut a character
LONGEST_WORD = 40  # characters that are left out to end with a whole word


class Piece(NamedTuple):
    """A stretch of one side; `kind` is equal, replaced, extra or missing."""

    kind: str
    text: str


class Pair(NamedTuple):
    """Both sides as far as their excerpts go, and how many words of the match each leaves out."""

    document: list[Piece]
    edition: list[Piece]
    document_left: int
    edition_left: int


class _Side:
    """An excerpt and where its words are; one that was cut has its last word left out, which may be half of one."""

    def __init__(self, excerpt: str, whole: int) -> None:
        self._data = excerpt.encode("utf-8", "replace")
        found = words(self._data)
        self._begins = [word.begin for word in found]
        self._ends = [word.end for word in found]
        self.words = len(found) if len(found) >= whole else max(0, len(found) - 1)

    def between(self, first: int, count: int, last: bool) -> str:
        """The text of some words, up to the next word unless they are the last."""
        if count <= 0:
            return ""
        end = first + count
        stop = self._ends[end - 1] if last or end >= len(self._begins) else self._begins[end]
        return self._data[self._begins[first] : stop].decode("utf-8", "replace")


def pair_of(match: dict[str, Any]) -> Pair | None:
    """Both sides of a match, a row of the query `matches`; None where the database has no texts of it."""
    if match["excerpt"] is None or match["ref_excerpt"] is None:
        return None
    edits = edit_script((block["doc_word"], block["ref_word"], block["words"]) for block in match["blocks"] or ())
    document = _Side(match["excerpt"], match["doc_words"])
    edition = _Side(match["ref_excerpt"], match["ref_words"])
    pieces: tuple[list[Piece], list[Piece]] = ([], [])
    at_document = at_edition = 0
    for number, edit in enumerate(edits):
        edit = _clipped(edit, match, document.words, edition.words)
        if not edit.doc_words and not edit.ref_words:
            break
        last = number == len(edits) - 1
        first, first_of_edition = edit.doc_word - match["doc_word"], edit.ref_word - match["ref_word"]
        _add(pieces[0], edit.kind, document.between(first, edit.doc_words, last))
        _add(pieces[1], edit.kind, edition.between(first_of_edition, edit.ref_words, last))
        at_document, at_edition = first + edit.doc_words, first_of_edition + edit.ref_words
    return Pair(*pieces, match["doc_words"] - at_document, match["ref_words"] - at_edition)


def _add(pieces: list[Piece], kind: str, text: str) -> None:
    if text:
        pieces.append(Piece(kind, shown_text(text)))


def _clipped(edit: Edit, match: dict[str, Any], in_document: int, in_edition: int) -> Edit:
    """As much of an edit as both excerpts have; of equal words the same number on both sides."""
    document = max(0, min(edit.doc_words, in_document - (edit.doc_word - match["doc_word"])))
    edition = max(0, min(edit.ref_words, in_edition - (edit.ref_word - match["ref_word"])))
    if edit.kind == "equal":
        document = edition = min(document, edition)
    elif (document, edition) != (edit.doc_words, edit.ref_words):
        document = edition = 0
    return edit._replace(doc_words=document, ref_words=edition)


def shown_text(text: str | None) -> str:
    """A text with its lines, harmless: what could hide or reorder it is written out."""
    lines = (text or "").replace("\r\n", "\n").replace("\t", " ").split("\n")
    return "\n".join(map(safe, lines))


def cut_at_word(text: str | None, before: bool) -> str:
    """Context without the word that its outer end cuts, and an ellipsis in its place."""
    whole = text or ""
    if len(whole.encode("utf-8", "replace")) < CUT_BYTES:  # it ends where the text does
        return shown_text(whole)
    at = whole.find(" ", 0, LONGEST_WORD) if before else whole.rfind(" ", len(whole) - LONGEST_WORD)
    if at >= 0:
        whole = whole[at + 1 :] if before else whole[:at]
    return "…" + shown_text(whole) if before else shown_text(whole) + "…"


def differences(pieces: Sequence[Piece]) -> int:
    """How many stretches differ."""
    return sum(piece.kind != "equal" for piece in pieces)
