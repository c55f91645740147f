"""Matches of a batch with the places of their documents: shard, row, column, bytes, tokens, and what stands there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from provenance.arrays import Integers
from provenance.matching.matcher import Matcher
from provenance.matching.matches import Matches, join
from provenance.matching.table import MATCH_SCHEMA, as_arrow
from provenance.shards.columns import Columns
from provenance.shards.fields import id_text
from provenance.shards.shard import Batch, Field, Options
from provenance.units.origins import sites_of
from provenance.units.payloads import empty_table
from provenance.units.quotes import QUOTE_SCHEMA, document_quotes, edition_quotes

PLACE_SCHEMA = pa.schema(
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
    ]
)

DOC_QUOTE_SCHEMA = pa.schema(
    [
        ("doc_char_begin", pa.int64()),  # code points, where the others are bytes; invalid sequences count as one
        ("doc_char_end", pa.int64()),
        ("excerpt", pa.string()),  # the document's text at the match, cut; invalid bytes as U+FFFD
        ("excerpt_sha256", pa.string()),  # of the bytes doc_begin to doc_end, uncut
        ("doc_before", pa.string()),  # what stands around it
        ("doc_after", pa.string()),
    ]
)

DOCUMENT_SCHEMA = pa.schema([*PLACE_SCHEMA, *DOC_QUOTE_SCHEMA])

_REF_NAMES = {field.name: f"ref_{field.name}" for field in QUOTE_SCHEMA} | {"excerpt": "ref_excerpt_other"}
REF_QUOTE_SCHEMA = pa.schema([field.with_name(_REF_NAMES[field.name]) for field in QUOTE_SCHEMA])
"""The same of the edition; null without texts. Its excerpt is null too where it is the document's, as most are."""

_MATCH = [field for field in MATCH_SCHEMA if field.name != "document"]
RESULT_SCHEMA = pa.schema([*PLACE_SCHEMA, *_MATCH, *DOC_QUOTE_SCHEMA, *REF_QUOTE_SCHEMA])


@dataclass(frozen=True)
class Source:
    """A shard as a unit meets it: its name, where its bytes lie, what is read of it, and how."""

    name: str
    path: str
    columns: Columns
    options: Options


class Located(NamedTuple):
    """The matches of one column of a batch, with what is taken from its texts and ids; nothing may keep those alive."""

    matches: Matches
    documents: pa.RecordBatch  # of DOCUMENT_SCHEMA


def located(
    source: Source, batch: Batch, column: Field, owners: Integers, matches: Matches, most_excerpt: int
) -> Located:
    """The matches of one column of a batch; `owners` has the row in the batch of each of its texts."""
    texts, rows = matches.documents, owners[matches.documents]
    labels = [column.label(text) for text in texts.tolist()] if column.items is not None else None
    urls, sources = (_taken(values, rows) for values in batch.origins)
    places = [
        pa.repeat(source.name, rows.size),
        pa.repeat(pa.scalar(batch.row_group, pa.int64()), rows.size),
        as_arrow(batch.rows[rows]),
        _document_ids(source, batch, rows),
        pa.repeat(column.column, rows.size) if labels is None else pa.array(labels, pa.string()),
        *(urls, sites_of(urls), sources),
        *_token_spans(source.options, column, matches),
    ]
    quotes = document_quotes(column.documents, (texts, matches.doc_begins, matches.doc_ends), most_excerpt)
    return Located(matches, pa.RecordBatch.from_arrays([*places, *quotes.columns], schema=DOCUMENT_SCHEMA))


def _taken(values: pa.Array | None, rows: Integers) -> pa.Array:
    return pa.nulls(rows.size, pa.string()) if values is None else values.take(as_arrow(rows))


def _token_spans(options: Options, column: Field, matches: Matches) -> tuple[pa.Array, pa.Array]:
    """The token ids of its row that hold each match, from and up to; nulls for texts that were never tokens."""
    count = matches.documents.size
    if options.decoder is None or column.tokens is None or column.first_tokens is None:
        return pa.nulls(count, pa.int64()), pa.nulls(count, pa.int64())
    spans = np.empty((2, count), dtype=np.int64)
    places = (matches.documents, matches.doc_begins, matches.doc_ends)
    for n, (text, begin, end) in enumerate(zip(*(numbers.tolist() for numbers in places), strict=True)):
        spans[:, n] = options.decoder.token_span(column.tokens[text], begin, end)
    begins, ends = spans + column.first_tokens[matches.documents]
    return as_arrow(begins), as_arrow(ends)


def result_table(parts: Sequence[Located], matcher: Matcher, most_excerpt: int) -> pa.Table:
    """The matches of all parts, with the places of their documents, and what stands there on both sides."""
    if not parts:
        return empty_table(RESULT_SCHEMA)
    matches = join([part.matches for part in parts], [0] * len(parts))
    table = matcher.table(matches)
    documents = pa.Table.from_batches([part.documents for part in parts]).combine_chunks()
    columns = {name: side[name] for side in (table, documents) for name in side.column_names}
    if matcher.index.has_texts:
        places = (matches.credited.passages.editions, table["ref_begin"].to_numpy(), table["ref_end"].to_numpy())
        quotes = edition_quotes(matcher.index.texts, places, most_excerpt).combine_chunks()
        columns |= dict(zip(REF_QUOTE_SCHEMA.names, quotes.columns, strict=True))
        same = pc.equal(columns["excerpt_sha256"], columns["ref_excerpt_sha256"])
        columns["ref_excerpt_other"] = pc.if_else(same, pa.scalar(None, pa.string()), columns["ref_excerpt_other"])
    nulls = {field.name: pa.nulls(len(table), field.type) for field in REF_QUOTE_SCHEMA if field.name not in columns}
    return pa.table([(columns | nulls)[name] for name in RESULT_SCHEMA.names], schema=RESULT_SCHEMA)


def _document_ids(source: Source, batch: Batch, rows: Integers) -> pa.Array:
    """Ids of rows of a batch from the id column, as text; `shard:row_group:row` where there is none."""
    if batch.ids is None:
        return _place_ids(source, batch, rows)
    ids = batch.ids.take(as_arrow(rows))
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary_decode()
    if pa.types.is_string(ids.type) or pa.types.is_integer(ids.type):
        try:
            texts = ids.cast(pa.string())
            texts.validate(full=True)
            return texts if not texts.null_count else pc.coalesce(texts, _place_ids(source, batch, rows))
        except pa.ArrowInvalid:
            pass  # not UTF-8: shown with replacement characters below
    shown = [id_text(scalar) for scalar in ids]
    return pc.coalesce(pa.array(shown, pa.string()), _place_ids(source, batch, rows))


def _place_ids(source: Source, batch: Batch, rows: Integers) -> pa.Array:
    prefix = source.name if batch.row_group is None else f"{source.name}:{batch.row_group}"
    return pa.array([f"{prefix}:{row}" for row in batch.rows[rows].tolist()], pa.string())
