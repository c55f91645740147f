r"""CSV that is safe in a spreadsheet and on a terminal, made of whole columns: cell by cell takes ten times as long.

Lists are joined by spaces; cells that look like formulas get a leading apostrophe. Characters that could move a
terminal's cursor, hide or reorder text are written out, as `\x1b`: Parquet and JSON lines have them as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from provenance.display.text import UNSAFE, safe
from provenance.process.threads import in_order

FORMULA = re.compile(r"^[=+\-@\t\r\0＝＋－＠]")
"""A cell that a spreadsheet would take for a formula (OWASP ASVS 1.2.10, and the full-width forms)."""

ROWS_AT_ONCE = 768
AHEAD = 4  # pieces that are under way while rows are read

_TEXT = pa.large_string()  # a column of some thousand texts may have more than 2 GB
_TEXTS = pa.list_(pa.string())
_HIDDEN = UNSAFE.pattern.replace("\x00-\x1f", "\x00-\t\x0b-\x1f").replace("\ud800-\udfff", "")  # no surrogate is UTF-8
_FREQUENT = {"\r": "\\r", "\t": "\\t"}  # of what is written out, in ordinary text
_CHANGED = f"{_HIDDEN}|{FORMULA.pattern}|[\r\t]"


def csv_of(table: pa.Table) -> str:
    """All of a table."""
    return b"".join(csv_pieces(table.column_names, table.to_batches())).decode()


def csv_pieces(names: Sequence[str], batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """A header and the rows, some thousands at a time: what `csv.writer` makes of the `cell_text` of each."""
    yield _lines([_quoted(pa.array([cell_text(name)], _TEXT)) for name in names])
    pieces = (batch.slice(first, ROWS_AT_ONCE) for batch in batches for first in range(0, batch.num_rows, ROWS_AT_ONCE))
    with ThreadPoolExecutor(1) as threads:
        yield from in_order(((0, threads.submit(_rows, piece)) for piece in pieces), AHEAD)


def _rows(piece: pa.RecordBatch) -> bytes:
    return _lines([_cells(column) for column in piece.columns])


def cell_text(value: object) -> str:
    """A value as it stands in a cell, before quotes."""
    if value is None:
        return ""
    if isinstance(value, list):
        value = " ".join(item if isinstance(item, str) else json.dumps(item, default=str) for item in value)
    elif isinstance(value, dict):
        value = json.dumps(value, default=str)
    if not isinstance(value, str):
        return str(value)
    return "'" + _harmless(value) if FORMULA.match(value) else _harmless(value)


def _harmless(text: str) -> str:
    return "\n".join(map(safe, text.split("\n")))


def _cells(column: pa.Array) -> pa.Array:
    """A column as it is written, without nulls."""
    return pc.fill_null(column.cast(_TEXT), "") if pa.types.is_integer(column.type) else _quoted(_texts(column))


def _texts(column: pa.Array) -> pa.Array:
    if column.type == _TEXTS and not column.flatten().null_count:
        column = pc.binary_join(column, " ")
    if pa.types.is_nested(column.type):
        return pa.array(map(cell_text, column.to_pylist()), _TEXT)
    if not pa.types.is_string(column.type):
        values = column.dictionary_encode()
        texts = pa.array(map(cell_text, values.dictionary.to_pylist()), _TEXT)
        return pc.fill_null(texts.take(values.indices), "")
    texts = pc.fill_null(column.cast(_TEXT), "")
    if not pc.any(pc.match_substring_regex(texts, _CHANGED)).as_py():
        return texts
    formulas = pc.match_substring_regex(texts, FORMULA.pattern)
    for character, written in _FREQUENT.items():
        texts = pc.replace_substring(texts, character, written)
    hidden = pc.match_substring_regex(texts, _HIDDEN)
    texts = pc.replace_with_mask(texts, hidden, pa.array(map(_harmless, texts.filter(hidden).to_pylist()), _TEXT))
    marked = pc.binary_join_element_wise(pa.scalar("'", _TEXT), texts.filter(formulas), pa.scalar("", _TEXT))
    return pc.replace_with_mask(texts, formulas, marked)


def _lines(cells: list[pa.Array]) -> bytes:
    if len(cells) == 1:  # a row is no empty line
        cells = [pc.if_else(pc.equal(cells[0], ""), pa.scalar('""', _TEXT), cells[0])]
    rows = pc.binary_join_element_wise(*cells, pa.scalar(",", _TEXT))
    ended = pc.binary_join_element_wise(rows, pa.scalar("", _TEXT), pa.scalar("\r\n", _TEXT))
    _, offsets, data = ended.buffers()
    ends = np.frombuffer(offsets, np.int64)
    return bytes(memoryview(data)[ends[ended.offset] : ends[ended.offset + len(ended)]])


def _quoted(texts: pa.Array) -> pa.Array:
    special = pc.match_substring_regex(texts, '[,"\r\n]')
    if not pc.any(special).as_py():
        return texts
    quote, nothing = pa.scalar('"', _TEXT), pa.scalar("", _TEXT)
    doubled = pc.replace_substring(texts.filter(special), '"', '""')
    return pc.replace_with_mask(texts, special, pc.binary_join_element_wise(quote, doubled, quote, nothing))
