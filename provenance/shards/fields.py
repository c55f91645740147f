"""From Arrow record batches to batches of texts: the same for Parquet, Arrow files and CSV."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from provenance.arrays import Integers
from provenance.documents import documents_of, is_text
from provenance.shards.columns import Columns, TextPath, check_lists, is_tokens, leaves_of
from provenance.shards.shard import ALONE, BadRow, Batch, Field, Origins
from provenance.shards.tokens import Decoder, Ids


def batch_of(
    stored: pa.RecordBatch, columns: Columns, rows: Integers, decoder: Decoder | None, group: int | None,
    bad: Sequence[BadRow] = (),
) -> Batch:  # fmt: skip
    """What is read of stored rows with these numbers; raises ArrowInvalid where they contradict themselves."""
    fields, ids = fields_of(stored, columns, decoder), _ids_of(stored, columns)
    return Batch(group, rows, fields, ids, bad, Origins(_plain(stored, columns.url), _plain(stored, columns.source)))


def fields_of(batch: pa.RecordBatch, columns: Columns, decoder: Decoder | None) -> list[Field]:
    """The texts of all columns that are scanned; raises ArrowInvalid where the data contradict themselves."""
    fields = []
    for path, top, steps in columns.paths:
        values, owners, items = leaves_of(batch.column(batch.schema.get_field_index(top)), steps)
        if is_tokens(values.type) and decoder is not None:
            fields.append(decoded_field(path, decoder, _token_rows(values)))
        else:
            fields.append(Field(path, documents_of(_checked(values)), owners, items))
    return fields


def _ids_of(batch: pa.RecordBatch, columns: Columns) -> pa.Array | None:
    if columns.id is None:
        return None
    ids = batch.column(batch.schema.get_field_index(columns.id))
    if is_text(ids.type):
        return _checked(ids)
    ids.validate(full=pa.types.is_nested(ids.type))
    return ids


def _plain(batch: pa.RecordBatch, path: TextPath | None) -> pa.Array | None:
    """The texts at a path as strings; invalid bytes as U+FFFD."""
    if path is None:
        return None
    texts = _checked(leaves_of(batch.column(batch.schema.get_field_index(path.top)), path.steps).values)
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


def decoded_field(path: str, decoder: Decoder, rows: Sequence[Ids]) -> Field:
    """The field of rows of token ids; the documents of a row with several are named by their number there."""
    spans = [(owner, item, *span) for owner, ids in enumerate(rows) for item, span in enumerate(decoder.spans(ids))]
    owners, items, firsts, _ = np.array(spans, dtype=np.int64).reshape(-1, 4).T.copy()
    pieces = [rows[owner][begin:end] for owner, _, begin, end in spans]
    texts = documents_of(pa.array(decoder.texts(pieces), pa.large_string()))
    several = np.bincount(owners, minlength=len(rows))[owners] > 1
    if several.any():
        return Field(f"{path}[]", texts, owners, np.where(several, items, ALONE), pieces, firsts)
    return Field(path, texts, None if owners.size == len(rows) else owners, None, pieces, firsts)


def _token_rows(array: pa.Array) -> list[Ids]:
    """The ids of each row; none for a null. Raises ArrowInvalid where they contradict themselves."""
    check_lists(array)
    none = pa.array([], pa.int64())
    rows = (row.values if row.is_valid and row.values is not None else none for row in array)
    return [row.cast(pa.int64(), safe=False).fill_null(-1).to_numpy(zero_copy_only=False) for row in rows]


def _checked(texts: pa.Array) -> pa.Array:
    """The array, its offsets checked: those of a hostile file may point anywhere. Invalid UTF-8 is left as it is."""
    kind = texts.type
    if pa.types.is_dictionary(kind):
        texts.validate()
        _checked(texts.dictionary)
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
