"""Finds and reads books: text files, directories of them, and Parquet files with a book in each row."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.errors import BookError, UsageError
from provenance.files import file_sha256
from provenance.readers.metadata import Metadata

TEXT_SUFFIXES = (".txt", ".text")
PARQUET_SUFFIXES = (".parquet", ".pq")
MOST_BYTES = (1 << 32) - 1  # of one text: offsets of words are 32 bits


@dataclass(frozen=True)
class BookColumns:
    """Names of the columns in a Parquet file of books."""

    id: str = "id"
    title: str = "title"
    author: str = "author"
    text: str = "text"


@dataclass(frozen=True)
class Book:
    """One edition: its text as it was found, byte for byte, and what is known of it."""

    edition_id: str
    title: str
    author: str
    work_id: str  # given by metadata, or empty
    text: bytes  # UTF-8; invalid sequences are kept, counted later
    source: str
    source_sha256: str
    decoy: bool = False  # cannot be in any data: what matches it is an error


@dataclass(frozen=True)
class SourceOutcome:
    """What became of one file: every file found ends as read or skipped, with a reason."""

    path: str
    outcome: str  # read | skipped
    reason: str
    books: int


def read_books(
    sources: Sequence[Path], metadata: Metadata, columns: BookColumns, outcomes: list[SourceOutcome]
) -> Iterator[Book]:
    """Yield every book in order and note each file's outcome; raises BookError for what cannot be read."""
    for source in sources:
        if not source.exists():
            raise UsageError(f"no such book or directory: {source}")
        for path, name in _files(source):
            suffix = path.suffix.lower()
            if suffix in PARQUET_SUFFIXES:
                books = _read_parquet(path, metadata, columns)
            elif suffix in TEXT_SUFFIXES or path == source:
                books = iter([_read_text(path, name, metadata)])
            else:
                reason = f"not a book: {suffix or 'no suffix'}; known are {', '.join(TEXT_SUFFIXES + PARQUET_SUFFIXES)}"
                outcomes.append(SourceOutcome(str(path), "skipped", reason, 0))
                continue
            count = 0
            for book in books:
                count += 1
                yield book
            outcomes.append(SourceOutcome(str(path), "read", "", count))


def size_of(sources: Sequence[Path], columns: BookColumns) -> int:
    """Bytes of text in the sources, about: by file sizes and what Parquet says of itself, without reading any book."""
    size = 0
    for path in (path for source in sources if source.exists() for path, _ in _files(source)):
        try:
            if path.suffix.lower() not in PARQUET_SUFFIXES:
                size += path.stat().st_size
                continue
            metadata = pq.read_metadata(path)
            groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
            chunks = [group.column(number) for group in groups for number in range(group.num_columns)]
            size += sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema == columns.text)
        except (pa.ArrowException, OSError):
            continue  # reading it will tell what is wrong
    return size


def _files(source: Path) -> Iterator[tuple[Path, str]]:
    """Files of a source in order, each with the name that becomes its edition id."""
    if not source.is_dir():
        yield source, source.stem
        return
    for folder, folders, names in os.walk(source):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            yield path, path.relative_to(source).with_suffix("").as_posix()


def _read_text(path: Path, name: str, metadata: Metadata) -> Book:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BookError(f"book {path} has more than {MOST_BYTES} bytes: cut it into volumes")
        text = path.read_bytes()
    except OSError as error:
        raise BookError(f"cannot read book {path}: {error.strerror}") from error
    known = metadata.of(name, path.name)
    return Book(
        edition_id=name,
        title=known.get("title", path.stem),
        author=known.get("author", ""),
        work_id=known.get("work_id", ""),
        text=text,
        source=str(path),
        source_sha256=file_sha256(path),
    )


def _read_parquet(path: Path, metadata: Metadata, columns: BookColumns) -> Iterator[Book]:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
            present = file.schema_arrow.names
            missing = [name for name in (columns.id, columns.text) if name not in present]
            if missing:
                raise BookError(
                    f"books {path} have no column {' or '.join(missing)}; they have {', '.join(present)}: "
                    "name them with --columns id=...,title=...,author=...,text=..."
                )
            digest = file_sha256(path)
            wanted = [name for name in (columns.id, columns.title, columns.author, columns.text) if name in present]
            number = 0
            for batch in file.iter_batches(batch_size=8, columns=wanted):
                for row in range(batch.num_rows):
                    yield _book_of_row(batch, row, f"{path}#{number}", digest, metadata, columns)
                    number += 1
    except (pa.ArrowException, OSError) as error:
        raise BookError(f"cannot read books {path}: {error}") from error


def _book_of_row(
    batch: pa.RecordBatch, row: int, place: str, digest: str, metadata: Metadata, columns: BookColumns
) -> Book:
    def cell(name: str) -> str:
        if name not in batch.schema.names:
            return ""
        value = batch.column(name)[row].as_py()
        return "" if value is None else str(value)

    edition_id = cell(columns.id)
    text = batch.column(columns.text)[row]
    if not edition_id or not text.is_valid:
        raise BookError(f"book {place} has no {'text' if edition_id else 'id'}")
    known = metadata.of(edition_id, place.rpartition("#")[0])
    return Book(
        edition_id=edition_id,
        title=known.get("title", cell(columns.title)),
        author=known.get("author", cell(columns.author)),
        work_id=known.get("work_id", ""),
        text=_bytes_of(text, place),
        source=place,
        source_sha256=digest,
    )


def _bytes_of(text: pa.Scalar, place: str) -> bytes:
    """Bytes of a string or binary scalar, without decoding, so that invalid UTF-8 survives."""
    try:
        return bytes(text.as_buffer())
    except AttributeError as error:
        raise BookError(f"book {place}: its text column holds {text.type}, not text") from error
