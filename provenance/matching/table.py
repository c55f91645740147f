"""Credited passages as an Arrow table."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from provenance.arrays import Integers
from provenance.index.opening import Index
from provenance.matching.matches import Matches, edges, ranges
from provenance.matching.passages import Passages

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
    ("matched_low", pa.int64()),  # 95 % intervals of estimates; null where texts were compared
    ("matched_high", pa.int64()),
    ("identity_low", pa.float64()),
    ("identity_high", pa.float64()),
    ("longest_run", pa.int64()),  # words
    ("score", pa.float64()),  # of the best piece: +1 a matched word, -0.5 a replaced, -1 an extra one; see `chance`
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
        ("also", pa.list_(pa.struct(PASSAGE))),  # other editions of the work with the same passage, best first
        ("shared", pa.list_(pa.struct(PASSAGE))),  # editions of other works with the same passage, best first
    ]
)


def match_table(index: Index, matches: Matches) -> pa.Table:
    """Matches as MATCH_SCHEMA.

    Each stretch of the editions' texts that holds one is read and cut once a call, so give it many at a time.
    """
    passages, others, starts = matches.credited
    begins, ends = _places(index, passages, others)
    own = passages.documents.size
    owners, works = np.repeat(np.arange(own), np.diff(starts)), index.work_numbers
    same = works[others.editions] == works[passages.editions[owners]]
    also, shared = (
        _lists(index, others, begins[own:], ends[own:], owners, np.flatnonzero(chosen), own) for chosen in (same, ~same)
    )
    columns = [
        as_arrow(passages.documents),
        as_arrow(matches.doc_begins),
        as_arrow(matches.doc_ends),
        as_arrow(passages.doc_begins),
        as_arrow(passages.doc_ends - passages.doc_begins),
        *_columns(index, passages, begins[:own], ends[:own]),
        pa.repeat(not index.has_texts, own),
        also,
        shared,
    ]
    return pa.table(columns, schema=MATCH_SCHEMA)


def _lists(
    index: Index, others: Passages, begins: Integers, ends: Integers, owners: Integers, rows: Integers, own: int
) -> pa.ListArray:
    """Some of the passages that stand beside others, as a list for each of those."""
    columns = _columns(index, others.take(rows), begins[rows], ends[rows])
    structs = pa.StructArray.from_arrays(columns, fields=[pa.field(*field) for field in PASSAGE])
    return lists(np.bincount(owners[rows], minlength=own), structs)


def _places(index: Index, *passages: Passages) -> tuple[Integers, Integers]:
    """Byte offsets of passages in their editions' texts; of no meaning without texts."""
    editions, firsts, lasts = (
        np.concatenate([getattr(part, name) for part in passages]) for name in ("editions", "ref_begins", "ref_ends")
    )
    if not index.has_texts:
        return firsts, lasts
    origin = index.first_words[editions]
    begins, ends = index.texts.places(np.concatenate([origin + firsts, origin + lasts - 1]))
    return begins[: editions.size], ends[editions.size :]


def _columns(index: Index, passages: Passages, begins: Integers, ends: Integers) -> list[pa.Array]:
    """The columns of PASSAGE."""
    nowhere, unknown = (pa.nulls(passages.editions.size, kind) for kind in (pa.int64(), pa.float64()))
    editions = as_arrow(passages.editions)
    return [
        pc.take(index.editions["edition_id"].combine_chunks(), editions),
        pc.take(index.editions["work_id"].combine_chunks(), editions),
        as_arrow(begins) if index.has_texts else nowhere,
        as_arrow(ends) if index.has_texts else nowhere,
        as_arrow(passages.ref_begins),
        as_arrow(passages.ref_ends - passages.ref_begins),
        as_arrow(passages.matched),
        as_arrow(passages.identity),
        nowhere if index.has_texts else as_arrow(passages.matched_low),
        nowhere if index.has_texts else as_arrow(passages.matched_high),
        unknown if index.has_texts else as_arrow(passages.identity_low),
        unknown if index.has_texts else as_arrow(passages.identity_high),
        as_arrow(passages.longest),
        as_arrow(passages.score),
        _block_lists(passages),
    ]


def as_arrow(values: npt.NDArray[Any]) -> pa.Array:
    """The array without a copy; `pa.array` looks for pandas at every call, which costs more than this."""
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), values.size, [None, pa.py_buffer(values)])


def lists(sizes: Integers, values: pa.Array) -> pa.ListArray:
    """Lists of such sizes, which have the values one after another."""
    return pa.ListArray.from_arrays(as_arrow(edges(sizes).astype(np.int32)), values)


def _block_lists(passages: Passages) -> pa.ListArray:
    blocks = passages.blocks[ranges(passages.block_firsts, passages.block_counts)]
    sides = [as_arrow(blocks[:, side]) for side in range(3)]
    return lists(passages.block_counts, pa.StructArray.from_arrays(sides, fields=list(BLOCK)))
