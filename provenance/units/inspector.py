"""The child process that looks into shards without an index: what is in them, for `provenance inspect`, or some of
their rows.
"""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pyarrow as pa
from msgspec.structs import replace

from provenance.errors import TextColumnError
from provenance.files.digests import file_sha256
from provenance.isolation.child import LADDER, Result, Send, confine, serve
from provenance.isolation.tasks import Progress
from provenance.shards.columns import Columns, completed, is_tokens, leaf_type
from provenance.shards.fields import id_text
from provenance.shards.opening import open_shard
from provenance.shards.shard import Batch, Options, Part, Shard
from provenance.units.config import ScanConfig, WorkerLimits
from provenance.units.messages import (
    Digest,
    DigestAnswer,
    Inspect,
    InspectAnswer,
    InspectedColumn,
    InspectedText,
    InspectorHello,
    Sample,
)
from provenance.units.sampler import sample

MOST_SHOWN = 400  # characters of a row's text
MOST_COLUMNS, MOST_TYPE = 200, 200  # columns, and characters of a type


def inspect(path: str, name: str, options: Options, rows: int) -> InspectAnswer:
    """What a shard holds; raises ShardError for one that cannot be read."""
    with open_shard(path, name, options) as shard:
        answer = InspectAnswer(
            format=shard.kind,
            bytes=Path(path).stat().st_size,
            rows=shard.rows,
            row_groups=shard.groups or None,
            columns=tuple(_columns(shard)),
        )
        try:
            columns = shard.choose_columns()
        except TextColumnError as error:
            return replace(answer, problem=str(error))
        parts = shard.parts(columns)
        sample, bad = _first_rows(shard, parts[:1], columns, rows)
        return replace(
            answer,
            text=columns.texts,
            id=columns.id,
            problem=None if options.decoder is None else options.decoder.health.complaint(),
            sample=tuple(sample[:rows]),
            bad=tuple(bad),
            text_bytes=sum(part.text_bytes for part in parts),
        )


def _first_rows(shard: Shard, parts: list[Part], columns: Columns, rows: int) -> tuple[list[InspectedText], list[str]]:
    """Texts of the first rows, and what is wrong with others of them."""
    sample, bad = list[InspectedText](), list[str]()
    for part in parts:
        for batch in islice(shard.batches(part, columns, small=True), max(1, rows)):
            sample += _sample(batch, columns)
            bad += [row.reason for row in batch.bad]
            if len(sample) >= rows:
                break
    return sample, bad


def _columns(shard: Shard) -> list[InspectedColumn]:
    """Name, type and what each column could serve as."""
    schema, columns = shard.schema(), []
    for field in list(schema)[:MOST_COLUMNS]:
        path = completed(field.name, schema)
        guess = "" if path is None else "token ids" if is_tokens(leaf_type(path, schema)) else "text"
        columns.append(InspectedColumn(field.name, str(field.type)[:MOST_TYPE], guess))
    return columns


def _sample(batch: Batch, columns: Columns) -> list[InspectedText]:
    shown = []
    for field in batch.fields:
        for text in range(len(field.documents)):
            document = field.documents.one(text)
            owner = text if field.owners is None else int(field.owners[text])
            shown.append(
                InspectedText(
                    row=int(batch.rows[owner]),
                    id=None if batch.ids is None else (id_text(batch.ids[owner]) or "")[:MOST_SHOWN],
                    column=field.label(text),
                    bytes=document.size,
                    tokens=None if field.tokens is None else len(field.tokens[text]),
                    text=str(document[: 4 * MOST_SHOWN].data, "utf-8", "replace")[:MOST_SHOWN],
                )
            )
    return sorted(shown, key=lambda text: text.row)


class Inspector:
    """Does tasks."""

    def __init__(self, hello: InspectorHello, send: Send) -> None:
        self._send = send
        self._rows, self._seed = hello.rows, hello.seed
        self._options = Options.of(ScanConfig.from_json(hello.config))

    def do(self, task: Digest | Inspect | Sample) -> Result:
        """The result of a task."""
        if isinstance(task, Digest):
            return DigestAnswer(file_sha256(Path(task.path), lambda: self._send(Progress(0), b""))), b""
        if isinstance(task, Sample):
            return sample(task.path, task.shard, self._options, self._rows, self._seed)
        return inspect(task.path, task.shard, self._options, self._rows), b""


def begin(hello: InspectorHello, payload: memoryview, send: Send) -> Callable[[Digest | Inspect | Sample], Result]:
    """What does tasks, confined."""
    confine(WorkerLimits().memory_bytes)
    return Inspector(hello, send).do


def main() -> None:
    """Serve tasks until standard input ends."""
    serve(InspectorHello, Digest | Inspect | Sample, begin, (*LADDER, (pa.ArrowException, "unreadable")))
