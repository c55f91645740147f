"""WARC and WET, of which every record is a row. Text is that of `conversion` records, and of HTML and plain text in
`response` and `resource` records; other records have none. The id is the record's `WARC-Record-ID`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from provenance.documents import documents_of
from provenance.errors import BookError, MissingExtraError, ShardError, first_line
from provenance.process.extras import fastwarc_warc, load
from provenance.readers.html import read_html
from provenance.readers.limits import Limits
from provenance.shards.columns import Columns, choose_columns
from provenance.shards.http_body import decoded
from provenance.shards.shard import BATCH_BYTES, BATCH_ROWS, BadRow, Batch, Field, Options, Origins, Part, Shard
from provenance.shards.streams import Stream, whole_part

WITH_TEXT = ("conversion", "response", "resource")
KNOWN = (*WITH_TEXT, "warcinfo", "request", "metadata", "revisit", "continuation")
ONCE = ("warc-type", "warc-record-id", "content-length")  # headers that a record has once
HTML = ("text/html", "application/xhtml+xml")
SCHEMA = pa.schema([("warc_record_id", pa.string()), ("url", pa.string()), ("text", pa.string())])


class WarcShard(Shard):
    """A WARC file; record by record compressed or not."""

    kind = "warc"

    def __init__(self, path: str, name: str, options: Options) -> None:
        """Raises ShardError without the extra `warc`."""
        super().__init__(path, name, options)
        try:
            load("fastwarc")
        except MissingExtraError as error:
            raise ShardError(f"shard {name} is WARC: {error}") from error

    def schema(self) -> pa.Schema:
        """What is known of a record."""
        return SCHEMA

    def choose_columns(self) -> Columns:
        """The text, and the record's id unless the URL is asked for."""
        asked = self.options
        return choose_columns(SCHEMA, self.name, replace(asked, id_column=asked.id_column or SCHEMA.names[0]))

    def parts(self, columns: Columns) -> list[Part]:
        """The whole file."""
        return [whole_part(self.path)]

    def batches(self, part: Part, columns: Columns, small: bool = False) -> Iterator[Batch]:
        """The records in order."""
        rows: list[tuple[str, str, bytes | None]] = []
        bad: list[BadRow] = []
        first = size = 0
        for record_id, url, text, problem in self._records():
            rows.append((record_id, url, text))
            size += len(text or b"")
            if problem:
                bad.append(BadRow(first + len(rows) - 1, *problem))
            if small or size >= BATCH_BYTES or len(rows) >= BATCH_ROWS:
                yield self._batch(first, rows, bad, columns)
                first, rows, bad, size = first + len(rows), [], [], 0
        if rows:
            yield self._batch(first, rows, bad, columns)

    def _batch(
        self, first: int, rows: list[tuple[str, str, bytes | None]], bad: list[BadRow], columns: Columns
    ) -> Batch:
        by_name = dict(zip(SCHEMA.names, zip(*rows, strict=True), strict=True))
        texts = [Field(path, documents_of(pa.array(by_name[path], pa.large_binary()))) for path in columns.texts]
        ids = None if columns.id is None else pa.array(by_name[columns.id], pa.string())
        urls, sources = (
            None if path is None else pa.array([value or None for value in by_name[path.path]], pa.string())
            for path in columns.origins
        )
        return Batch(None, np.arange(first, first + len(rows)), texts, ids, bad, Origins(urls, sources))

    def _records(self) -> Iterator[tuple[str, str, bytes | None, tuple[str, str] | None]]:
        """Id, URL and text of every record, and what was wrong with it."""
        with Stream(self.path, self.name, self.options) as stream:
            try:
                least = 0
                for number, record in enumerate(fastwarc_warc.ArchiveIterator(stream)):
                    least = record.stream_pos + _least_size(record)
                    text, problem = self._text(record, number)
                    yield record.record_id or "", record.headers.get("WARC-Target-URI") or "", text, problem
                if stream.read_bytes < least:
                    raise ShardError(f"shard {self.name} is damaged: its last record is cut short")
            except (OSError, ValueError, EOFError) as error:
                if isinstance(error, ShardError):
                    raise
                raise ShardError(f"shard {self.name} is damaged: {first_line(error)}") from error

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
                data = decoded(data, headers.get("transfer-encoding", ""), headers.get("content-encoding", ""), most)
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
