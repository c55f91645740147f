"""A match as two texts side by side, from what the run database has of it: excerpts, cut, and the alignment."""

from typing import Any, NamedTuple

from provenance.display.beside import Side, side_by_side
from provenance.display.text import safe
from provenance.text.places import word_places

CUT_BYTES = 150  # a context has 160, less where that would cut a character
LONGEST_WORD = 40  # characters that are left out to end with a whole word


class Stretch(NamedTuple):
    """A stretch of one side; `kind` is equal, replaced, extra or missing."""

    kind: str
    text: str


class Pair(NamedTuple):
    """Both sides as far as their excerpts go, and how many words of the match each leaves out."""

    document: list[Stretch]
    edition: list[Stretch]
    document_left: int
    edition_left: int


def pair_of(match: dict[str, Any]) -> Pair | None:
    """Both sides of a match, a row of the query `matches`; None where the database has no texts of it."""
    if match["excerpt"] is None or match["ref_excerpt"] is None:
        return None
    document = _side(match["excerpt"], match["doc_word"], match["doc_words"])
    edition = _side(match["ref_excerpt"], match["ref_word"], match["ref_words"])
    stretches = side_by_side(document, edition, match["blocks"] or ())
    return Pair(
        [Stretch(s.edit.kind, shown_text(s.document)) for s in stretches if s.document],
        [Stretch(s.edit.kind, shown_text(s.edition)) for s in stretches if s.edition],
        match["doc_words"] - sum(s.edit.doc_words for s in stretches),
        match["ref_words"] - sum(s.edit.ref_words for s in stretches),
    )


def _side(excerpt: str, first: int, whole: int) -> Side:
    """An excerpt of `whole` words, unless it was cut."""
    data = excerpt.encode("utf-8", "replace")
    places = word_places(data.decode())
    return Side(data, [begin for begin, _ in places], [end for _, end in places], first, len(places) < whole)


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
