"""From what is stored to the texts of a batch: Arrow record batches of Parquet, Arrow files and CSV, and parsed JSON.

JSON values are taken one at a time, because JSON keeps no promise about types.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from provenance.arrays import Integers
from provenance.documents import documents_of, is_text
from provenance.shards.columns import Columns, TextPath, check_lists, is_tokens, leaves_of
from provenance.shards.shard import ALONE, BadRow, Batch, Field, Origins
from provenance.shards.tokens import Decoder, Ids

MOST_TOKEN_ID = 1 << 63


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


def parsed(data: bytes) -> Any:
    """JSON as Python values; None if it is none. Invalid UTF-8 and lone surrogates become U+FFFD."""
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return msgspec.json.decode(data)
    with suppress(ValueError, RecursionError):
        return json.loads(data.decode("utf-8", "replace"))
    return None


class JsonColumn:
    """One column of texts."""

    def __init__(self, path: TextPath, decoder: Decoder | None) -> None:
        """With a decoder, the column holds lists of token ids."""
        (self.path, self.top, self._steps), self._decoder = path, decoder

    def wrong(self, value: Any) -> bool:
        """Whether something else than text stands at the end of the path; `null` is no text, but no fault."""
        return _wrong(value, self._steps, self._decoder is not None)

    def field(self, values: Sequence[Any]) -> Field:
        """The texts of rows whose values are not wrong."""
        if self._decoder is not None:
            ids = [np.array(value if isinstance(value, list) else [], dtype=np.int64) for value in values]
            return decoded_field(self.path, self._decoder, ids)
        leaves = [leaf for owner, value in enumerate(values) for leaf in _leaves(value, self._steps, owner)]
        documents = documents_of(pa.array([encodable(text) for text, _, _ in leaves], pa.large_string()))
        if "[]" not in self._steps:
            return Field(self.path, documents)
        owners, items = np.array([leaf[1:] for leaf in leaves], dtype=np.int64).reshape(-1, 2).T.copy()
        return Field(self.path, documents, owners, items)


def _leaves(value: Any, steps: Sequence[str], owner: int, item: int = 0) -> Iterator[tuple[str | None, int, int]]:
    """The texts at the end of a path, each with its row and its number in that row's list."""
    if not steps:
        yield value, owner, item
    elif steps[0] == "[]":
        for number, inner in enumerate(value or []):
            yield from _leaves(inner, steps[1:], owner, number)
    else:
        yield from _leaves(None if value is None else value.get(steps[0]), steps[1:], owner, item)


def _wrong(value: Any, steps: Sequence[str], tokens: bool) -> bool:
    if value is None:
        return False
    if not steps and tokens:
        return not isinstance(value, list) or not all(type(n) is int and abs(n) < MOST_TOKEN_ID for n in value)
    if not steps:
        return not isinstance(value, str)
    if steps[0] == "[]":
        return not isinstance(value, list) or any(_wrong(item, steps[1:], tokens) for item in value)
    return not isinstance(value, dict) or _wrong(value.get(steps[0]), steps[1:], tokens)


def json_origins(columns: Columns, values: Callable[[str], Sequence[Any]]) -> Origins:
    """From where rows are; `values` gives those of a top-level key. What is no text there is none."""

    def texts(path: TextPath | None) -> pa.Array | None:
        return None if path is None else json_texts([_at(value, path.steps) for value in values(path.top)])

    return Origins(texts(columns.url), texts(columns.source))


def _at(value: Any, steps: Sequence[str]) -> str | None:
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def json_texts(values: Sequence[Any]) -> pa.Array:
    """Values of any type as text, such as ids."""
    texts = [None if value is None else value if isinstance(value, str) else json.dumps(value) for value in values]
    return pa.array([encodable(text) for text in texts], pa.string())


def encodable(text: str | None) -> str | None:
    """The text as UTF-8 can hold it: JSON may have lone surrogates, which become U+FFFD."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def guessed_schema(rows: Sequence[dict[str, Any]]) -> pa.Schema:
    """The type of each key by the values it has, texts before all others; `null` where they fit no type."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.schema([(name, _guessed([row.get(name) for row in rows])) for name in names])


def _guessed(values: Sequence[Any]) -> pa.DataType:
    given = [value for value in values if value is not None]
    if any(isinstance(value, str) for value in given):
        return pa.string()  # what is none is a bad row
    if dicts := [value for value in given if isinstance(value, dict)]:
        return pa.struct(list(guessed_schema(dicts)))
    if lists := [value for value in given if isinstance(value, list)]:
        return pa.list_(_guessed([item for value in lists for item in value]))
    try:
        return pa.array(given).type
    except (pa.ArrowException, OverflowError):
        return pa.null()
