"""From Arrow record batches to the texts of a batch: the same for Parquet, Arrow files and CSV."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from provenance.documents import documents_of, is_text
from provenance.shards.columns import Columns, TextPath, check_lists, is_tokens, leaves_of
from provenance.shards.shard import ALONE, Field, Origins
from provenance.shards.tokens import Decoded, Decoder, Ids


def fields_of(batch: pa.RecordBatch, columns: Columns, decoder: Decoder | None) -> list[Field]:
    """The texts of all columns that are scanned; raises ArrowInvalid where the data contradict themselves."""
    fields = []
    for path, top, steps in columns.paths:
        leaves = leaves_of(batch.column(batch.schema.get_field_index(top)), steps)
        if is_tokens(leaves.values.type) and decoder is not None:
            decoded = decoder.decode(token_rows(leaves.values))
            fields.append(decoded_field(path, decoded, len(batch)))
        else:
            fields.append(Field(path, documents_of(checked_texts(leaves.values)), leaves.owners, leaves.items))
    return fields


def ids_of(batch: pa.RecordBatch, columns: Columns) -> pa.Array | None:
    """The ids of the rows, if there are any; raises ArrowInvalid where they contradict themselves."""
    if columns.id is None:
        return None
    ids = batch.column(batch.schema.get_field_index(columns.id))
    if is_text(ids.type):
        return checked_texts(ids)
    ids.validate(full=pa.types.is_nested(ids.type))
    return ids


def origins_of(batch: pa.RecordBatch, columns: Columns) -> Origins:
    """From where the rows are; raises ArrowInvalid where the columns contradict themselves."""
    url, source = columns.origins
    return Origins(_plain(batch, url), _plain(batch, source))


def _plain(batch: pa.RecordBatch, path: TextPath | None) -> pa.Array | None:
    if path is None:
        return None
    return valid_texts(
        checked_texts(leaves_of(batch.column(batch.schema.get_field_index(path.top)), path.steps).values)
    )


def valid_texts(texts: pa.Array) -> pa.Array:
    """The same as strings; invalid bytes as U+FFFD."""
    if pa.types.is_dictionary(texts.type):
        texts = texts.dictionary_decode()
    try:
        strings = texts.cast(pa.string())
        strings.validate(full=True)
        return strings
    except pa.ArrowInvalid:
        return pa.array([id_text(scalar) for scalar in texts], pa.string())


def id_text(scalar: pa.Scalar) -> str | None:
    """An id of any type as text; invalid bytes as U+FFFD."""
    if not scalar.is_valid:
        return None
    if is_text(scalar.type):
        return bytes(scalar.as_buffer()).decode("utf-8", "replace")
    return str(scalar.as_py())


def decoded_field(path: str, decoded: Decoded, rows: int) -> Field:
    """The field of decoded token ids; those of a row with several documents are named by their number there."""
    several = np.bincount(decoded.owners, minlength=rows)[decoded.owners] > 1
    return Field(
        f"{path}[]" if several.any() else path,
        documents_of(decoded.texts),
        None if decoded.owners.size == rows and not several.any() else decoded.owners,
        np.where(several, decoded.items, ALONE) if several.any() else None,
        decoded.tokens,
        decoded.first_tokens,
    )


def token_rows(array: pa.Array) -> list[Ids]:
    """The ids of each row; none for a null. Raises ArrowInvalid where they contradict themselves."""
    check_lists(array)
    empty = np.empty(0, dtype=np.int64)
    return [
        row.values.cast(pa.int64(), safe=False).fill_null(-1).to_numpy(zero_copy_only=False)
        if row.is_valid and row.values is not None
        else empty
        for row in array
    ]


def checked_texts(texts: pa.Array) -> pa.Array:
    """The array, its offsets checked: those of a hostile file may point anywhere. Invalid UTF-8 is left as it is."""
    kind = texts.type
    if pa.types.is_dictionary(kind):
        texts.validate()
        checked_texts(texts.dictionary)
        codes = texts.indices.drop_null().to_numpy(zero_copy_only=False)
        if codes.size and (codes.min() < 0 or codes.max() >= len(texts.dictionary)):
            raise pa.ArrowInvalid("a dictionary index points outside its dictionary")
    elif pa.types.is_string_view(kind):  # which has no view as bytes
        texts.validate()
        texts.cast(pa.binary_view()).validate(full=True)
    elif is_text(kind):
        as_bytes = {"string": pa.binary(), "large_string": pa.large_binary()}.get(str(kind))
        (texts if as_bytes is None else texts.view(as_bytes)).validate(full=True)
    return texts
