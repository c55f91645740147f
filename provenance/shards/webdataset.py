"""WebDataset: tar files, plain or compressed, in which members with one name up to the first dot are one sample.

A row is the number of its sample, from 0; its id is the key (`__key__`), and a column is what follows the first dot, so
that key and column together are the name of the member.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from provenance.documents import documents_of
from provenance.errors import ShardError, TextColumnError, first_line
from provenance.files.tar import DAMAGE, members_of
from provenance.shards.columns import SOURCE_COLUMNS, URL_COLUMNS, Columns, choose_columns, is_plain
from provenance.shards.fields import JsonColumn, guessed_schema, json_origins, parsed
from provenance.shards.shard import BATCH_ROWS, SAMPLE_ROWS, SMALL_BATCH_ROWS, BadRow, Batch, Field, Part, chunks
from provenance.shards.streams import StreamShard

KEY = "__key__"
TEXT_SUFFIXES = ("txt", "text", "md", "html", "htm")  # members that are texts
JSON_SUFFIX = "json"
SAMPLE_NAME = re.compile(r"((?:.*/)?[^/.]+)\.([^/]+)", re.DOTALL)  # as the webdataset library parts names


class Sample(NamedTuple):
    """Members of one key. Values are bytes of a text, or parsed JSON."""

    key: str
    members: dict[str, Any]
    bad: tuple[str, ...]  # members that were not read, each with the reason


class TarShard(StreamShard):
    """A tar file, read from front to back."""

    kind = "webdataset tar"

    def schema(self) -> pa.Schema:
        """The suffixes of the first samples; texts first, then what the JSON members hold."""
        samples = list(islice(self._samples(), SAMPLE_ROWS))
        names = list(dict.fromkeys(name for sample in samples for name in sample.members))
        if not names:
            raise ShardError(f"shard {self.name} has no member that is text: {', '.join(TEXT_SUFFIXES)} or json")
        fields = [(KEY, pa.string())] + [(name, pa.string()) for name in names if not _is_json(name)]
        for name in filter(_is_json, names):
            objects = [s.members[name] for s in samples if isinstance(s.members.get(name), dict)]
            fields.append((name, pa.struct(list(guessed_schema(objects))) if objects else pa.null()))
        return pa.schema(fields)

    def choose_columns(self) -> Columns:
        """The first of the text suffixes, or a text in the JSON; the id is the key."""
        schema, asked = self.schema(), self.options
        texts = sorted(filter(_is_text, schema.names), key=_rank)
        asked = replace(
            asked,
            text_columns=asked.text_columns or tuple([*texts, *filter(_is_json, schema.names)][:1]),
            id_column=asked.id_column or KEY,
            url_column=asked.url_column or _inside(schema, URL_COLUMNS),
            source_column=asked.source_column or _inside(schema, SOURCE_COLUMNS),
        )
        chosen = choose_columns(schema, self.name, asked)
        if chosen.id != KEY:
            raise TextColumnError(f"the samples of shard {self.name} are named by {KEY}, not by {chosen.id}")
        return chosen

    def batches(self, part: Part, columns: Columns, small: bool = False) -> Iterator[Batch]:
        """The samples in order. A sample without a member of the column has no text."""
        samples, most = self._samples({*columns.names()} - {KEY}), SMALL_BATCH_ROWS if small else BATCH_ROWS
        at = 0
        for taken in chunks(samples, most, _size):
            bad = [
                BadRow(at + n, "bad row", f"sample {sample.key} of shard {self.name}: {reason}")
                for n, sample in enumerate(taken)
                for reason in sample.bad
            ]
            fields = []
            for path in columns.paths:
                values = [sample.members.get(path.top) for sample in taken]
                if not path.steps:
                    fields.append(Field(path.path, documents_of(pa.array(values, pa.large_binary()))))
                    continue
                column = JsonColumn(path, None)
                wrong = {n for n, value in enumerate(values) if column.wrong(value)}
                reason = f"shard {self.name} holds no text in {path.path}"
                bad += [BadRow(at + n, "bad row", f"sample {taken[n].key} of {reason}") for n in sorted(wrong)]
                fields.append(column.field([None if n in wrong else value for n, value in enumerate(values)]))
            ids = pa.array([sample.key for sample in taken], pa.string()) if columns.id == KEY else None
            origins = json_origins(columns, partial(_members_named, taken))
            yield Batch(None, np.arange(at, at + len(taken)), fields, ids, bad, origins)
            at += len(taken)

    def _samples(self, wanted: set[str] | None = None) -> Iterator[Sample]:
        """Consecutive members of one key."""
        key, members, bad = None, dict[str, Any](), list[str]()
        for name, value, reason in self._members(wanted):
            match = SAMPLE_NAME.fullmatch(name)
            of, suffix = (match[1], match[2]) if match else (name, "")
            if key is not None and (of != key or (suffix in members and value is not None)):
                yield Sample(key, members, tuple(bad))
                members, bad = {}, []
            key = of
            if reason:
                bad.append(reason)
            elif value is not None and not suffix:
                bad.append(f"{name} has no key before its suffix")
            elif value is not None:
                members[suffix] = value
        if key is not None:
            yield Sample(key, members, tuple(bad))

    def _members(self, wanted: set[str] | None) -> Iterator[tuple[str, Any, str]]:
        """Every file in the archive: its name, what it holds if it is wanted, and why it was not read."""
        most = self.options.max_row_bytes
        with self.stream() as stream:
            try:
                for member in members_of(stream):
                    if not member.info.isfile():
                        continue
                    name = member.info.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                    suffix = name.rpartition("/")[2].partition(".")[2]
                    if not (suffix in wanted if wanted is not None else _is_text(suffix) or _is_json(suffix)):
                        yield name, None, ""
                    elif member.info.size > most:
                        yield name, None, f"{name} has {member.info.size} bytes: not scanned; see --max-row-bytes"
                    else:
                        data = member.open().read()
                        value = parsed(data) if _is_json(suffix) else data
                        yield name, value, "" if value is not None else f"{name} is no JSON"
            except (*DAMAGE, OSError) as error:
                raise ShardError(f"shard {self.name} is damaged: {first_line(error)}") from error


def _inside(schema: pa.Schema, names: tuple[str, ...]) -> str | None:
    """The first known name inside a JSON member."""
    paths = (f"{name}.{inner}" for name in schema.names if _is_json(name) for inner in names)
    return next((path for path in paths if is_plain(path, schema)), None)


def _members_named(samples: list[Sample], name: str) -> list[Any]:
    """Of each sample the member of a name; a text as such, a line end behind it left out."""
    values = [sample.members.get(name) for sample in samples]
    return [value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else value for value in values]


def _rank(suffix: str) -> tuple[int, int]:
    """Plain suffixes go before longer ones, and both in the order of TEXT_SUFFIXES."""
    return suffix not in TEXT_SUFFIXES, TEXT_SUFFIXES.index(suffix.lower().rpartition(".")[2])


def _is_text(suffix: str) -> bool:
    return suffix.lower().rpartition(".")[2] in TEXT_SUFFIXES


def _is_json(suffix: str) -> bool:
    return suffix.rpartition(".")[2] == JSON_SUFFIX


def _size(sample: Sample) -> int:
    """Bytes of its texts, and about those of its JSON."""
    return sum(len(value) if isinstance(value, bytes) else 1000 for value in sample.members.values())
