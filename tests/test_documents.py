"""Documents hold the bytes of every kind of Arrow column, and what is left out or repeated changes no other."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.documents import Documents, documents_in, documents_of
from provenance.errors import UsageError

texts = st.lists(st.one_of(st.none(), st.sampled_from(["", "a", "bc", "naïve 日本", "long " * 5])), max_size=12)
PLAIN = (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view())


def bytes_of(documents: Documents) -> list[bytes | None]:
    return [None if null else documents.one(number).tobytes() for number, null in enumerate(documents.nulls.tolist())]


def encoded(values: list[str | None]) -> list[bytes | None]:
    return [None if value is None else value.encode() for value in values]


def forms(values: list[str | None]) -> list[pa.Array]:
    """The same texts in every form, whole and as a slice of more."""
    plain = [pa.array(encoded(values), pa.binary()).cast(kind) for kind in PLAIN]
    more = pa.array([b"before", *encoded(values), b"after"], pa.binary())
    coded = more.dictionary_encode()
    nested = pa.DictionaryArray.from_arrays(coded.indices, pa.array(coded.dictionary.to_pylist()).dictionary_encode())
    return [*plain, *(array.slice(1, len(values)) for array in (more, more.cast(pa.string()), coded, nested))]


@given(texts)
def test_every_form_of_a_column_gives_the_same_bytes_sizes_and_nulls(values):
    every = list(forms(values))
    assert len(every) > 1
    for array in every:
        documents = documents_of(array)
        assert len(documents) == len(values)
        assert bytes_of(documents) == encoded(values)
        assert documents.sizes.tolist() == [len(value or b"") for value in encoded(values)]


@given(texts, st.data())
def test_what_is_left_out_is_null_and_all_others_stay(values, data):
    left_out = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    expected = [None if out else value for value, out in zip(encoded(values), left_out, strict=True)]
    every = list(forms(values))
    assert len(every) > 1
    for array in every:
        assert bytes_of(documents_of(array).without(np.array(left_out, dtype=np.bool_))) == expected


@given(texts, st.data())
def test_distinct_values_stand_for_all_documents(values, data):
    left_out = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))), dtype=np.bool_)
    every = list(forms(values))
    assert len(every) > 1
    for array in every:
        documents = documents_of(array).without(left_out)
        distinct, times, value_of = documents.distinct()
        assert distinct.codes is None
        assert distinct.offsets.size == len(distinct) + 1
        if documents.codes is not None:
            shown = bytes_of(distinct)
            assert [None if value < 0 else shown[value] for value in value_of.tolist()] == bytes_of(documents)
            assert times.tolist() == [value_of.tolist().count(value) for value in range(len(distinct))]
            assert (times > 0).all()


def test_values_side_by_side_are_not_copied():
    documents = documents_of(pa.array(["one", "two", "one", None, "three"]).dictionary_encode())
    assert np.shares_memory(documents.distinct()[0].data, documents.data)


def test_bytes_under_a_null_are_nobodys_text():
    offsets, data = np.array([0, 3, 6], dtype=np.int32), b"onetwo"
    array = pa.Array.from_buffers(pa.binary(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(offsets), pa.py_buffer(data)])
    documents = documents_of(array)
    assert bytes_of(documents) == [b"one", None]
    assert documents.sizes.tolist() == [3, 0]


def test_each_chunk_of_a_column_is_documents_of_its_own():
    chunks = documents_in(pa.chunked_array([["a"], [], ["b", None]], pa.string()))
    assert [bytes_of(documents) for documents in chunks] == [[b"a"], [], [b"b", None]]
    assert [len(documents) for documents in documents_in(pa.chunked_array([], pa.string()))] == [0]


@pytest.mark.parametrize("array", [pa.array([1]), pa.array([["a"]]), pa.chunked_array([], pa.int64())])
def test_what_is_no_text_is_refused(array):
    with pytest.raises(UsageError, match="strings or binaries are needed"):
        documents_in(array)
