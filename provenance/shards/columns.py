"""Which columns of a shard are scanned, and how their texts are taken out of strings, structs and lists.

A column is named by its path: `text`, `meta.body`, `messages[].content`. `[]` stands for every item of a list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from provenance.documents import is_text
from provenance.errors import TextColumnError
from provenance.isolation.tasks import Item
from provenance.options.field import flags_of
from provenance.shards.reading import Reading

TEXT_COLUMNS = ("text", "content", "raw_content", "body", "document")
CHAT_COLUMNS = ("messages", "conversations", "conversation")
TOKEN_COLUMNS = ("input_ids", "tokens", "token_ids")
ID_COLUMNS = ("id", "doc_id", "document_id", "_id", "__key__", "url", "warc_record_id")
INSIDE = ("content", "text", "value")  # fields of a struct that hold its text
URL_COLUMNS = ("url", "uri", "source_url", "page_url", "warc_target_uri", "metadata.url", "meta.url")
SOURCE_COLUMNS = (
    "source", "dataset", "subset", "collection", "data_source", "metadata.source", "meta.source", "meta.pile_set_name",
    "meta.redpajama_set_name",
)  # fmt: skip
FLAGS = flags_of(Reading)
MOST_COLUMNS, MOST_NAME = 16, 40  # columns, and characters of each, that a message names


class TextPath(NamedTuple):
    """Where values are: the column they begin in, and the steps from there."""

    path: str
    top: str
    steps: list[str]  # names of fields, and `[]` for the items of a list


class Columns(Item, frozen=True):
    """The columns of a shard that are read: paths of texts or token ids, the name of the one with ids, and the paths
    of those that say from where a document is.
    """

    texts: tuple[str, ...]
    id: str | None
    tops: tuple[str, ...]  # the column that each path begins in
    url: str | None = None
    source: str | None = None  # the collection that a document belongs to
    url_top: str | None = None
    source_top: str | None = None

    @property
    def paths(self) -> list[TextPath]:
        """The paths, taken apart."""
        return [TextPath(p, top, _split(p[len(top) :])) for p, top in zip(self.texts, self.tops, strict=True)]

    @property
    def origins(self) -> tuple[TextPath | None, TextPath | None]:
        """The paths of URL and collection, taken apart."""
        url, source = (
            None if path is None or top is None else TextPath(path, top, _split(path[len(top) :]))
            for path, top in ((self.url, self.url_top), (self.source, self.source_top))
        )
        return url, source

    def names(self) -> list[str]:
        """The top-level columns to read, each once."""
        return list(dict.fromkeys(name for name in (*self.tops, self.id, self.url_top, self.source_top) if name))

    def leaves(self) -> list[str]:
        """The same, but of the columns of origins only the field that is read, as a reader of Parquet can."""
        origins = [path.path for path in self.origins if path is not None]
        return list(dict.fromkeys(name for name in (*self.tops, self.id, *origins) if name))


def choose_columns(schema: pa.Schema, name: str, asked: Reading, tokenizer: bool = False) -> Columns:
    """The columns asked for, or the first known names; raises TextColumnError naming the columns there are."""
    names = schema.names
    if not names:
        raise TextColumnError(f"shard {name} has no columns")
    for wanted, option in _asked_for(asked):
        if names.count(top := top_of(wanted, names)) != 1:
            how = "no column" if top not in names else "more than one column"
            raise TextColumnError(f"shard {name} has {how} {top} ({option}); it has {describe(schema)}")
    chosen = tuple(dict.fromkeys(_asked(schema, name, text, tokenizer) for text in asked.text_columns))
    if not chosen:
        chosen = (_by_name(schema, name, tokenizer),)
    tops = tuple(top_of(path, names) for path in chosen)
    id_column = asked.id_column or next(
        (n for n in ID_COLUMNS if names.count(n) == 1 and n not in tops and not _nested(schema, n)), None
    )
    url, source = (
        _origin(schema, name, wanted, usual, option, chosen)
        for wanted, usual, option in (
            (asked.url_column, URL_COLUMNS, FLAGS["url_column"]),
            (asked.source_column, SOURCE_COLUMNS, FLAGS["source_column"]),
        )
    )
    url_top, source_top = (None if path is None else top_of(path, names) for path in (url, source))
    return Columns(chosen, id_column, tops, url, source, url_top, source_top)


def _asked_for(asked: Reading) -> list[tuple[str, str]]:
    """The columns that somebody asked for, each with the option that asks for it."""
    names = ("id_column", "url_column", "source_column")
    one = [(getattr(asked, name), FLAGS[name]) for name in names if getattr(asked, name)]
    return [(text, FLAGS["text_columns"]) for text in asked.text_columns] + one


def _origin(
    schema: pa.Schema, name: str, wanted: str | None, usual: Sequence[str], option: str, texts: Sequence[str]
) -> str | None:
    """The column of URLs or collections: plain text, not in a list. One that only looks like it is passed over."""
    if wanted is not None:
        if not is_plain(wanted, schema):
            raise TextColumnError(
                f"column {wanted} of shard {name} holds no text ({option}); it has {describe(schema)}"
            )
        return wanted
    return next((path for path in usual if path not in texts and is_plain(path, schema)), None)


def is_plain(path: str, schema: pa.Schema) -> bool:
    """Whether one text a row stands at the end of a path, and no list on the way."""
    return "[]" not in path and completed(path, schema) == path and is_text(leaf_type(path, schema))


def _asked(schema: pa.Schema, name: str, text: str, tokenizer: bool) -> str:
    path = completed(text, schema)
    if path is None:
        raise TextColumnError(f"column {text} of shard {name} holds no text; it has {describe(schema)}")
    if is_tokens(leaf_type(path, schema)) and not tokenizer:
        raise TextColumnError(f"column {text} of shard {name} holds token ids: pass --tokenizer tokenizer.json")
    return path


def _by_name(schema: pa.Schema, name: str, tokenizer: bool) -> str:
    tokens = None
    for candidate in TEXT_COLUMNS + CHAT_COLUMNS + TOKEN_COLUMNS:
        if schema.names.count(candidate) == 1 and (path := completed(candidate, schema)) is not None:
            if not is_tokens(leaf_type(path, schema)) or tokenizer:
                return path
            tokens = tokens or candidate
    if tokens:
        raise TextColumnError(
            f"shard {name} has token ids in {tokens} and no text: pass --tokenizer tokenizer.json to decode them"
        )
    raise TextColumnError(f"shard {name} has no text column; it has {describe(schema)}: pass --text-column NAME")


def _nested(schema: pa.Schema, name: str) -> bool:
    return bool(pa.types.is_nested(schema.field(name).type))


def describe(schema: pa.Schema) -> str:
    """Names and types of the columns, those that could be scanned first, for a message of bearable length."""
    fields = sorted(schema, key=lambda field: not is_text(field.type))
    shown = ", ".join(f"{field.name[:MOST_NAME]} ({str(field.type)[:MOST_NAME]})" for field in fields[:MOST_COLUMNS])
    return shown if len(fields) <= MOST_COLUMNS else f"{shown} and {len(fields) - MOST_COLUMNS} more"


def top_of(path: str, names: Sequence[str]) -> str:
    """The column that a path begins in: the longest name that fits, because names may look like paths."""
    fitting = [name for name in names if path == name or path.startswith((name + ".", name + "[]"))]
    return max(fitting, key=len, default=re.split(r"\[\]|\.", path, maxsplit=1)[0])


def steps_of(path: str, names: Sequence[str]) -> list[str]:
    """The steps from a column to its texts."""
    return _split(path[len(top_of(path, names)) :])


def _split(rest: str) -> list[str]:
    return [step for step in re.split(r"(\[\])|\.", rest) if step]


def check_names(schema: pa.Schema) -> None:
    """Raise UnicodeDecodeError where a name is no UTF-8, at any depth: it would be met wherever names are looked at."""
    fields = list(schema)
    while fields:
        field = fields.pop()
        _, kind = field.name, field.type
        while hasattr(kind, "value_type"):  # of lists and dictionaries
            kind = kind.value_type
        fields += [kind.field(number) for number in range(kind.num_fields)] if pa.types.is_struct(kind) else []


def completed(path: str, schema: pa.Schema) -> str | None:
    """The path with what it leaves unsaid, such as `messages[].content` for `messages`; None if no text is there."""
    names = schema.names
    if names.count(top_of(path, names)) != 1:
        return None
    kind: pa.DataType | None = schema.field(top_of(path, names)).type
    for step in steps_of(path, names):
        kind = _step(kind, step)
        if kind is None:
            return None
    while kind is not None and not is_text(kind) and not is_tokens(kind):
        if is_list(kind):
            path, kind = path + "[]", kind.value_type
        elif pa.types.is_struct(kind):
            inside = next((n for n in INSIDE if kind.get_field_index(n) >= 0 and _holds_text(kind.field(n).type)), None)
            path, kind = f"{path}.{inside}", _step(kind, inside) if inside else None
        else:
            kind = None
    return None if kind is None or path.count("[]") > 1 else path


def _holds_text(kind: pa.DataType) -> bool:
    return is_text(kind) or is_list(kind) or bool(pa.types.is_struct(kind))


def _step(kind: pa.DataType | None, step: str) -> pa.DataType | None:
    if kind is None or (step == "[]" and not is_list(kind)) or (step != "[]" and not pa.types.is_struct(kind)):
        return None
    if step == "[]":
        return kind.value_type
    return kind.field(step).type if kind.get_field_index(step) >= 0 else None


def leaf_type(path: str, schema: pa.Schema) -> pa.DataType:
    """The type at the end of a completed path."""
    kind = schema.field(top_of(path, schema.names)).type
    for step in steps_of(path, schema.names):
        kind = _step(kind, step)
    return kind


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is any of Arrow's lists."""
    tests = (
        pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list,
        pa.types.is_list_view, pa.types.is_large_list_view,
    )  # fmt: skip
    return any(test(kind) for test in tests)


