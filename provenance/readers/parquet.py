"""Parquet with a book in each row."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.errors import BookError
from provenance.readers.document import BookColumns, Document

BATCH = 8  # rows at a time: a book may have many megabytes


def read_parquet(path: Path, columns: BookColumns) -> Iterator[Document]:
    """Every book of the file in order; raises BookError for missing columns, rows without id or text, and damage."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
            present = file.schema_arrow.names
            missing = [name for name in (columns.id, columns.text) if name not in present]
            if missing:
                raise BookError(
                    f"it has no column {' or '.join(missing)}; it has {', '.join(present)}: "
                    "name them with --columns id=...,title=...,author=...,text=..."
                )
            facts = {fact: name for fact, name in columns.of_facts().items() if name in present}
            wanted = list(dict.fromkeys([columns.id, columns.text, *facts.values()]))
            number = 0
            for batch in file.iter_batches(batch_size=BATCH, columns=wanted):
                for row in range(batch.num_rows):
                    yield _document(batch, row, f"#{number}", facts, columns)
                    number += 1
    except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: a name, id or fact that is no UTF-8
        raise BookError(str(error)) from error


def _document(batch: pa.RecordBatch, row: int, place: str, facts: dict[str, str], columns: BookColumns) -> Document:
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
