"""Credited passages as an Arrow table."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from provenance.index import Index
from provenance.matching.credit import Credited
from provenance.matching.passages import Integers, Passages
from provenance.matching.texts import Documents, word_places

BLOCK = pa.struct([("doc_word", pa.int64()), ("ref_word", pa.int64()), ("words", pa.int64())])

PASSAGE = [
    ("edition_id", pa.string()),
    ("work_id", pa.string()),
    ("ref_begin", pa.int64()),  # byte offsets in the edition's text; null without texts
    ("ref_end", pa.int64()),
    ("ref_word", pa.int64()),  # first word in the edition
    ("ref_words", pa.int64()),  # words spanned in the edition
    ("matched_words", pa.int64()),  # equal and aligned
    ("identity", pa.float64()),  # matched words / alignment columns
    ("longest_run", pa.int64()),  # words
    ("blocks", pa.list_(BLOCK)),  # equal runs, which together are the whole alignment
]

MATCH_SCHEMA = pa.schema(
    [
        ("document", pa.int64()),  # index in the texts given
        ("doc_begin", pa.int64()),  # byte offsets in the document
        ("doc_end", pa.int64()),
        ("doc_word", pa.int64()),  # first word in the document
        ("doc_words", pa.int64()),  # words spanned in the document
        *PASSAGE,
        ("estimated", pa.bool_()),  # from seeds alone, because the index has no texts
        ("also", pa.list_(pa.struct(PASSAGE))),  # other editions and works with the same passage, best first
    ]
)


class Found(NamedTuple):
    """The matches of a batch, and where they lie in the bytes of its documents."""

    credited: Credited
    doc_begins: Integers
    doc_ends: Integers


def locate(texts: Documents, credited: Credited) -> Found:
    """Add the byte offsets of the passages in their documents."""
    passages = credited.passages
    documents, numbers = np.unique(passages.documents, return_inverse=True)
    places = word_places(texts, documents)
    last = places.starts[numbers + 1] - 1  # an estimated passage may end behind the text
    begins = places.starts[numbers] + passages.doc_begins
    ends = np.minimum(places.starts[numbers] + passages.doc_ends - 1, last)
    shortened = passages._replace(doc_ends=passages.doc_begins + ends - begins + 1)
    found = places.begins[begins].astype(np.int64), places.ends[ends].astype(np.int64)
    return Found(credited._replace(passages=shortened), *found)


def match_table(index: Index, found: Found) -> pa.Table:
    """Matches as MATCH_SCHEMA, with null for `ref_begin` and `ref_end`."""
    passages = found.credited.passages
    also = pa.ListArray.from_arrays(
        _column(found.credited.also_starts.astype(np.int32)),
        pa.StructArray.from_arrays(
            _columns(index, found.credited.also), fields=[pa.field(*field) for field in PASSAGE]
        ),
    )
    columns = [
        _column(passages.documents),
        _column(found.doc_begins),
        _column(found.doc_ends),
        _column(passages.doc_begins),
        _column(passages.doc_ends - passages.doc_begins),
        *_columns(index, passages),
        pa.repeat(not index.has_texts, passages.documents.size),
        also,
    ]
    return pa.table(columns, schema=MATCH_SCHEMA)


def _columns(index: Index, passages: Passages) -> list[pa.Array]:
    """The columns of PASSAGE."""
    count = passages.editions.size
    editions = _column(passages.editions)
    nowhere = pa.nulls(count, pa.int64())
    return [
        pc.take(index.editions["edition_id"].combine_chunks(), editions),
        pc.take(index.editions["work_id"].combine_chunks(), editions),
        nowhere,
        nowhere,
        _column(passages.ref_begins),
        _column(passages.ref_ends - passages.ref_begins),
        _column(passages.matched),
        _column(passages.identity),
        _column(passages.longest),
        _block_lists(passages),
    ]


def _column(values: npt.NDArray[Any]) -> pa.Array:
    """The array without a copy; `pa.array` looks for pandas at every call, which costs more than this."""
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), values.size, [None, pa.py_buffer(values)])


def _block_lists(passages: Passages) -> pa.ListArray:
    counts = passages.block_counts
    starts = np.concatenate([[0], np.cumsum(counts)])
    blocks = passages.blocks[np.arange(starts[-1]) + np.repeat(passages.block_firsts - starts[:-1], counts)]
    sides = [_column(np.ascontiguousarray(blocks[:, side])) for side in range(3)]
    return pa.ListArray.from_arrays(
        _column(starts.astype(np.int32)), pa.StructArray.from_arrays(sides, fields=list(BLOCK))
    )


def with_places(index: Index, matches: pa.Table) -> pa.Table:
    """The matches with `ref_begin` and `ref_end`, of their passages and of those under `also`.

    Reads and cuts each stretch of the editions' texts once, so call it for many matches at a time.
    """
    if not index.has_texts or not matches.num_rows:
        return matches
    matches = matches.combine_chunks()
    also = matches["also"].combine_chunks() if isinstance(matches["also"], pa.ChunkedArray) else matches["also"]
    others = also.flatten()
    ids = pc.index_in(
        pa.concat_arrays([_plain(matches["edition_id"]), others.field("edition_id")]),
        index.editions["edition_id"].combine_chunks(),
    ).to_numpy()
    words, spans = (
        np.concatenate([_plain(matches[name]).to_numpy(), others.field(name).to_numpy()])
        for name in ("ref_word", "ref_words")
    )
    first = index.first_words[ids] + words
    places = np.concatenate([first, first + spans - 1])
    begins, ends = index.texts.places(places)
    begin, end = begins[: ids.size], ends[ids.size :]
    own = matches.num_rows
    for name, values in (("ref_begin", begin), ("ref_end", end)):
        column = matches.column_names.index(name)
        matches = matches.set_column(column, matches.schema.field(name), pa.array(values[:own]))
    fields = [pa.field(*field) for field in PASSAGE]
    new = {"ref_begin": pa.array(begin[own:]), "ref_end": pa.array(end[own:])}
    struct = pa.StructArray.from_arrays([new.get(f.name, others.field(f.name)) for f in fields], fields=fields)
    lists = pa.ListArray.from_arrays(_list_offsets(also), struct)
    return matches.set_column(matches.column_names.index("also"), matches.schema.field("also"), lists)


def _list_offsets(lists: pa.ListArray) -> pa.Array:
    """Offsets into `lists.flatten()`, which begins at the first list."""
    lengths: npt.NDArray[np.int64] = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())


def _plain(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()