def is_tokens(kind: pa.DataType) -> bool:
    """Whether a type is a list of integers: token ids."""
    return is_list(kind) and bool(pa.types.is_integer(kind.value_type))


@dataclass(frozen=True)
class Leaves:
    """The values at the end of a path. Without `owners` there is one a row."""

    values: pa.Array
    owners: npt.NDArray[np.int64] | None = None  # row of each value, ascending
    items: npt.NDArray[np.int64] | None = None  # its number in that row's list


def leaves_of(array: pa.Array, steps: Sequence[str]) -> Leaves:
    """Follow a path through an array; raises ArrowInvalid where lists contradict themselves."""
    owners = items = None
    for step in steps:
        if step == "[]":
            array, owners, items = _flattened(array)
        else:
            array = pc.struct_field(array, [array.type.get_field_index(step)])
    return Leaves(array, owners, items)


def _flattened(array: pa.Array) -> tuple[pa.Array, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The items of all lists of an array, the row of each, and its number there."""
    check_lists(array)
    sizes = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    owners = np.repeat(np.arange(len(array), dtype=np.int64), sizes)
    firsts = np.cumsum(sizes) - sizes
    return pc.list_flatten(array), owners, np.arange(owners.size, dtype=np.int64) - np.repeat(firsts, sizes)


def check_lists(array: pa.Array) -> None:
    """Raise ArrowInvalid for offsets that point elsewhere: Arrow's full validation would also refuse invalid UTF-8."""
    array.validate()
    kind = array.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        offsets = array.offsets.to_numpy(zero_copy_only=False)
        if offsets.size and (offsets[0] < 0 or np.any(np.diff(offsets) < 0) or offsets[-1] > len(array.values)):
            raise pa.ArrowInvalid("the offsets of its lists contradict one another")
    elif not pa.types.is_fixed_size_list(kind):
        array.validate(full=True)
