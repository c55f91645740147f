"""Writes what a run found as Parquet, CSV or JSON lines: sorted, so that equal results are equal bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.errors import UsageError
from provenance.files.writing import atomic_write
from provenance.store.csv_text import csv_pieces
from provenance.store.database import RunReader
from provenance.store.driver import literal
from provenance.store.sarif import write_sarif

EXPORTS = {
    "matches": """
        SELECT m.match_id, m.match_key, m.shard, m.row_group, m."row", m.doc_id, m.text_column, m.url, m.site, m.source,
               m.doc_token_begin, m.doc_token_end, m.doc_begin, m.doc_end, m.doc_char_begin, m.doc_char_end,
               m.doc_word, m.doc_words, m.edition_id, m.work_id, e.title, e.author, m.ref_begin, m.ref_end,
               m.ref_char_begin, m.ref_char_end, m.ref_word, m.ref_words, m.matched_words, m.identity, m.matched_low,
               m.matched_high, m.identity_low, m.identity_high, m.longest_run, m.score, m.expectation,
               m.estimated, list_transform(m.also, lambda a: a.edition_id) AS also,
               list_transform(m.shared, lambda a: a.edition_id) AS shared, m.excerpt, m.excerpt_sha256,
               m.doc_before, m.doc_after, m.ref_excerpt, m.ref_excerpt_sha256, m.ref_before, m.ref_after,
               s.sha256 AS shard_sha256, e.text_sha256 AS edition_sha256, r.decision AS review, r.note AS review_note,
               r.name AS reviewer, r.at_utc AS reviewed_utc, CASE WHEN f.holds THEN f.status END AS allowed
        FROM v_matches m JOIN edition e USING (edition_id) JOIN shard s USING (shard)
        LEFT JOIN v_reviews r USING (match_id) LEFT JOIN v_allowed_matches f USING (match_key)
        ORDER BY m.shard, m."row", m.text_column, m.doc_begin, m.doc_end, m.edition_id, m.ref_word""",
    "works": "SELECT * FROM v_works ORDER BY work_id",
    "documents": 'SELECT * FROM v_documents ORDER BY shard, "row"',
    "shards": "SELECT * FROM v_shards ORDER BY shard",
    "passages": "SELECT * FROM v_passages ORDER BY ALL",
    "coverage": "SELECT * FROM v_coverage ORDER BY edition_id, word_begin",
    "own-coverage": "SELECT * FROM v_own_coverage ORDER BY edition_id, word_begin",
    "editions": "SELECT * FROM edition ORDER BY edition_id",
    "origins": "SELECT * FROM origin ORDER BY kind, text_bytes DESC, name",
    "exceptions": "SELECT * FROM exception ORDER BY ALL",
    "reviews": "SELECT * FROM v_reviews ORDER BY match_id",
    "allowed": "SELECT * FROM v_allowed ORDER BY work_id",
    "allowed-matches": "SELECT * FROM v_allowed_matches ORDER BY match_key",
    "selftest": "SELECT * FROM v_selftest ORDER BY place",
    "journal": "SELECT * FROM journal ORDER BY seq",
    "run": "SELECT * FROM run",
    "attempts": "SELECT * FROM attempt ORDER BY attempt",
    "units": "SELECT * FROM unit ORDER BY unit",
}
"""Query behind each `--what`."""

WHEN_AND_WHO = ("run", "attempts", "journal", "reviews", "allowed", "allowed-matches", "selftest")
"""Those that say when and by whom; all others are the same bytes for the same inputs and terms, whoever ran it."""

FORMATS = ("parquet", "csv", "jsonl", "sarif")
BY_ROWS = {"matches": "match", "passages": "v_passages"}
"""Exports that are asked for some documents at a time, and where the rows of each are counted: their order begins with
`shard` and `row`, and DuckDB would hold all of them, with their texts, to sort them.
"""

SORTED_AT_ONCE = 4096  # rows, about
ROW_GROUP = 1 << 20  # rows; a row group is made in memory


def export(run: RunReader, what: str, file_format: str, out: Path) -> int:
    """Write one of EXPORTS to `out`, whole or not at all; returns the rows.

    Raises UsageError for an unknown name, and for SARIF of anything but a bearable number of matches.
    """
    if what not in EXPORTS or file_format not in FORMATS:
        raise UsageError(
            f"cannot export {what} as {file_format}: there are {', '.join(EXPORTS)} as {', '.join(FORMATS)}"
        )
    if file_format == "sarif":
        return write_sarif(run, what, out)
    schema, batches = _batches(run, what)
    counted = _Counted(batches)
    with atomic_write(out) as file:
        if file_format == "parquet":
            write_parquet(schema, counted, file)
        elif file_format == "csv":
            file.writelines(csv_pieces(schema.names, counted))
        else:
            file.writelines(_json_lines(counted))
    return counted.rows


class _Counted:
    """Batches, and how many rows those had that were taken."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self.batches, self.rows = batches, 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self.batches:
            self.rows += batch.num_rows
            yield batch


