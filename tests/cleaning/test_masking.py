"""Passages taken out of texts: whole words, and nothing else."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.cleaning.masking import Passages, joined_spans, located, masked, masked_array, with_leaves
from provenance.documents import documents_of
from provenance.shards.columns import leaves_of
from provenance.text.reference import words

texts = st.text(st.sampled_from("abc é-’'\u0301\u00ad\u200b漢字ไทย.,\n 1"), max_size=60)


@settings(deadline=None)  # a kernel is loaded, or compiled, on the way
@given(st.lists(texts, min_size=1, max_size=5), st.data())
def test_masking_words_leaves_all_other_words(some, data):
    raw = [text.encode() for text in some]
    found = [words(text) for text in raw]
    picked = []
    for n, of_text in enumerate(found):
        for _ in range(data.draw(st.integers(0, 3)) if of_text else 0):
            first = data.draw(st.integers(0, len(of_text) - 1))
            picked.append((n, first, data.draw(st.integers(first + 1, len(of_text)))))
    columns = [np.array(column, dtype=np.int64) for column in zip(*picked, strict=True)] or [np.empty(0, np.int64)] * 3
    unknown = np.full(columns[0].size, -1)
    begins, ends = located(documents_of(pa.array(raw, pa.binary())), Passages(*columns, unknown, unknown))
    spans = joined_spans(columns[0], begins, ends)
    gone = {(text, word) for text, first, end in picked for word in range(first, end)}
    left = [[w.folded for k, w in enumerate(of_text) if (n, k) not in gone] for n, of_text in enumerate(found)]
    made = [masked(text, spans.get(n, []), b" | ") for n, text in enumerate(raw)]
    assert [[word.folded for word in words(text)] for text in made] == left


def test_a_passage_that_ends_behind_its_text_ends_with_it():
    none = np.array([-1])
    begins, ends = located(
        documents_of(pa.array(["one two three"])), Passages(*map(np.array, ([0], [1], [99])), none, none)
    )
    assert (begins.tolist(), ends.tolist()) == ([4], [13])


KINDS = [
    pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.string_view(), pa.binary_view(),
    pa.dictionary(pa.int32(), pa.string()),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_kind_of_text_stays_what_it_is(kind):
    plain = pa.array(["one two", None, "three", "one two"])
    array = plain.dictionary_encode() if pa.types.is_dictionary(kind) else plain.cast(kind)
    new = masked_array(array.slice(1), {2: [(0, 3)]}, b"#")
    assert new.type == kind
    assert [value if value is None or isinstance(value, str) else value.decode() for value in new.to_pylist()] == [
        None, "three", "# two",
    ]  # fmt: skip
    new.validate(full=True)


def test_invalid_utf_8_around_a_passage_stays():
    array = pa.array([b"\xff one two \xfe"], pa.binary()).view(pa.string())
    new = masked_array(array, {0: [(2, 5)]}, b"#")
    assert bytes(new[0].as_buffer()) == b"\xff # two \xfe"


LISTS = [
    (pa.list_(pa.string()), ["[]"], [["a", None], None, [], ["b"]]),
    (
        pa.large_list(pa.struct([("x", pa.int8()), ("t", pa.string())])), ["[]", "t"],
        [[{"x": 1, "t": "a"}, None], None, [{"x": 2, "t": None}]],
    ),
    (pa.list_(pa.string(), 2), ["[]"], [["a", "b"], [None, "c"]]),
    (
        pa.struct([("l", pa.list_(pa.string())), ("n", pa.int64())]), ["l", "[]"],
        [{"l": ["a"], "n": 1}, None, {"l": None, "n": 2}],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "steps", "values"), LISTS, ids=lambda value: str(value)[:30])
@pytest.mark.parametrize("skipped", [0, 1])
def test_lists_and_structs_are_made_anew_around_other_texts(kind, steps, values, skipped):
    array = pa.array(values, kind).slice(skipped)
    leaves = leaves_of(array, steps).values
    same = with_leaves(array, steps, leaves)
    assert same.equals(array)
    changed = pa.array([None if text is None else text + "!" for text in leaves.to_pylist()], pa.string())
    new = with_leaves(array, steps, changed)
    assert new.type == kind
    new.validate(full=True)
    assert str(new.to_pylist()).replace("!", "") == str(array.to_pylist())
    assert leaves_of(new, steps).values.equals(changed)
