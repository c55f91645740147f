"""A JSON-lines shard written anew, compressed as it was: lines that are not edited stay byte for byte."""

import codecs
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from provenance.cleaning.edits import ANNOTATE, DROP, Edits, Spans, Texts, annotations_in, refuse_tokens
from provenance.cleaning.json_places import raw_places, text_leaves
from provenance.cleaning.masking import Span
from provenance.errors import ShardError
from provenance.matching.annotations import PROV_SCHEMA
from provenance.shards.columns import Columns, TextPath
from provenance.shards.fields import JsonColumn, encodable, parsed
from provenance.shards.jsonl import JsonLinesShard
from provenance.shards.shard import ALONE, Field, Options
from provenance.shards.streams import Stream, compression_of

NOTHING = json.dumps({"prov_works": [], "prov_spans": [], "prov_identity": None, "prov_coverage": 0.0})[1:-1].encode()
PREFIX = b'"prov_'


def rewrite(
    path: str, target: str, columns: Columns, edits: Edits, options: Options, on_bytes: Callable[[int], None]
) -> str:
    """Write the shard at `path` into `target`, edited; returns what could not be kept of it: nothing.

    A few megabytes of lines are held in memory at a time. Raises ShardError for what cannot be edited.
    """
    Path(target).touch()
    with (
        JsonLinesShard(path, edits.shard, options) as shard,
        shard.stream() as stream,
        pa.output_stream(target, compression=compression_of(path)) as out,
    ):
        editor = _Editor(columns, edits, shard.json_columns(columns))
        for number, data in _blocks(stream, options.max_row_bytes):
            if number == 0 and data.startswith(codecs.BOM_UTF8):
                out.write(codecs.BOM_UTF8)
                data = data[len(codecs.BOM_UTF8) :]
            out.write(data if number is None else editor.edited(number, data))
            on_bytes(len(data))
    return ""


def _blocks(stream: Stream, most: int) -> Iterator[tuple[int | None, bytes]]:
    """Whole lines, with the number of the first; pieces of a line that is longer than `most` come without."""
    number, rest, long = 0, b"", False
    while block := stream.read():
        cut = block.rfind(b"\n") + 1
        if long and cut:
            end = block.find(b"\n") + 1
            yield None, block[:end]
            number, long, block, cut = number + 1, False, block[end:], cut - end
        if long:
            yield None, block
        elif cut:
            data = rest + block[:cut]
            yield number, data
            number, rest = number + data.count(b"\n"), block[cut:]
        else:
            rest += block
            if len(rest) > most:
                yield None, rest
                rest, long = b"", True
    if rest:
        yield number, rest


