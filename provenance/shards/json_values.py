"""From parsed JSON values to the texts of a batch, one value at a time, because JSON keeps no promise about types."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from provenance.documents import documents_of
from provenance.shards.columns import Columns, TextPath
from provenance.shards.fields import decoded_field
from provenance.shards.shard import Field, Origins
from provenance.shards.tokens import Decoder

MOST_TOKEN_ID = 1 << 63


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
