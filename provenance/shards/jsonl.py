"""JSON lines, plain or compressed. A row is the number of its line, from 0; blank lines count."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pyarrow as pa

from provenance.documents import documents_of
from provenance.errors import ShardError
from provenance.shards.columns import Columns, is_tokens, leaf_type
from provenance.shards.fields import JsonColumn, guessed_schema, json_origins, json_texts, parsed
from provenance.shards.shard import SAMPLE_ROWS, BadRow, Batch, Field, Options, Part
from provenance.shards.streams import BLOCK, Lines, StreamShard, compression_of, lines_of

SHORT_LINE = 16  # bytes
TEXT = "c0"  # of a decoded line the field with the text, whose column is read first
FILLED = re.compile(rb"[^\s][^\n]*")  # a line from its first character that is no blank


@lru_cache(maxsize=16)  # many small shards have the same columns
def _fast_decoder(columns: tuple[str, ...]) -> Callable[[bytes], object] | None:
    """Decodes a line to what is scanned of it, the fields `c0`, `c1` ...; None where the names do not allow it."""
    names = {f"c{number}": name for number, name in enumerate(columns)}
    kinds: list[tuple[str, Any, Any]] = [(name, str | None if name == TEXT else Any, None) for name in names]
    try:
        row = msgspec.defstruct("Row", kinds, rename=names)
    except ValueError:  # a name with a quote in it
        return None
    return cast(Callable[[bytes], object], msgspec.json.Decoder(row).decode)


def _filled(lines: Lines) -> list[tuple[int, bytes]]:
    """The lines that are not blank, and their numbers."""
    if lines.lines * SHORT_LINE < len(lines.data):  # splitting is faster, but not for very many blank lines
        numbered = enumerate(lines.data.split(b"\n"), lines.first)
        return [(number, line) for number, line in numbered if line and not line.isspace()]
    filled, number, at = list[tuple[int, bytes]](), lines.first, 0
    for match in FILLED.finditer(lines.data):
        number, at = number + lines.data.count(b"\n", at, match.start()), match.start()
        filled.append((number, match.group()))
    return filled


class JsonLinesShard(StreamShard):
    """A file with one JSON object a line."""

    kind = "jsonl"

    def __init__(self, path: str, name: str, options: Options) -> None:
        super().__init__(path, name, options)
        self._compression = compression_of(path)
        self.kind = "jsonl" + (f" ({self._compression})" if self._compression else "")

    def schema(self) -> pa.Schema:
        """The keys of the first rows, with types guessed from their values."""
        rows: list[dict[str, Any]] = []
        with self.stream() as stream:
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
            return super().parts(columns)
        parts: list[Part] = []
        first = lines = begin = at = 0
        with self.stream() as stream:
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
        with self.stream(part.begin, None if self._compression else part.end) as stream:
            for lines in lines_of(stream, self.options.max_row_bytes, part.first_row):
                if isinstance(lines, Lines):
                    yield reader.batch(lines)
                    continue
                size = f"{lines.size} bytes: not scanned; see --max-row-bytes"
                bad = BadRow(lines.number, "row too long", f"line {lines.number + 1} of shard {self.name} has {size}")
                yield Batch(None, np.empty(0, dtype=np.int64), (), None, [bad])

    def json_columns(self, columns: Columns) -> list[JsonColumn]:
        """The columns of texts; token ids are decoded where there is a tokenizer."""
        decoder = self.options.decoder
        if decoder is None:
            return [JsonColumn(path, None) for path in columns.paths]
        schema = self.schema()
        return [
            JsonColumn(path, decoder if is_tokens(leaf_type(path.path, schema)) else None) for path in columns.paths
        ]


class _Reader:
    """Lines to batches for given columns: the fast way for a block of good lines, else line by line."""

    def __init__(self, columns: Columns, shard: JsonLinesShard) -> None:
        self._columns, self._shard = columns, shard
        self._json_columns = shard.json_columns(columns)
        self._keys = {name: f"c{number}" for number, name in enumerate(columns.names())}
        is_plain = len(columns.paths) == 1 and not columns.paths[0].steps
        self._decode = _fast_decoder(tuple(self._keys)) if is_plain else None

    def batch(self, lines: Lines) -> Batch:
        filled = _filled(lines)
        if self._decode is not None:
            with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                return self._quickly([number for number, _ in filled], [self._decode(line) for _, line in filled])
        return self._slowly(filled)

    def _quickly(self, numbers: list[int], rows: list[object]) -> Batch:
        def values(name: str) -> list[Any]:
            return [getattr(row, self._keys[name]) for row in rows]

        path = self._columns.texts[0]
        fields = [Field(path, documents_of(pa.array(values(path), pa.large_string())))]
        return self._batch(numbers, values, fields, ())

    def _slowly(self, lines: list[tuple[int, bytes]]) -> Batch:
        """What is wrong with a line costs that line."""
        rows, bad = dict[int, dict[str, Any]](), list[BadRow]()
        for number, line in lines:
            row = parsed(line)
            if not isinstance(row, dict):
                problem = "is no JSON object"
            elif wrong := [column.path for column in self._json_columns if column.wrong(row.get(column.top))]:
                problem = f"holds no text in {', '.join(wrong)}"
            else:
                rows[number] = row
                continue
            bad.append(BadRow(number, "bad row", f"line {number + 1} of shard {self._shard.name} {problem}"))

        def values(name: str) -> list[Any]:
            return [row.get(name) for row in rows.values()]

        fields = [column.field(values(column.top)) for column in self._json_columns]
        return self._batch(list(rows), values, fields, bad)

    def _batch(
        self, numbers: list[int], values: Callable[[str], list[Any]], fields: list[Field], bad: Sequence[BadRow]
    ) -> Batch:
        ids = None if self._columns.id is None else json_texts(values(self._columns.id))
        return Batch(None, np.array(numbers, dtype=np.int64), fields, ids, bad, json_origins(self._columns, values))