class _Editor:
    """Edits blocks of whole lines."""

    def __init__(self, columns: Columns, edits: Edits, json_columns: list[JsonColumn]) -> None:
        self._name, self._edits, self._paths, self._columns = edits.shard, edits, columns.paths, json_columns
        self._marker = json.dumps(edits.marker.decode())[1:-1].encode()

    def edited(self, number: int, data: bytes) -> bytes:
        """The lines of a block from line `number` on, as they are in the new shard."""
        edits = self._edits
        lines = io.BytesIO(data).readlines()
        filled = [n for n, line in enumerate(lines) if not line.isspace()]
        edits.rows += len(filled)
        passages = edits.between(number, number + len(lines))
        touched = np.unique(passages["row"].to_numpy()) - number
        if not touched.size and edits.mode != ANNOTATE:
            edits.kept += len(filled)
            return data
        rows = [self._object(number + at, lines[at]) for at in touched.tolist()]
        fields = [column.field([row.get(column.top) for row in rows]) for column in self._columns]
        texts = [Texts.of(field, touched + number) for field in fields]
        placed, spans = edits.place(passages, texts)
        if edits.mode == DROP:
            edits.note(placed, pa.nulls(placed.num_rows, pa.int64()))
            gone = set(touched.tolist())
            edits.kept += len(filled) - len(gone)
            return b"".join(line for at, line in enumerate(lines) if at not in gone)
        edits.note(placed, placed["row"])
        edits.changed += touched.size
        edits.kept += len(filled)
        if edits.mode == ANNOTATE:
            self._annotate(number, lines, filled, placed, texts)
        else:
            self._mask(number, lines, fields, texts, spans)
        return b"".join(lines)

    def _object(self, number: int, line: bytes) -> dict[str, object]:
        row = parsed(line)
        if not isinstance(row, dict):
            raise ShardError(
                f"line {number + 1} of shard {self._name} is no JSON object, and was one when it was scanned"
            )
        return row

    def _mask(self, number: int, lines: list[bytes], fields: list[Field], texts: list[Texts], spans: Spans) -> None:
        changes: dict[int, list[Span]] = {}
        for path, field, column in zip(self._paths, fields, texts, strict=True):
            for text, places in spans.get(field.column, {}).items():
                refuse_tokens(field, self._name)
                at = int(column.rows[text]) - number
                item = ALONE if field.items is None else int(field.items[text])
                value = field.documents.one(text).tobytes()
                changes.setdefault(at, []).extend(self._raw_spans(number + at, lines[at], path, item, value, places))
                self._edits.spans += len(places)
        for at, change in changes.items():
            line = lines[at]
            for begin, end in sorted(change, reverse=True):
                line = line[:begin] + self._marker + line[end:]
            lines[at] = line

    def _raw_spans(
        self, number: int, line: bytes, path: TextPath, item: int, value: bytes, places: list[Span]
    ) -> Iterator[Span]:
        """The bytes of a line that hold some bytes of one of its texts; refuses a literal that is not that text."""
        leaf = {leaf.item: leaf for leaf in text_leaves(line, [path.top, *path.steps])}.get(item)
        literal = b"" if leaf is None else line[leaf.begin : leaf.end]
        text = json.loads(b'"' + literal.decode("utf-8", "replace").encode() + b'"')
        if leaf is None or (encodable(text) or "").encode() != value:
            raise ShardError(
                f"line {number + 1} of shard {self._name}: its text in {path.path} cannot be found byte by byte; "
                "use --mode drop"
            )
        raw = raw_places(literal, [place for span in places for place in span])
        for begin, end in zip(raw[::2], raw[1::2], strict=True):
            yield leaf.begin + begin, leaf.begin + end

    def _annotate(
        self, number: int, lines: list[bytes], filled: list[int], placed: pa.Table, texts: list[Texts]
    ) -> None:
        rows, compact = np.unique(placed["row"].to_numpy(), return_inverse=True)  # only those with passages
        nearer = [column._replace(rows=np.searchsorted(rows, column.rows)) for column in texts]
        noted = annotations_in(placed.set_column(0, "row", pa.array(compact)), nearer, 0, rows.size).to_pylist()
        notes = {row - number: json.dumps(note)[1:-1].encode() for row, note in zip(rows.tolist(), noted, strict=True)}
        for at in filled:
            lines[at] = self._with_keys(number + at, lines[at], notes.get(at, NOTHING))

    def _with_keys(self, number: int, line: bytes, keys: bytes) -> bytes:
        """A line with more keys at the end of its object; one that is no object, and was not scanned, stays."""
        if PREFIX in line:
            row = parsed(line)
            if there := [name for name in PROV_SCHEMA.names if isinstance(row, dict) and name in row]:
                raise ShardError(
                    f"line {number + 1} of shard {self._name} has {', '.join(there)} already: annotate the shards that "
                    "had none"
                )
        body = line.rstrip()
        if not body.endswith(b"}") or not line.lstrip().startswith(b"{"):
            return line
        before = body[:-1].rstrip()
        return before + (b"" if before.endswith(b"{") else b", ") + keys + body[len(before) :] + line[len(body) :]
