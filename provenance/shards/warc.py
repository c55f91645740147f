"""WARC and WET, of which every record is a row. Text is that of `conversion` records, and of HTML and plain text in
`response` and `resource` records; other records have none. The id is the record's `WARC-Record-ID`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from provenance.documents import documents_of
from provenance.errors import BookError, MissingExtraError, ShardError
from provenance.process.extras import fastwarc_warc, load
from provenance.readers.html import read_html
from provenance.readers.limits import Limits
from provenance.shards.columns import Columns, choose_columns
from provenance.shards.shard import BATCH_ROWS, BadRow, Batch, Field, Options, Origins, Part, chunks, read_errors
from provenance.shards.streams import StreamShard

WITH_TEXT = ("conversion", "response", "resource")
KNOWN = (*WITH_TEXT, "warcinfo", "request", "metadata", "revisit", "continuation")
ONCE = ("warc-type", "warc-record-id", "content-length")  # headers that a record has once
HTML = ("text/html", "application/xhtml+xml")
GZIP_MAGIC = b"\x1f\x8b"
SCHEMA = pa.schema([("warc_record_id", pa.string()), ("url", pa.string()), ("text", pa.string())])


class Record(NamedTuple):
    """What is read of a WARC record."""

    warc_record_id: str
    url: str
    text: bytes | None
    problem: tuple[str, str] | None  # its kind, and what was wrong


class WarcShard(StreamShard):
    """A WARC file; record by record compressed or not."""

    kind = "warc"
    _schema = SCHEMA

    def __init__(self, path: str, name: str, options: Options) -> None:
        super().__init__(path, name, options)
        try:
            load("fastwarc")
        except MissingExtraError as error:
            raise ShardError(f"shard {name} is WARC: {error}") from error

    def choose_columns(self) -> Columns:
        """The text, and the record's id unless the URL is asked for."""
        asked = self.options
        return choose_columns(SCHEMA, self.name, replace(asked, id_column=asked.id_column or SCHEMA.names[0]))

    def batches(self, part: Part, columns: Columns, small: bool = False) -> Iterator[Batch]:
        """The records in order."""
        first = 0
        for records in chunks(self._records(), 1 if small else BATCH_ROWS, lambda record: len(record.text or b"")):
            by_name = {name: [getattr(record, name) for record in records] for name in SCHEMA.names}
            texts = [Field(path, documents_of(pa.array(by_name[path], pa.large_binary()))) for path in columns.texts]
            ids = None if columns.id is None else pa.array(by_name[columns.id], pa.string())
            urls, sources = (
                path and pa.array([value or None for value in by_name[path.path]], pa.string())
                for path in (columns.url, columns.source)
            )
            bad = [BadRow(row, *record.problem) for row, record in enumerate(records, first) if record.problem]
            yield Batch(None, np.arange(first, first + len(records)), texts, ids, bad, Origins(urls, sources))
            first += len(records)

    def _records(self) -> Iterator[Record]:
        with self.stream() as stream, read_errors(f"shard {self.name} is damaged"):
            least = 0
            for number, record in enumerate(fastwarc_warc.ArchiveIterator(stream)):
                least = record.stream_pos + _least_size(record)
                url = record.headers.get("WARC-Target-URI") or ""
                yield Record(record.record_id or "", url, *self._text(record, number))
            if stream.read_bytes < least:
                raise ValueError("its last record is cut short")

    def _text(self, record: fastwarc_warc.WarcRecord, number: int) -> tuple[bytes | None, tuple[str, str] | None]:
        kind = str(record.record_type)
        if kind not in KNOWN:
            return None, ("bad row", f"record {number} of shard {self.name} has no type: its header is damaged")
        media = (record.http_content_type or record.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        if kind not in WITH_TEXT or not (media in HTML or media == "text/plain" or kind == "conversion"):
            return None, None
        most = self.options.max_row_bytes
        data = record.reader.read(most + 1)
        if len(data) <= most and record.http_headers is not None:
            headers = {name.lower(): value for name, value in record.http_headers.items()}
            try:
                data = _decoded(data, headers.get("transfer-encoding", ""), headers.get("content-encoding", ""), most)
            except ValueError as error:
                return None, ("bad row", f"record {number} of shard {self.name} cannot be read: {error}")
        if len(data) > most:
            return None, ("row too long", f"record {number} of shard {self.name} is too long: see --max-row-bytes")
        if media in HTML:
            try:
                return read_html(data, Limits()).text, None
            except BookError as error:
                return None, ("bad row", f"record {number} of shard {self.name} is no HTML that can be read: {error}")
        return data, None


def _least_size(record: fastwarc_warc.WarcRecord) -> int:
    """Bytes of a record in its file, at least: the parser takes one that is cut short for whole. Raises ValueError."""
    header = sum(len(name.encode()) + len(value.encode()) + len(":\r\n") for name, value in record.headers.items())
    names = [name.lower() for name, _ in record.headers.items()]
    if any(names.count(name) > 1 for name in ONCE):
        raise ValueError(f"record {record.record_id or 'without id'} is cut short: its header runs into the next")
    length = record.headers.get("Content-Length") or ""
    if not length.isdecimal():
        raise ValueError(f"record {record.record_id or 'without id'} does not say how long it is")
    return len("WARC/1.0\r\n") + header + len("\r\n") + int(length)


def _decoded(data: bytes, transfer: str, content: str, most: int) -> bytes:
    """The body as it was meant, at most `most` bytes and one more; raises ValueError where it is damaged: one bad body
    must cost no other.

    `transfer` and `content` are the values of Transfer-Encoding and Content-Encoding. Crawlers keep these headers also
    for bodies that they have decoded: what does not look encoded is taken as it is.
    """
    if "chunked" in transfer.lower() and _begins_chunk(data):
        data = _unchunked(data)
    for encoding in reversed([name.strip().lower() for name in content.split(",") if name.strip()]):
        if encoding in ("gzip", "x-gzip"):
            data = _inflated(data, 31, most) if data.startswith(GZIP_MAGIC) else data
        elif encoding == "deflate":
            data = _inflated(data, 15 if data[:1] == b"\x78" else -15, most)
        elif encoding != "identity":
            raise ValueError(f"it is encoded as {encoding}, which is not read")
    return data


def _inflated(data: bytes, window: int, most: int) -> bytes:
    engine = zlib.decompressobj(window)
    try:
        plain = engine.decompress(data, most + 1)
    except zlib.error as error:
        raise ValueError(f"its compressed body is damaged: {error}") from error
    if not engine.eof and len(plain) <= most:
        raise ValueError("its compressed body is cut short")
    return plain


def _begins_chunk(data: bytes) -> bool:
    size = data[:16].partition(b"\r\n")[0].partition(b";")[0].strip()
    return bool(size) and all(digit in b"0123456789abcdefABCDEF" for digit in size)


def _unchunked(data: bytes) -> bytes:
    pieces, at = list[bytes](), 0
    while True:
        end = data.find(b"\r\n", at)
        try:
            size = int(data[at : max(end, at)].partition(b";")[0], 16)
        except ValueError:
            raise ValueError("its chunks are damaged") from None
        if size == 0:
            return b"".join(pieces)
        if size < 0 or end + 2 + size > len(data):
            raise ValueError("its chunks are cut short")
        pieces.append(data[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
