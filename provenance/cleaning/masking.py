"""Texts with passages taken out of them: the bytes of whole words are replaced by a marker, all others stay."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from provenance.documents import Documents
from provenance.kernels.cutting import text_rules
from provenance.kernels.places import find_places
from provenance.shards.columns import is_list

Integers = npt.NDArray[np.int64]

Span = tuple[int, int]  # bytes of a text

BYTES_OF = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary(), pa.string_view(): pa.binary_view()}


class Passages(NamedTuple):
    """Passages in some texts: columns of equal length, the texts rising."""

    texts: Integers  # the number of the text that each is in
    words: Integers  # its first word ...
    word_ends: Integers  # ... and the one behind its last
    begins: Integers  # its bytes in the text; negative where only its words are known
    ends: Integers


def located(documents: Documents, passages: Passages) -> tuple[Integers, Integers]:
    """The bytes of each passage in its text: from the begin of its first word to the end of its last.

    A passage that ends behind its text, as estimated ones can, ends with it.
    """
    begins, ends = passages.begins.copy(), passages.ends.copy()
    unknown = np.flatnonzero(begins < 0)
    if unknown.size:
        values = passages.texts if documents.codes is None else documents.codes[passages.texts]
        order = unknown[np.argsort(values[unknown], kind="stable")]
        counts = np.zeros(documents.offsets.size - 1, dtype=np.int64)  # of no use: no text is asked for end to end
        first, last = passages.words[order], passages.word_ends[order] - 1
        begins[order], ends[order] = find_places(
            documents.data, documents.offsets, counts, text_rules(), values[order], first, last
        )
    sizes = documents.sizes[passages.texts]
    return tuple(np.where(places < 0, sizes, np.minimum(places, sizes)) for places in (begins, ends))  # type: ignore[return-value]


def joined_spans(texts: Integers, begins: Integers, ends: Integers) -> dict[int, list[Span]]:
    """By text, the bytes of all its passages, in order; those that overlap are one."""
    spans: dict[int, list[Span]] = {}
    for text, begin, end in sorted(zip(texts.tolist(), begins.tolist(), ends.tolist(), strict=True)):
        of_text = spans.setdefault(text, [])
        if of_text and begin < of_text[-1][1]:
            of_text[-1] = of_text[-1][0], max(of_text[-1][1], end)
        elif begin < end:
            of_text.append((begin, end))
    return {text: of_text for text, of_text in spans.items() if of_text}


def masked(text: bytes, spans: Sequence[Span], marker: bytes) -> bytes:
    """A text with the bytes of some spans, which rise and do not overlap, replaced by a marker."""
    pieces, at = [], 0
    for begin, end in spans:
        pieces += [text[at:begin], marker]
        at = end
    return b"".join([*pieces, text[at:]])


def masked_array(texts: pa.Array, spans: dict[int, list[Span]], marker: bytes) -> pa.Array:
    """An array of strings or binaries of any kind with some of its texts masked."""
    if not spans:
        return texts
    kind = texts.type
    if pa.types.is_dictionary(kind):
        return masked_array(texts.dictionary_decode(), spans, marker).dictionary_encode().cast(kind)
    pieces, at = [], 0
    for number in sorted(spans):
        new = [masked(bytes(texts[number].as_buffer()), spans[number], marker)]
        # never a cast: that would refuse invalid UTF-8
        pieces += [texts.slice(at, number - at), pa.array(new, BYTES_OF.get(kind, kind)).view(kind)]
        at = number + 1
    return pa.concat_arrays([*pieces, texts.slice(at)])


def with_leaves(array: pa.Array, steps: Sequence[str], leaves: pa.Array) -> pa.Array:
    """A column with other values at the end of a path, those that `leaves_of` gave in their order.

    Raises ArrowInvalid for a list that cannot be made anew.
    """
    if not steps:
        return leaves
    if steps[0] == "[]":
        return _list_like(array, with_leaves(array.flatten(), steps[1:], leaves))
    at, fields = array.type.get_field_index(steps[0]), array.flatten()
    fields[at] = with_leaves(fields[at], steps[1:], leaves)
    return pa.StructArray.from_arrays(fields, fields=list(array.type), mask=array.is_null())


def _list_like(array: pa.Array, values: pa.Array) -> pa.Array:
    """The same lists with other items."""
    kind = array.type
    if pa.types.is_fixed_size_list(kind):
        if array.null_count:
            raise pa.ArrowInvalid(f"a column of type {kind} with nulls in it cannot be made anew")
        return pa.FixedSizeListArray.from_arrays(values, type=kind)
    if not is_list(kind) or pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        raise pa.ArrowInvalid(f"a column of type {kind} cannot be made anew")
    sizes = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    if pa.types.is_large_list(kind):
        return pa.LargeListArray.from_arrays(pa.array(offsets), values, type=kind, mask=array.is_null())
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, type=kind, mask=array.is_null())
