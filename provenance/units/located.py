"""Matches of a batch with the places of their documents: shard, row, column, bytes, tokens, and what stands there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from provenance.matching.matcher import Matcher
from provenance.matching.matches import Matches, join
from provenance.matching.passages import Integers
from provenance.matching.table import MATCH_SCHEMA, as_arrow
from provenance.shards.columns import Columns
from provenance.shards.fields import id_text
from provenance.shards.shard import Batch, Field, Options
from provenance.shards.tokens import Decoder
from provenance.units.origins import sites_of
from provenance.units.quotes import QUOTE_SCHEMA, document_quotes, edition_quotes

RESULT_SCHEMA = pa.schema(
    [
        ("shard", pa.string()),
        ("row_group", pa.int64()),
        ("row", pa.int64()),  # in the file, from 0
        ("doc_id", pa.string()),
        ("text_column", pa.string()),  # in lists with the number of the item: messages[2].content
        ("url", pa.string()),  # from where the document is, where the shard says so
        ("site", pa.string()),  # the host of that
        ("source", pa.string()),  # the collection it belongs to
        ("doc_token_begin", pa.int64()),  # of tokenised shards: the token ids of the row that hold the passage
        ("doc_token_end", pa.int64()),
        *[field for field in MATCH_SCHEMA if field.name != "document"],
        ("doc_char_begin", pa.int64()),  # code points, where the others are bytes; invalid sequences count as one
        ("doc_char_end", pa.int64()),
        ("excerpt", pa.string()),  # the document's text at the match, cut; invalid bytes as U+FFFD
        ("excerpt_sha256", pa.string()),  # of the bytes doc_begin to doc_end, uncut
        ("doc_before", pa.string()),  # what stands around it
        ("doc_after", pa.string()),
        ("ref_char_begin", pa.int64()),  # the same of the edition; null without texts
        ("ref_char_end", pa.int64()),
        ("ref_excerpt", pa.string()),
        ("ref_excerpt_sha256", pa.string()),
        ("ref_before", pa.string()),
        ("ref_after", pa.string()),
    ]
)

DOC_COLUMNS = tuple(name if name.startswith("excerpt") else f"doc_{name}" for name in QUOTE_SCHEMA.names)
REF_COLUMNS = tuple(f"ref_{name}" for name in QUOTE_SCHEMA.names)
"""Columns of the fields of a quote."""


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
    matches: Matches
    ids: pa.Array  # of the documents of the matches, as text
    columns: list[str]
    origins: tuple[pa.Array, pa.Array, pa.Array]  # their URLs, sites and collections
    quotes: pa.RecordBatch  # of QUOTE_SCHEMA
    tokens: list[tuple[int, int]] | None


def located(
    source: Source, batch: Batch, column: Field, owners: Integers, matches: Matches, most_excerpt: int
) -> Located:
    """The matches of one column of a batch; `owners` has the row in the batch of each of its texts."""
    texts, rows = matches.documents.tolist(), owners[matches.documents]
    places = matches.documents, matches.doc_begins, matches.doc_ends
    return Located(
        row_group=batch.row_group,
        rows=batch.rows[rows],
        matches=matches,
        ids=_document_ids(source, batch, rows),
        columns=[column.column] * len(texts) if column.items is None else [column.label(text) for text in texts],
        origins=_origins(batch, rows),
        quotes=document_quotes(column.documents, places, most_excerpt),
        tokens=_token_spans(source.options.decoder, column, matches),
    )


def _token_spans(decoder: Decoder | None, column: Field, matches: Matches) -> list[tuple[int, int]] | None:
    """For each match the token ids that hold it, counted in its row; None for texts that were never tokens."""
    if decoder is None or column.tokens is None or column.first_tokens is None:
        return None
    spans = []
    places = (matches.documents, matches.doc_begins, matches.doc_ends)
    for text, begin, end in zip(*(numbers.tolist() for numbers in places), strict=True):
        first, last = decoder.token_span(column.tokens[text], begin, end)
        before = int(column.first_tokens[text])
        spans.append((before + first, before + last))
    return spans


def _origins(batch: Batch, rows: Integers) -> tuple[pa.Array, pa.Array, pa.Array]:
    nowhere = pa.nulls(rows.size, pa.string())
    taken = as_arrow(rows)
    urls, sources = (nowhere if values is None else values.take(taken) for values in batch.origins)
    return urls, sites_of(urls), sources


def result_table(source: Source, parts: list[Located], matcher: Matcher, most_excerpt: int) -> pa.Table:
    """The matches of all parts, with the places of their documents, and what stands there on both sides."""
    if not parts:
        return RESULT_SCHEMA.empty_table()
    matches = join([part.matches for part in parts], [0] * len(parts))
    table = matcher.table(matches)
    sizes = [part.rows.size for part in parts]
    spans: list[Sequence[tuple[int | None, int | None]]] = [
        part.tokens or [(None, None)] * size for part, size in zip(parts, sizes, strict=True)
    ]
    data: dict[str, Any] = {
        **{name: table[name] for name in table.column_names},
        "shard": pa.repeat(source.name, table.num_rows),
        "row_group": pa.array(
            [part.row_group for part, n in zip(parts, sizes, strict=True) for _ in range(n)], pa.int64()
        ),
        "row": as_arrow(np.concatenate([part.rows for part in parts])),
        "doc_id": pa.concat_arrays([part.ids for part in parts]),
        "text_column": pa.array([name for part in parts for name in part.columns], pa.string()),
        "doc_token_begin": pa.array([begin for part in spans for begin, _ in part], pa.int64()),
        "doc_token_end": pa.array([end for part in spans for _, end in part], pa.int64()),
        **{
            name: pa.concat_arrays([part.origins[place] for part in parts])
            for place, name in enumerate(("url", "site", "source"))
        },
        **_quoted(DOC_COLUMNS, pa.Table.from_batches([part.quotes for part in parts])),
        **_quoted(REF_COLUMNS, _of_editions(matches, table, matcher, most_excerpt)),
    }
    return pa.table([_column(data, field, table.num_rows) for field in RESULT_SCHEMA], schema=RESULT_SCHEMA)


def _column(data: dict[str, Any], field: pa.Field, rows: int) -> pa.Array | pa.ChunkedArray:
    column = data.get(field.name)
    if column is None:
        return pa.nulls(rows, field.type)
    return pa.array(column, field.type) if isinstance(column, list) else column


def _of_editions(matches: Matches, table: pa.Table, matcher: Matcher, most_excerpt: int) -> pa.Table | None:
    if not matcher.index.has_texts:
        return None
    begins, ends = (table[name].to_numpy() for name in ("ref_begin", "ref_end"))
    return edition_quotes(matcher.index.texts, (matches.credited.passages.editions, begins, ends), most_excerpt)


def _quoted(names: Sequence[str], quotes: pa.Table | None) -> dict[str, Any]:
    """The columns of quotes under the names they have in a match; nulls where there are none."""
    return {} if quotes is None else dict(zip(names, quotes.combine_chunks().columns, strict=True))


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
