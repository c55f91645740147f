"""JSON lines, plain or compressed. A row is the number of its line, from 0; blank lines count."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pyarrow as pa

from provenance.documents import documents_of
from provenance.errors import ShardError
from provenance.shards.columns import Columns, is_tokens, leaf_type
from provenance.shards.json_values import JsonColumn, guessed_schema, json_origins, json_texts, parsed
from provenance.shards.shard import SAMPLE_ROWS, BadRow, Batch, Field, Options, Part, Shard
from provenance.shards.streams import BLOCK, Lines, LongLine, Stream, compression_of, lines_of, whole_part

SHORT_LINE = 16  # bytes
TEXT = "c0"  # of a decoded line the field with the text, whose column is read first
FILLED = re.compile(rb"[^\s][^\n]*")  # a line from its first character that is no blank


def _filled(lines: Lines) -> tuple[list[int], list[bytes]]:
    """The lines that are not blank, and their numbers."""
    numbers, filled, number, at = list[int](), list[bytes](), lines.first, 0
    if lines.lines * SHORT_LINE < len(lines.data):  # splitting is faster, but not for very many blank lines
        for number, line in enumerate(lines.data.split(b"\n"), lines.first):
            if line and not line.isspace():
                numbers.append(number)
                filled.append(line)
        return numbers, filled
    for match in FILLED.finditer(lines.data):
        number, at = number + lines.data.count(b"\n", at, match.start()), match.start()
        numbers.append(number)
        filled.append(match.group())
    return numbers, filled


class JsonLinesShard(Shard):
    """A file with one JSON object a line."""

    kind = "jsonl"

    def __init__(self, path: str, name: str, options: Options) -> None:
        """Find out how it is compressed."""
        super().__init__(path, name, options)
        self._compression = compression_of(path)
        self.kind = "jsonl" + (f" ({self._compression})" if self._compression else "")

    def schema(self) -> pa.Schema:
        """The keys of the first rows, with types guessed from their values."""
        rows: list[dict[str, Any]] = []
        with Stream(self.path, self.name, self.options) as stream:
            for lines in lines_of(stream, self.options.max_row_bytes):
                if isinstance(lines, Lines):
                    objects = (parsed(line.group()) for line in islice(FILLED.finditer(lines.data), SAMPLE_ROWS))
                    rows += [row for row in objects if isinstance(row, dict)]
                if len(rows) >= SAMPLE_ROWS or stream.read_bytes > 16 * BLOCK:
                    break
        if not rows:
            raise ShardError(f"shard {self.name} is no JSON lines: no object in its first lines")
        return guessed_schema(rows)

    def parts(self, columns: Columns) -> list[Part]:
        """The whole file; one that is large and not compressed is cut at line ends, and its lines are counted."""
        if self._compression or Path(self.path).stat().st_size <= self.options.unit_bytes:
            return [whole_part(self.path)]
        parts: list[Part] = []
        first = lines = begin = at = 0
        with Stream(self.path, self.name, self.options) as stream:
            while block := stream.read():
                lines += block.count(b"\n")
                end = at + block.rfind(b"\n") + 1
                if end > at and end - begin >= self.options.unit_bytes:
                    parts.append(Part(len(parts), first, lines, end - begin, begin, end))
                    first, lines, begin = first + lines, 0, end
                at += len(block)
        if begin < at:
            parts.append(Part(len(parts), first, None, at - begin, begin, at))
        return parts

    def batches(self, part: Part, columns: Columns, small: bool = False) -> Iterator[Batch]:
        """The rows of a part in order. A line that is no JSON object, or has no text where it should, is a bad row."""
        reader = _Reader(columns, self)
        end = None if self._compression else part.end
        with Stream(self.path, self.name, self.options, part.begin, end) as stream:
            for lines in lines_of(stream, self.options.max_row_bytes, part.first_row):
                if isinstance(lines, LongLine):
                    reason = (
                        f"line {lines.number + 1} of shard {self.name} has {lines.size} bytes: not scanned; "
                        "see --max-row-bytes"
                    )
                    bad = [BadRow(lines.number, "row too long", reason)]
                    yield Batch(None, np.empty(0, dtype=np.int64), (), None, bad)
                else:
                    yield reader.batch(lines)


class _Reader:
    """Lines to batches for given columns: the fast way for a block of good lines, else line by line."""

    def __init__(self, columns: Columns, shard: JsonLinesShard) -> None:
        self._columns, self._shard = columns, shard
        schema = shard.schema() if shard.options.decoder is not None else None
        self._columns_of_json = [
            JsonColumn(path, shard.options.decoder if schema and is_tokens(leaf_type(path.path, schema)) else None)
            for path in columns.paths
        ]
        self._keys = {name: f"c{number}" for number, name in enumerate(columns.names())}
        self._decode = self._fast_decoder()

    def _fast_decoder(self) -> Callable[[bytes], object] | None:
        """Decodes a line to what is scanned of it, where that is one plain column; None elsewhere."""
        columns = self._columns
        if len(columns.paths) > 1 or columns.paths[0].steps:
            return None
        names = {field: name for name, field in self._keys.items()}
        kinds: list[tuple[str, Any, Any]] = [(name, str | None if name == TEXT else Any, None) for name in names]
        try:
            row = msgspec.defstruct("Row", kinds, rename=names)
        except ValueError:  # a name with a quote in it
            return None
        return cast(Callable[[bytes], object], msgspec.json.Decoder(row).decode)

    def batch(self, lines: Lines) -> Batch:
        numbers, filled = _filled(lines)
        if self._decode is not None:
            try:
                rows = [self._decode(line) for line in filled]
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                return self._slowly(numbers, filled)

            def values(name: str) -> list[Any]:
                return [getattr(row, self._keys[name]) for row in rows]

            path = self._columns.texts[0]
            fields = [Field(path, documents_of(pa.array(values(path), pa.large_string())))]
            ids = None if self._columns.id is None else json_texts(values(self._columns.id))
            origins = json_origins(self._columns, values)
            return Batch(None, np.array(numbers, dtype=np.int64), fields, ids, origins=origins)
        return self._slowly(numbers, filled)

    def _slowly(self, filled_numbers: list[int], filled: list[bytes]) -> Batch:
        """What is wrong with a line costs that line."""
        rows: list[dict[str, Any]] = []
        numbers: list[int] = []
        bad: list[BadRow] = []
        for number, line in zip(filled_numbers, filled, strict=True):
            row = parsed(line)
            if not isinstance(row, dict):
                reason = f"line {number + 1} of shard {self._shard.name} is no JSON object"
                bad.append(BadRow(number, "bad row", reason))
                continue
            wrong = [column.path for column in self._columns_of_json if column.wrong(row.get(column.top))]
            if wrong:
                reason = f"line {number + 1} of shard {self._shard.name} holds no text in {', '.join(wrong)}"
                bad.append(BadRow(number, "bad row", reason))
                continue
            numbers.append(number)
            rows.append(row)
        ids = None if self._columns.id is None else json_texts([row.get(self._columns.id) for row in rows])
        fields = [column.field([row.get(column.top) for row in rows]) for column in self._columns_of_json]
        origins = json_origins(self._columns, lambda top: [row.get(top) for row in rows])
        return Batch(None, np.array(numbers, dtype=np.int64), fields, ids, bad, origins)
