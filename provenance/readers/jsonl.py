"""JSON lines with a book in each, packed or not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from provenance.errors import BookError
from provenance.readers.document import BookColumns, Document
from provenance.readers.limits import Limits
from provenance.readers.unpacking import Budget, Unpacked


def read_jsonl(path: Path, compression: str, columns: BookColumns, limits: Limits) -> Iterator[Document]:
    """Every book of the file in order; raises BookError at the first line that is none."""
    with path.open("rb") as file:
        unpacked = Unpacked(file, compression, Budget(path.stat().st_size, limits))
        number = 0
        for line_number, line in enumerate(unpacked.lines(limits), 1):
            if line.strip():
                yield _document(line, line_number, f"#{number}", columns)
                number += 1


def _document(line: bytes, line_number: int, place: str, columns: BookColumns) -> Document:
    record = _parse(line, line_number)
    book_id, text = record.get(columns.id), record.get(columns.text)
    if not isinstance(book_id, (str, int)) or book_id == "" or not isinstance(text, str):
        raise BookError(
            f"line {line_number} has no {columns.id if isinstance(text, str) else columns.text}; it has "
            f"{', '.join(record)}: name them with --columns id=...,title=...,author=...,text=..."
        )
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
