"""Texts as bytes: what a column of strings becomes once, where it is read, and what everything after that takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from provenance.arrays import Bools, Bytes, Integers
from provenance.errors import UsageError


@dataclass(frozen=True, eq=False)
class Documents:
    """Value v is `data[offsets[v]:offsets[v + 1]]`. Without codes each document is a value, and a null an empty one."""

    data: Bytes
    offsets: Integers  # (values + 1,)
    nulls: Bools  # (documents,)
    codes: Integers | None = None  # (documents,) the value that each is; of nulls the last one, which is empty

    def __len__(self) -> int:
        """How many documents there are, nulls included."""
        return self.nulls.size

    @cached_property
    def begins(self) -> Integers:
        """Where each document begins in the data."""
        return self.offsets[:-1] if self.codes is None else self.offsets[self.codes]

    @cached_property
    def ends(self) -> Integers:
        """Where each document ends in the data."""
        return self.offsets[1:] if self.codes is None else self.offsets[self.codes + 1]

    @property
    def sizes(self) -> Integers:
        """Bytes of each document; 0 for nulls."""
        return self.ends - self.begins

    def one(self, document: int) -> Bytes:
        """The bytes of one document."""
        return self.data[self.begins[document] : self.ends[document]]

    def without(self, left_out: Bools) -> Documents:
        """The same with some of the documents as nulls."""
        if not left_out.any():
            return self
        codes, offsets = self.codes, self.offsets
        if codes is None:
            codes, offsets = np.arange(len(self)), np.append(offsets, offsets[-1])
        return Documents(self.data, offsets, self.nulls | left_out, np.where(left_out, offsets.size - 2, codes))

    def distinct(self) -> tuple[Documents, Integers, Integers]:
        """The values that documents have, as documents without codes; how many have each; and which each has.

        Of the third a null has -1. Values that stand side by side are not copied.
        """
        if self.codes is None:
            return self, np.ones(len(self), dtype=np.int64), np.arange(len(self))
        codes, which, times = np.unique(self.codes[~self.nulls], return_inverse=True, return_counts=True)
        value_of = np.full(len(self), -1, dtype=np.int64)
        value_of[~self.nulls] = which
        begins, ends = self.offsets[codes], self.offsets[codes + 1]
        data, offsets = self.data, np.append(begins, ends[-1:] if codes.size else self.offsets[:1])
        if (begins[1:] != ends[:-1]).any():
            stretches = [self.data[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
            data, offsets = np.concatenate(stretches), np.concatenate([[0], np.cumsum(ends - begins)])
        return Documents(data, offsets, np.zeros(codes.size, dtype=np.bool_)), times, value_of


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type can be scanned: any of Arrow's strings or binaries, plain or in a dictionary."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    tests = (
        pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
        pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view,
    )  # fmt: skip
    return any(test(kind) for test in tests)


def documents_in(texts: pa.Array | pa.ChunkedArray) -> list[Documents]:
    """The documents of each chunk; raises UsageError for what is neither strings nor binaries."""
    if isinstance(texts, pa.ChunkedArray):
        return [documents_of(chunk) for chunk in texts.chunks or [pa.array([], texts.type)]]
    return [documents_of(texts)]


def documents_of(texts: pa.Array) -> Documents:
    """The documents of an array, without copying where Arrow allows.

    Raises UsageError for what is neither strings nor binaries.
    """
    if not is_text(texts.type):
        raise UsageError(f"texts are of type {texts.type}; strings or binaries are needed")
    if pa.types.is_dictionary(texts.type):
        return _of_dictionary(texts)
    texts = _as_binary(texts)
    nulls = pc.is_null(texts).to_numpy(zero_copy_only=False)
    if texts.null_count and np.diff(_offsets(texts))[nulls].any():  # Arrow allows bytes there; they are nobody's text
        texts = pc.fill_null(texts, b"")
    values = texts.buffers()[2]
    data = np.frombuffer(values, dtype=np.uint8) if values is not None else np.empty(0, dtype=np.uint8)
    return Documents(data, _offsets(texts), nulls)


def _of_dictionary(texts: pa.DictionaryArray) -> Documents:
    values = documents_of(texts.dictionary)
    of_value = np.arange(len(values)) if values.codes is None else values.codes
    offsets = np.append(values.offsets, values.offsets[-1])
    indices = pc.fill_null(texts.indices, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    nulls = pc.is_null(texts.indices).to_numpy(zero_copy_only=False)
    nulls = nulls | np.append(values.nulls, True)[indices]  # where there is no value all indices are null
    codes = np.where(nulls, offsets.size - 2, np.append(of_value, 0)[indices])
    return Documents(values.data, offsets, nulls, codes)


def _as_binary(texts: pa.Array) -> pa.Array:
    kind = texts.type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return texts.cast(pa.binary_view()).cast(pa.large_binary())
    if pa.types.is_string(kind):
        return texts.view(pa.binary())
    return texts.view(pa.large_binary()) if pa.types.is_large_string(kind) else texts


def _offsets(texts: pa.Array) -> Integers:
    if len(texts) == 0:
        return np.zeros(1, dtype=np.int64)
    dtype = np.int64 if pa.types.is_large_binary(texts.type) else np.int32
    end = texts.offset + len(texts) + 1  # the buffer of a damaged file may end within a number
    return np.frombuffer(texts.buffers()[1], dtype=dtype, count=end)[texts.offset :].astype(np.int64)
