"""What is to be done with the rows of one shard, and what was done: the same for every format."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from provenance.cleaning.masking import Integers, Passages, Span, joined_spans, located, with_leaves
from provenance.cleaning.selection import PASSAGES
from provenance.documents import Documents
from provenance.errors import ShardError
from provenance.matching.annotations import annotations_of, word_counts
from provenance.shards.shard import ALONE, Field

DROP, MASK, ANNOTATE = "drop", "mask", "annotate"
MODES = (DROP, MASK, ANNOTATE)
DONE = {DROP: "row dropped", MASK: "span masked", ANNOTATE: "row annotated"}

DONE_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),  # in the shard that was scanned
        ("new_row", pa.int64()),  # in the new one; null for a row that is dropped
        ("done", pa.string()),
        *[PASSAGES.field(name) for name in PASSAGES.names if name not in ("row", "blocks")],
    ]
)
"""A row for each passage that a row was dropped for, or that was masked or annotated."""

Spans = dict[str, dict[int, list[Span]]]  # by path of a column, and by text


class Texts(NamedTuple):
    """The texts of some rows in one column, by path, as `Field` has them."""

    path: str
    documents: Documents
    rows: Integers  # of each text, its row in the file
    items: Integers | None  # and its number in that row's list

    @classmethod
    def of(cls, field: Field, rows: Integers) -> Self:
        """The texts of some rows, by their numbers in the file."""
        return cls(field.column, field.documents, rows if field.owners is None else rows[field.owners], field.items)


@dataclass
class Edits:
    """The passages of a shard, and what is done with the rows that have some."""

    shard: str  # its name, for messages
    mode: str
    marker: bytes
    passages: pa.Table  # of PASSAGES, rows rising
    rows: int = 0  # met so far, each once
    kept: int = 0  # of them are in the new shard
    changed: int = 0  # of these have something masked, or passages noted
    spans: int = 0  # masked
    done: list[pa.Table] = field(default_factory=list)  # of DONE_SCHEMA

    def __post_init__(self) -> None:
        self._rows: Integers = self.passages["row"].to_numpy()

    def between(self, first: int, end: int) -> pa.Table:
        """The passages of rows `first` to `end`, the latter not included."""
        low, high = np.searchsorted(self._rows, [first, end]).tolist()
        return self.passages.slice(low, high - low)

    @property
    def untouched(self) -> int:
        """Passages of rows that were never met."""
        return int(self.passages.num_rows - sum(table.num_rows for table in self.done))

    def place(self, passages: pa.Table, texts: Sequence[Texts]) -> tuple[pa.Table, Spans]:
        """Find passages in texts: they come with all their bytes, and by path and text, which bytes that are.

        Raises ShardError for a passage whose text is not there: it could not be masked, and would count as if it were.
        """
        begins, ends = (
            passages[name].fill_null(-1).to_numpy().astype(np.int64, copy=True) for name in ("doc_begin", "doc_end")
        )
        labels, rows = passages["text_column"].to_pylist(), passages["row"].to_numpy()
        spans, there = Spans(), 0
        for column in texts:
            items = [item_of(label, column.path) for label in labels]
            mine = np.array([n for n, item in enumerate(items) if item is not None], dtype=np.int64)
            if not mine.size:
                continue
            wanted = np.array([items[n] for n in mine.tolist()], dtype=np.int64)
            numbers = _numbers(column, rows[mine], wanted)
            mine, numbers = mine[numbers >= 0], numbers[numbers >= 0]
            there += mine.size
            first, end = (passages[name].to_numpy()[mine] for name in ("doc_word", "doc_word_end"))
            of_column = Passages(numbers, first, end, begins[mine], ends[mine])
            begins[mine], ends[mine] = located(column.documents, of_column)
            spans[column.path] = joined_spans(numbers, begins[mine], ends[mine])
        if there != passages.num_rows:
            raise ShardError(
                f"shard {self.shard}: {passages.num_rows - there} passages lie in texts that it does not have, in rows "
                f"{rows[0]} to {rows[-1]}"
            )
        for name, places in (("doc_begin", begins), ("doc_end", ends)):
            at = passages.schema.get_field_index(name)
            passages = passages.set_column(at, name, pa.array(places, mask=places < 0))
        return passages, spans

    def note(self, placed: pa.Table, new_rows: pa.Array) -> None:
        """Note what was done with some passages; `new_rows` has the row of each in the new shard."""
        table = placed.append_column("new_row", new_rows)
        table = table.append_column("done", pa.repeat(DONE[self.mode], placed.num_rows))
        self.done.append(table.select(DONE_SCHEMA.names).cast(DONE_SCHEMA))

    def done_table(self) -> pa.Table:
        """All that was noted."""
        return pa.concat_tables(self.done) if self.done else DONE_SCHEMA.empty_table()


def _numbers(column: Texts, rows: Integers, items: Integers) -> Integers:
    """The number of the text of each row and item; -1 where there is none."""
    if column.items is None:
        return np.where(np.isin(rows, column.rows), np.searchsorted(column.rows, rows), -1)
    number_of = {key: n for n, key in enumerate(zip(column.rows.tolist(), column.items.tolist(), strict=True))}
    return np.array([number_of.get(key, -1) for key in zip(rows.tolist(), items.tolist(), strict=True)], dtype=np.int64)


def refuse_tokens(field: Field, shard: str) -> None:
    """Raise ShardError for a column whose texts were decoded: there are no bytes to mask."""
    if field.tokens is not None:
        raise ShardError(
            f"column {field.column} of shard {shard} holds token ids, in which nothing can be masked: use --mode drop"
        )


def item_of(label: str, path: str) -> int | None:
    """The number in its row's list of a text that is called `label`, in a column of this path; ALONE where the path
    has no list, None for a text of another column.
    """
    if "[]" not in path:
        return ALONE if label == path else None
    before, after = path.split("[]", 1)
    if label == before + after:
        return ALONE
    match = re.fullmatch(re.escape(before) + r"\[(\d+)\]" + re.escape(after), label)
    return int(match[1]) if match else None


def annotations_in(placed: pa.Table, texts: Sequence[Texts], first: int, rows: int) -> pa.RecordBatch:
    """What passages say of `rows` rows from `first` on, as PROV_SCHEMA; `placed` are passages with their bytes.

    Words of a row are those of all its texts, one after another.
    """
    own = placed.filter(pc.not_equal(placed["role"], "also"))  # another edition of a work says nothing more of a row
    document = own["row"].to_numpy() - first
    words = np.zeros(rows, dtype=np.int64)
    before = np.zeros(own.num_rows, dtype=np.int64)  # words of the row before the text that a passage is in
    labels = own["text_column"].to_pylist()
    for column in texts:
        owners = column.rows - first
        wanted = np.flatnonzero(np.isin(owners, document))
        counts = word_counts([column.documents], wanted)
        for text in wanted.tolist():
            owner = int(owners[text])
            for n in np.flatnonzero(document == owner).tolist():
                item = item_of(labels[n], column.path)
                if item is not None and (column.items is None or item == column.items[text]):
                    before[n] = words[owner]
            words[owner] += counts[text]
    return annotations_of(_as_matches(own, document, before), words)


def _as_matches(passages: pa.Table, document: Integers, before: Integers) -> pa.Table:
    """Passages as matches of whole rows: their blocks are counted from the first word of the row."""
    blocks = passages["blocks"].combine_chunks()
    owners = pc.list_parent_indices(blocks).to_numpy()
    doc_words = pc.struct_field(blocks.flatten(), "doc_word").to_numpy() + before[owners]
    same = ("doc_begin", "doc_end", "work_id", "edition_id", "matched_words", "identity")
    return pa.table(
        {
            "document": pa.array(document),
            "column": passages["text_column"],
            **{name: passages[name] for name in same},
            "blocks": with_leaves(blocks, ["[]", "doc_word"], pa.array(doc_words)),
        }
    )
