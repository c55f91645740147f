"""Which columns of a shard are scanned, and how their texts are taken out of strings, structs and lists.

A column is named by its path: `text`, `meta.body`, `messages[].content`. `[]` stands for every item of a list.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import replace

from provenance.arrays import Integers
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
    steps: tuple[str, ...]  # names of fields, and `[]` for the items of a list


class Columns(Item, frozen=True):
    """The columns of a shard that are read: those of texts or token ids, the name of the one with ids, and those that
    say from where a document is.
    """

    paths: tuple[TextPath, ...]
    id: str | None
    url: TextPath | None = None
    source: TextPath | None = None  # the collection that a document belongs to

    @property
    def texts(self) -> tuple[str, ...]:
        """The paths of the texts as they are written."""
        return tuple(path.path for path in self.paths)

    def names(self, leaves: bool = False) -> list[str]:
        """The top-level columns to read, each once.

        With `leaves` of the columns of origins only the field that is read, as a reader of Parquet can.
        """
        origins = [path.path if leaves else path.top for path in (self.url, self.source) if path]
        return list(dict.fromkeys([*(path.top for path in self.paths), *([self.id] if self.id else ()), *origins]))


def choose_columns(schema: pa.Schema, name: str, asked: Reading, tokenizer: bool = False) -> Columns:
    """The columns asked for, or the first known names; raises TextColumnError naming the columns there are."""
    names = schema.names
    if not names:
        raise TextColumnError(f"shard {name} has no columns")
    one = ("id_column", "url_column", "source_column")
    wanted = [(text, "text_columns") for text in asked.text_columns] + [(getattr(asked, field), field) for field in one]
    for path, field in wanted:
        if path and names.count(top := text_path(path, names).top) != 1:
            how = "no column" if top not in names else "more than one column"
            raise TextColumnError(f"shard {name} has {how} {top} ({FLAGS[field]}); it has {describe(schema)}")
    chosen = dict.fromkeys(_asked(schema, name, text, tokenizer) for text in asked.text_columns)
    paths = tuple(text_path(path, names) for path in chosen or (_by_name(schema, name, tokenizer),))
    unusable = [path.top for path in paths] + [field.name for field in schema if pa.types.is_nested(field.type)]
    usual = (column for column in ID_COLUMNS if names.count(column) == 1 and column not in unusable)
    columns = Columns(paths, asked.id_column or next(usual, None))
    url = _origin(schema, name, asked, "url_column", URL_COLUMNS, columns)
    return replace(columns, url=url, source=_origin(schema, name, asked, "source_column", SOURCE_COLUMNS, columns))


def _origin(
    schema: pa.Schema, name: str, asked: Reading, field: str, usual: Sequence[str], columns: Columns
) -> TextPath | None:
    """The column of URLs or collections: plain text, not in a list. One that only looks like it is passed over."""
    wanted: str | None = getattr(asked, field)
    if wanted is not None and not is_plain(wanted, schema):
        there = f"it has {describe(schema)}"
        raise TextColumnError(f"column {wanted} of shard {name} holds no text ({FLAGS[field]}); {there}")
    tops, texts = {name.partition(".")[0] for name in schema.names}, columns.texts  # few of the usual can be there
    likely = [path for path in usual if path.partition(".")[0] in tops and path not in texts]
    path = wanted or next((path for path in likely if is_plain(path, schema)), None)
    return None if path is None else text_path(path, schema.names)


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
        remedy = "pass --tokenizer tokenizer.json to decode them"
        raise TextColumnError(f"shard {name} has token ids in {tokens} and no text: {remedy}")
    raise TextColumnError(f"shard {name} has no text column; it has {describe(schema)}: pass --text-column NAME")


def describe(schema: pa.Schema) -> str:
    """Names and types of the columns, those that could be scanned first, for a message of bearable length."""
    fields = sorted(schema, key=lambda field: not is_text(field.type))
    shown = ", ".join(f"{field.name[:MOST_NAME]} ({str(field.type)[:MOST_NAME]})" for field in fields[:MOST_COLUMNS])
    return shown if len(fields) <= MOST_COLUMNS else f"{shown} and {len(fields) - MOST_COLUMNS} more"


def text_path(path: str, names: Sequence[str]) -> TextPath:
    """A path taken apart. It begins in the column with the longest name that fits: names may look like paths."""
    fitting = [name for name in names if path == name or path.startswith((name + ".", name + "[]"))]
    top = max(fitting, key=len, default=re.split(r"\[\]|\.", path, maxsplit=1)[0])
    return TextPath(path, top, tuple(step for step in re.split(r"(\[\])|\.", path[len(top) :]) if step))


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
    kind = leaf_type(path, schema)
    while kind is not None and not is_text(kind) and not is_tokens(kind):
        if is_list(kind):
            path, kind = path + "[]", kind.value_type
        elif pa.types.is_struct(kind):
            fields = [(name, _step(kind, name)) for name in INSIDE]
            inside, kind = next((field for field in fields if _may_hold_text(field[1])), ("", None))
            path = f"{path}.{inside}"
        else:
            kind = None
    return None if kind is None or path.count("[]") > 1 else path


def _may_hold_text(kind: pa.DataType | None) -> bool:
    return kind is not None and bool(is_text(kind) or is_list(kind) or pa.types.is_struct(kind))


def _step(kind: pa.DataType | None, step: str) -> pa.DataType | None:
    if kind is None or step == "[]":
        return kind.value_type if kind is not None and is_list(kind) else None
    return kind.field(step).type if pa.types.is_struct(kind) and kind.get_field_index(step) >= 0 else None


def leaf_type(path: str, schema: pa.Schema) -> pa.DataType | None:
    """The type at the end of a path; None if it leads nowhere."""
    _, top, steps = text_path(path, schema.names)
    kind = schema.field(top).type if schema.names.count(top) == 1 else None
    for step in steps:
        kind = _step(kind, step)
    return kind


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is any of Arrow's lists."""
    types = pa.types
    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(lists or types.is_list_view(kind) or types.is_large_list_view(kind))


def is_tokens(kind: pa.DataType) -> bool:
    """Whether a type is a list of integers: token ids."""
    return is_list(kind) and bool(pa.types.is_integer(kind.value_type))


class Leaves(NamedTuple):
    """The values at the end of a path. Without `owners` there is one a row."""

    values: pa.Array
    owners: Integers | None  # row of each value, ascending
    items: Integers | None  # its number in that row's list


def leaves_of(array: pa.Array, steps: Sequence[str]) -> Leaves:
    """Follow a path through an array; raises ArrowInvalid where lists contradict themselves."""
    owners = items = None
    for step in steps:
        if step == "[]":
            array, owners, items = _flattened(array)
        else:
            array = pc.struct_field(array, [array.type.get_field_index(step)])
    return Leaves(array, owners, items)


def _flattened(array: pa.Array) -> tuple[pa.Array, Integers, Integers]:
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
