"""A match side by side: all words of both sides in order, from the first on, wherever the texts are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.display.beside import Side, side_by_side
from provenance.text.reference import words

steps = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 5)), min_size=1, max_size=8)


def side(text: str, first: int, have: int | None = None) -> Side:
    """A text whose first word has a number; of a piece only so many words, and half of another."""
    data = text.encode()
    found = words(data)
    if have is not None and have < len(found):
        data, found = data[: found[have].begin + 1], [*found[:have], found[have]._replace(end=found[have].begin + 1)]
    cut = have is not None and len(found) > have
    return Side(data, [word.begin for word in found], [word.end for word in found], first, cut)


def made(rows: list[tuple[int, int, int]], doc: int, ref: int) -> tuple[list[dict[str, int]], str, str]:
    """The blocks of a match that begins at these words, and the texts of both sides; every word is another."""
    blocks, texts = [], ([], [])
    for number, (doc_gap, ref_gap, equal) in enumerate(rows):
        gaps = (doc_gap, ref_gap) if number else (0, 0)  # a match begins with equal words
        for text, gap, name in zip(texts, gaps, "dr", strict=True):
            text += [f"{name}{number}x{n}" for n in range(gap)]
        blocks.append({"doc_word": doc + len(texts[0]), "ref_word": ref + len(texts[1]), "words": equal})
        for text in texts:
            text += [f"e{number}x{n}" for n in range(equal)]
    return blocks, ", ".join(texts[0]), ", ".join(texts[1])


@given(steps, st.integers(0, 9), st.integers(0, 9), st.integers(0, 60), st.integers(0, 60))
def test_what_is_shown_of_each_side_is_its_beginning_and_leaves_nothing_out(rows, doc, ref, doc_have, ref_have):
    blocks, document, edition = made(rows, doc, ref)
    stretches = side_by_side(side(document, doc, doc_have), side(edition, ref, ref_have), blocks)
    for whole, told, counts in (
        (document, "".join(s.document for s in stretches), [s.edit.doc_words for s in stretches]),
        (edition, "".join(s.edition for s in stretches), [s.edit.ref_words for s in stretches]),
    ):
        assert whole.startswith(told.rstrip(" ,"))
        assert len(words(told.encode())) == sum(counts)
    for stretch in stretches:
        if stretch.edit.kind == "equal":
            assert words(stretch.document.encode())[0].folded == words(stretch.edition.encode())[0].folded


@given(steps, st.integers(0, 9), st.integers(0, 9))
def test_of_whole_texts_everything_is_shown(rows, doc, ref):
    blocks, document, edition = made(rows, doc, ref)
    stretches = side_by_side(side(document, doc), side(edition, ref), blocks)
    assert "".join(stretch.document for stretch in stretches) == document
    assert "".join(stretch.edition for stretch in stretches) == edition


@pytest.mark.parametrize(("doc_have", "shown"), [(5, "a b c d e"), (3, "a b c"), (0, "")])
def test_a_missing_word_behind_a_cut_is_not_shown(doc_have, shown):
    """It would stand at once behind the words before the cut, as if nothing were left out between."""
    blocks = [{"doc_word": 0, "ref_word": 0, "words": 5}, {"doc_word": 5, "ref_word": 6, "words": 2}]
    stretches = side_by_side(side("a b c d e f g", 0, doc_have), side("a b c d e MISSING f g", 0), blocks)
    assert "".join(stretch.edition for stretch in stretches).replace("MISSING", "").split() == shown.split()
    assert any(stretch.edit.kind == "missing" for stretch in stretches) == (doc_have == 5)
