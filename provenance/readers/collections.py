"""Files with many books: JSON lines, packed or not, with a book in each, and Parquet with one in each row."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from provenance.errors import BookError
from provenance.readers.document import BookColumns, Document
from provenance.readers.limits import Limits
from provenance.readers.unpacking import Budget, Unpacked

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 8  # rows of Parquet at a time: a book may have many megabytes
REMEDY = "name them with --columns id=...,title=...,author=...,text=..."


def read_jsonl(path: Path, compression: str, columns: BookColumns, limits: Limits) -> Iterator[Document]:
    """Every book of the file in order; raises BookError at the first line that is none."""
    with path.open("rb") as file:
        unpacked = Unpacked(file, compression, Budget(path.stat().st_size, limits))
        number = 0
        for line_number, line in enumerate(unpacked.lines(limits), 1):
            if line.strip():
                yield _of_line(line, line_number, f"#{number}", columns)
                number += 1


def _of_line(line: bytes, line_number: int, place: str, columns: BookColumns) -> Document:
    record = _parse(line, line_number)
    book_id, text = record.get(columns.id), record.get(columns.text)
    if not isinstance(book_id, (str, int)) or book_id == "" or not isinstance(text, str):
        missing = columns.id if isinstance(text, str) else columns.text
        raise BookError(f"line {line_number} has no {missing}; it has {', '.join(record)}: {REMEDY}")
    facts = {fact: str(record[name]) for fact, name in columns.of_facts().items() if record.get(name) is not None}
    facts = {fact: value.encode(errors="replace").decode() for fact, value in facts.items()}
    try:  # the bytes as the line had them
        data = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        data = text.encode(errors="surrogatepass")
    return Document(data, "jsonl", "utf-8 (JSON)", facts, id=str(book_id), place=place)


def _parse(line: bytes, line_number: int) -> dict[str, Any]:
    """The object of a line. Bytes that are no UTF-8, and halves of surrogate pairs, are left to be counted."""
    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            record = json.loads(line.decode(errors="surrogateescape"))
        except (ValueError, RecursionError) as error:
            raise BookError(f"line {line_number} is no JSON: {error}") from error
    if not isinstance(record, dict):
        raise BookError(f"line {line_number} is no JSON object")
    return record


def read_parquet(path: Path, columns: BookColumns) -> Iterator[Document]:
    """Every book of the file in order; raises BookError for missing columns, rows without id or text, and damage."""
    import pyarrow as pa  # here, because JSON lines do without it
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
            present = file.schema_arrow.names
            missing = [name for name in (columns.id, columns.text) if name not in present]
            if missing:
                raise BookError(f"it has no column {' or '.join(missing)}; it has {', '.join(present)}: {REMEDY}")
            facts = {fact: name for fact, name in columns.of_facts().items() if name in present}
            wanted = list(dict.fromkeys([columns.id, columns.text, *facts.values()]))
            number = 0
            for batch in file.iter_batches(batch_size=BATCH, columns=wanted):
                for row in range(batch.num_rows):
                    yield _of_row(batch, row, f"#{number}", facts, columns)
                    number += 1
    except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: a name, id or fact that is no UTF-8
        raise BookError(str(error)) from error


def _of_row(batch: "pa.RecordBatch", row: int, place: str, facts: dict[str, str], columns: BookColumns) -> Document:
    def cell(name: str) -> str:
        value = batch.column(name)[row].as_py()
        return "" if value is None else str(value)

    book_id, text = cell(columns.id), batch.column(columns.text)[row]
    if not book_id or not text.is_valid:
        raise BookError(f"book {place} has no {'text' if book_id else 'id'}")
    try:
        data = bytes(text.as_buffer())  # not decoded, so that invalid UTF-8 survives
    except AttributeError as error:
        raise BookError(f"book {place}: its text column holds {text.type}, not text") from error
    cells = {fact: cell(name) for fact, name in facts.items()}
    return Document(data, "parquet", "utf-8 (Parquet)", cells, id=book_id, place=place)
