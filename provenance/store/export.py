"""Writes what a run found as Parquet, CSV or JSON lines: sorted, so that equal results are equal bytes."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.errors import UsageError
from provenance.files import atomic_write
from provenance.store.database import RunReader

EXPORTS = {
    "matches": """
        SELECT m.shard, m.row_group, m."row", m.doc_id, m.text_column,
               m.doc_token_begin, m.doc_token_end, m.doc_begin, m.doc_end, m.doc_word, m.doc_words,
               m.edition_id, m.work_id, e.title, e.author, m.ref_begin, m.ref_end, m.ref_word, m.ref_words,
               m.matched_words, m.identity, m.matched_low, m.matched_high, m.identity_low,
               m.identity_high, m.longest_run, m.score, m.expectation,
               m.estimated, list_transform(m.also, lambda a: a.edition_id) AS also,
               list_transform(m.shared, lambda a: a.edition_id) AS shared, m.excerpt, m.excerpt_sha256,
               s.sha256 AS shard_sha256, e.text_sha256 AS edition_sha256
        FROM v_matches m JOIN edition e USING (edition_id) JOIN shard s USING (shard)
        ORDER BY m.shard, m."row", m.text_column, m.doc_begin, m.doc_end, m.edition_id, m.ref_word""",
    "works": "SELECT * FROM v_works ORDER BY work_id",
    "documents": 'SELECT * FROM v_documents ORDER BY shard, "row"',
    "shards": "SELECT * FROM v_shards ORDER BY shard",
}
"""Query behind each `--what`."""

FORMATS = ("parquet", "csv", "jsonl")
FORMULA = re.compile(r"^[=+\-@\t\r\0＝＋－＠]")
"""A cell that a spreadsheet would take for a formula (OWASP ASVS 1.2.10, and the full-width forms)."""


def export(run: RunReader, what: str, file_format: str, out: Path) -> int:
    """Write one of EXPORTS to `out`, whole or not at all; returns the rows. Raises UsageError for an unknown name."""
    if what not in EXPORTS or file_format not in FORMATS:
        raise UsageError(
            f"cannot export {what} as {file_format}: there are {', '.join(EXPORTS)} as {', '.join(FORMATS)}"
        )
    table = run.arrow(EXPORTS[what])
    with atomic_write(out) as file:
        if file_format == "parquet":
            pq.write_table(table, file, compression="zstd")
        elif file_format == "csv":
            file.write(csv_of(table).encode())
        else:
            write_json_lines(table, file)
    return int(table.num_rows)


def csv_of(table: pa.Table) -> str:
    """CSV with a header; lists joined by spaces; cells that look like formulas get a leading apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([_cell(name) for name in table.column_names])
    for batch in table.to_batches(max_chunksize=4096):
        writer.writerows([_cell(value) for value in row.values()] for row in batch.to_pylist())
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, list):
        value = " ".join(item if isinstance(item, str) else json.dumps(item, default=str) for item in value)
    elif isinstance(value, dict):
        value = json.dumps(value, default=str)
    if isinstance(value, str):
        return "'" + value if FORMULA.match(value) else value.replace("\0", "\ufffd")
    return value


def write_json_lines(table: pa.Table, file: IO[bytes]) -> None:
    """One JSON object a row, ASCII only, so that no control or bidi character reaches a terminal raw."""
    for batch in table.to_batches(max_chunksize=4096):
        for row in batch.to_pylist():
            file.write(json.dumps(row, default=str).encode() + b"\n")