def _batches(run: RunReader, what: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The columns of an export and its rows in their order, no more of them in memory than are sorted at once."""
    if what not in BY_ROWS:
        return run.batches(EXPORTS[what])
    slices = [f"SELECT * FROM ({EXPORTS[what]}) WHERE {condition}" for condition in slices_of(run, BY_ROWS[what])]
    schema, first = run.batches(slices[0] if slices else EXPORTS[what])
    return schema, chain(first, chain.from_iterable(run.batches(sql)[1] for sql in slices[1:]))


def slices_of(run: RunReader, source: str) -> Iterator[str]:
    """Conditions, in order, of each of which some thousand rows hold: of some shards, or of a range of rows of one.

    So simple that DuckDB reads no more of a table than has to do with them.
    """
    gathered: list[str] = []
    rows = 0
    for shard in run.query(f"SELECT shard, count(*) AS n FROM {source} GROUP BY shard ORDER BY shard"):
        if gathered and rows + shard["n"] > SORTED_AT_ONCE:
            yield _of_shards(gathered)
            gathered, rows = [], 0
        if shard["n"] > SORTED_AT_ONCE:
            yield from _of_rows(run, source, shard["shard"])
        else:
            gathered.append(shard["shard"])
            rows += shard["n"]
    if gathered:
        yield _of_shards(gathered)


def _of_shards(names: list[str]) -> str:
    return f"shard >= {literal(names[0])} AND shard <= {literal(names[-1])}"


def _of_rows(run: RunReader, source: str, shard: str) -> Iterator[str]:
    """Ranges of rows; what is found in one row stays together."""
    numbered = f'SELECT "row", row_number() OVER (ORDER BY "row") - 1 AS n FROM {source} WHERE shard = ?'
    starts = run.query(f'SELECT DISTINCT "row" FROM ({numbered}) WHERE n % {SORTED_AT_ONCE} = 0 ORDER BY ALL', [shard])
    rows = [int(start["row"]) for start in starts]
    ends = [f'"row" < {row}' for row in rows[1:]]
    for row, end in zip(rows, [*ends, "true"], strict=True):
        yield f'shard = {literal(shard)} AND "row" >= {row} AND {end}'


def write_parquet(schema: pa.Schema, batches: Iterable[pa.RecordBatch], file: IO[bytes]) -> None:
    """Row groups as `pyarrow.parquet.write_table` makes them of a whole table; so are pages, if columns are whole."""
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        group: list[pa.RecordBatch] = []
        rows = 0
        for batch in batches:
            while rows + batch.num_rows >= ROW_GROUP:
                group.append(batch.slice(0, ROW_GROUP - rows))
                batch = batch.slice(ROW_GROUP - rows)
                writer.write_table(_whole(schema, group), ROW_GROUP)
                rows = 0
            group.append(batch)
            rows += batch.num_rows
        if rows:
            writer.write_table(_whole(schema, group), ROW_GROUP)


def _whole(schema: pa.Schema, group: list[pa.RecordBatch]) -> pa.Table:
    """A table of batches, each of its columns in one piece; the batches go, so that no more than one is there twice."""
    columns = [pa.chunked_array(column, field.type) for field, *column in zip(schema, *group, strict=True)]
    group.clear()
    for place, column in enumerate(columns):
        columns[place] = pa.chunked_array([column.combine_chunks()])
    return pa.Table.from_arrays(columns, schema=schema)


def _json_lines(batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """One JSON object a row, ASCII only, so that no control or bidi character reaches a terminal raw."""
    for batch in batches:
        for row in batch.to_pylist():
            yield json.dumps(row, default=str).encode() + b"\n"
