"""The edit script turns the edition's words into the document's, and says no more than it must."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from provenance.display.beside import Edit, edit_script

blocks = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 5)), min_size=1, max_size=8)


@given(blocks, st.integers(0, 9), st.integers(0, 9))
def test_edits_follow_one_another_on_both_sides_and_keep_the_blocks(steps, doc, ref):
    rows = []
    for doc_gap, ref_gap, words in steps:
        doc, ref = doc + doc_gap, ref + ref_gap
        rows.append((doc, ref, words))
        doc, ref = doc + words, ref + words
    edits = edit_script(rows)
    for one, other in pairwise(edits):
        assert (one.doc_word + one.doc_words, one.ref_word + one.ref_words) == (other.doc_word, other.ref_word)
        assert "equal" in (one.kind, other.kind)
    assert sum(edit.doc_words for edit in edits if edit.kind == "equal") == sum(words for *_, words in rows)
    for edit in edits:
        assert (edit.doc_words == 0) == (edit.kind == "missing")
        assert (edit.ref_words == 0) == (edit.kind == "extra")


def test_each_kind_of_edit_is_named():
    assert edit_script([(10, 0, 3), (14, 4, 2), (17, 6, 1), (18, 9, 4)]) == [
        Edit("equal", 10, 3, 0, 3),
        Edit("replaced", 13, 1, 3, 1),
        Edit("equal", 14, 2, 4, 2),
        Edit("extra", 16, 1, 6, 0),
        Edit("equal", 17, 1, 6, 1),
        Edit("missing", 18, 0, 7, 2),
        Edit("equal", 18, 4, 9, 4),
    ]
