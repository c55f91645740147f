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

from provenance.display.text import safe
from provenance.errors import UsageError
from provenance.files.writing import atomic_write
from provenance.store.database import RunReader
from provenance.store.sarif import write_sarif

EXPORTS = {
    "matches": """
        SELECT m.finding, m.fingerprint, m.shard, m.row_group, m."row", m.doc_id, m.text_column,
               m.url, m.site, m.source, m.doc_token_begin, m.doc_token_end,
               m.doc_begin, m.doc_end, m.doc_char_begin, m.doc_char_end,
               m.doc_word, m.doc_words,
               m.edition_id, m.work_id, e.title, e.author, m.ref_begin, m.ref_end,
               m.ref_char_begin, m.ref_char_end, m.ref_word, m.ref_words,
               m.matched_words, m.identity, m.matched_low, m.matched_high, m.identity_low,
               m.identity_high, m.longest_run, m.score, m.expectation,
               m.estimated, list_transform(m.also, lambda a: a.edition_id) AS also,
               list_transform(m.shared, lambda a: a.edition_id) AS shared, m.excerpt, m.excerpt_sha256,
               m.doc_before, m.doc_after, m.ref_excerpt, m.ref_excerpt_sha256, m.ref_before, m.ref_after,
               s.sha256 AS shard_sha256, e.text_sha256 AS edition_sha256, r.decision AS review, r.note AS review_note,
               r.name AS reviewer, r.at_utc AS reviewed_utc, CASE WHEN f.holds THEN f.status END AS allowed
        FROM v_matches m JOIN edition e USING (edition_id) JOIN shard s USING (shard)
        LEFT JOIN v_reviews r USING (finding) LEFT JOIN v_allowed_findings f USING (fingerprint)
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
    "reviews": "SELECT * FROM v_reviews ORDER BY finding",
    "allowed": "SELECT * FROM v_allowed ORDER BY work_id",
    "allowed-findings": "SELECT * FROM v_allowed_findings ORDER BY fingerprint",
    "selftest": "SELECT * FROM v_selftest ORDER BY place",
    "journal": "SELECT * FROM journal ORDER BY seq",
    "run": "SELECT * FROM run",
    "attempts": "SELECT * FROM attempt ORDER BY attempt",
    "units": "SELECT * FROM unit ORDER BY unit",
}
"""Query behind each `--what`."""

WHEN_AND_WHO = ("run", "attempts", "journal", "reviews", "allowed", "allowed-findings", "selftest")
"""Those that say when and by whom; all others are the same bytes for the same inputs and terms, whoever ran it."""

FORMATS = ("parquet", "csv", "jsonl", "sarif")
FORMULA = re.compile(r"^[=+\-@\t\r\0＝＋－＠]")
"""A cell that a spreadsheet would take for a formula (OWASP ASVS 1.2.10, and the full-width forms)."""


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
    r"""CSV with a header; lists joined by spaces; cells that look like formulas get a leading apostrophe.

    Characters that could move a terminal's cursor, hide or reorder text are written out, as `\x1b`: Parquet and JSON
    lines have them as they are.
    """
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
        harmless = "\n".join(map(safe, value.split("\n")))
        return "'" + harmless if FORMULA.match(value) else harmless
    return value


def write_json_lines(table: pa.Table, file: IO[bytes]) -> None:
    """One JSON object a row, ASCII only, so that no control or bidi character reaches a terminal raw."""
    for batch in table.to_batches(max_chunksize=4096):
        for row in batch.to_pylist():
            file.write(json.dumps(row, default=str).encode() + b"\n")
