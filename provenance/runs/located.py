"""Matches of a batch with the places of their documents: shard, row, column, bytes, tokens, and what stands there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from provenance.matching import MATCH_SCHEMA, Matcher
from provenance.matching.found import Found, join
from provenance.matching.passages import Integers
from provenance.matching.table import as_arrow
from provenance.matching.texts import document_bytes
from provenance.shards import Batch, Columns, Field, Options
from provenance.shards.fields import id_text
from provenance.shards.tokens import Decoder

RESULT_SCHEMA = pa.schema(
    [
        ("shard", pa.string()),
        ("row_group", pa.int64()),
        ("row", pa.int64()),  # in the file, from 0
        ("doc_id", pa.string()),
        ("text_column", pa.string()),  # in lists with the number of the item: messages[2].content
        ("doc_token_begin", pa.int64()),  # of tokenised shards: the token ids of the row that hold the passage
        ("doc_token_end", pa.int64()),
        *[field for field in MATCH_SCHEMA if field.name != "document"],
        ("excerpt", pa.string()),  # the document's text at the match, cut; invalid bytes as U+FFFD
        ("excerpt_sha256", pa.string()),  # of the bytes doc_begin to doc_end, uncut
    ]
)


@dataclass(frozen=True)
class Source:
    """A shard as a unit meets it: its name, where its bytes lie, what is read of it, and how."""

    name: str
    path: str
    columns: Columns
    options: Options


class Located(NamedTuple):
    """The matches of one column of a batch, with what is taken from its texts and ids; nothing may keep those alive."""

    row_group: int | None
    rows: Integers  # of each match, its row in the file
    found: Found
    ids: pa.Array  # of the documents of the matches, as text
    columns: list[str]
    excerpts: list[str]
    digests: list[str]
    tokens: list[tuple[int, int]] | None


def located(source: Source, batch: Batch, column: Field, owners: Integers, found: Found, most_excerpt: int) -> Located:
    """The matches of one column of a batch; `owners` has the row in the batch of each of its texts."""
    ids = _document_ids(source, batch, owners[found.documents])
    labels = [column.label(text) for text in found.documents.tolist()] if column.items is not None else []
    excerpts, digests = _excerpts(column.texts, found, most_excerpt)
    return Located(
        batch.row_group,
        batch.rows[owners[found.documents]],
        found,
        ids,
        labels or [column.column] * found.documents.size,
        excerpts,
        digests,
        _token_spans(source.options.decoder, column, found),
    )


def _token_spans(decoder: Decoder | None, column: Field, found: Found) -> list[tuple[int, int]] | None:
    """For each match the token ids that hold it, counted in its row; None for texts that were never tokens."""
    if decoder is None or column.tokens is None or column.first_tokens is None:
        return None
    spans = []
    places = zip(found.documents.tolist(), found.doc_begins.tolist(), found.doc_ends.tolist(), strict=True)
    for text, begin, end in places:
        first, last = decoder.token_span(column.tokens[text], begin, end)
        before = int(column.first_tokens[text])
        spans.append((before + first, before + last))
    return spans


def result_table(source: Source, parts: list[Located], matcher: Matcher) -> pa.Table:
    """The matches of all parts, with the places of their documents and their excerpts."""
    if not parts:
        return RESULT_SCHEMA.empty_table()
    found = join([part.found for part in parts], [0] * len(parts))
    matches = matcher.table(found)
    sizes = [part.found.documents.size for part in parts]
    spans: list[Sequence[tuple[int | None, int | None]]] = [
        part.tokens or [(None, None)] * size for part, size in zip(parts, sizes, strict=True)
    ]
    data: dict[str, Any] = {
        **{name: matches[name] for name in matches.column_names},
        "shard": pa.repeat(source.name, matches.num_rows),
        "row_group": pa.array(
            [part.row_group for part, n in zip(parts, sizes, strict=True) for _ in range(n)], pa.int64()
        ),
        "row": as_arrow(np.concatenate([part.rows for part in parts])),
        "doc_id": pa.concat_arrays([part.ids for part in parts]),
        "text_column": pa.array([name for part in parts for name in part.columns], pa.string()),
        "doc_token_begin": pa.array([begin for part in spans for begin, _ in part], pa.int64()),
        "doc_token_end": pa.array([end for part in spans for _, end in part], pa.int64()),
        "excerpt": pa.array([text for part in parts for text in part.excerpts], pa.string()),
        "excerpt_sha256": pa.array([digest for part in parts for digest in part.digests], pa.string()),
    }
    return pa.table([data[field.name] for field in RESULT_SCHEMA], schema=RESULT_SCHEMA)


def _document_ids(source: Source, batch: Batch, rows: Integers) -> pa.Array:
    """Ids of rows of a batch from the id column, as text; `shard:row_group:row` where there is none."""
    if batch.ids is None:
        return _places(source, batch, rows)
    ids = batch.ids.take(as_arrow(rows))
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary_decode()
    if pa.types.is_string(ids.type) or pa.types.is_integer(ids.type):
        try:
            texts = ids.cast(pa.string())
            texts.validate(full=True)
            return texts if not texts.null_count else pc.coalesce(texts, _places(source, batch, rows))
        except pa.ArrowInvalid:
            pass  # not UTF-8: shown with replacement characters below
    shown = [id_text(scalar) for scalar in ids]
    return pc.coalesce(pa.array(shown, pa.string()), _places(source, batch, rows))


def _places(source: Source, batch: Batch, rows: Integers) -> pa.Array:
    prefix = source.name if batch.row_group is None else f"{source.name}:{batch.row_group}"
    return pa.array([f"{prefix}:{row}" for row in batch.rows[rows].tolist()], pa.string())


def _excerpts(texts: pa.Array, found: Found, most: int) -> tuple[list[str], list[str]]:
    """For each match the document's text there, cut to `most` characters, and the digest of all its bytes."""
    data, starts = document_bytes(texts)
    first = starts[found.documents]
    excerpts, digests = [], []
    for begin, end in zip((first + found.doc_begins).tolist(), (first + found.doc_ends).tolist(), strict=True):
        shown = str(data[begin : min(end, begin + most)], "utf-8", "replace")
        if not shown.isascii():
            shown = str(data[begin : min(end, begin + 4 * most)], "utf-8", "replace")[:most]
        excerpts.append(shown)
        digests.append(hashlib.sha256(data[begin:end]).hexdigest())
    return excerpts, digests
