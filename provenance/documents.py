"""Takes Arrow strings apart into one byte buffer with offsets, without copying where Arrow allows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from provenance.errors import UsageError


class Documents(NamedTuple):
    """Document d is `data[offsets[d]:offsets[d + 1]]`; a null is an empty document."""

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]

    def one(self, document: int) -> npt.NDArray[np.uint8]:
        """The bytes of one document."""
        return self.data[self.offsets[document] : self.offsets[document + 1]]


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type can be scanned: any of Arrow's strings or binaries, plain or in a dictionary."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    tests = (
        pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
        pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view,
    )  # fmt: skip
    return any(test(kind) for test in tests)


def documents_of(texts: pa.Array) -> Documents:
    """The documents of a plain (not dictionary) string or binary array; raises UsageError for another type."""
    kind = texts.type
    if not is_text(kind) or pa.types.is_dictionary(kind):
        raise UsageError(f"texts are of type {kind}; strings or binaries are needed")
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        texts = texts.cast(pa.binary_view() if pa.types.is_string_view(kind) else kind).cast(pa.large_binary())
    elif pa.types.is_string(kind):
        texts = texts.view(pa.binary())
    elif pa.types.is_large_string(kind):
        texts = texts.view(pa.large_binary())
    if texts.null_count and _nulls_hold_bytes(texts):
        texts = pc.fill_null(texts, b"")
    offsets = _offsets(texts)
    values = texts.buffers()[2]
    data = np.frombuffer(values, dtype=np.uint8) if values is not None else np.empty(0, dtype=np.uint8)
    return Documents(data, offsets)


def document_bytes(texts: pa.Array) -> tuple[memoryview, npt.NDArray[np.int64]]:
    """The bytes of any text array, and where each document begins in them."""
    if not pa.types.is_dictionary(texts.type):
        documents = documents_of(texts)
        return memoryview(documents.data.data), documents.offsets[:-1]
    values, starts = document_bytes(texts.dictionary)
    codes = pc.fill_null(texts.indices, 0).to_numpy(zero_copy_only=False)
    return values, starts[codes]


def _offsets(texts: pa.Array) -> npt.NDArray[np.int64]:
    if len(texts) == 0:
        return np.zeros(1, dtype=np.int64)
    dtype = np.int64 if pa.types.is_large_binary(texts.type) else np.int32
    end = texts.offset + len(texts) + 1  # the buffer of a damaged file may end within a number
    return np.frombuffer(texts.buffers()[1], dtype=dtype, count=end)[texts.offset :].astype(np.int64)


def _nulls_hold_bytes(texts: pa.Array) -> bool:
    """Arrow allows bytes under a null; they are nobody's text."""
    nulls = pc.is_null(texts).to_numpy(zero_copy_only=False)
    return bool(np.diff(_offsets(texts))[nulls].any())


def document_sizes(texts: pa.Array) -> npt.NDArray[np.int64]:
    """Bytes of each document of any text array; 0 for nulls."""
    if pa.types.is_dictionary(texts.type):
        sizes = pa.array(document_sizes(texts.dictionary)).take(texts.indices)
    elif pa.types.is_string_view(texts.type):
        sizes = pc.binary_length(texts.cast(pa.large_string()))
    elif pa.types.is_binary_view(texts.type):
        sizes = pc.binary_length(texts.cast(pa.large_binary()))
    else:
        sizes = pc.binary_length(texts)
    return np.asarray(pc.fill_null(sizes, 0).to_numpy(zero_copy_only=False), dtype=np.int64)
