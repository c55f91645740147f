"""The child process that looks into shards without an index: what they hold, for `inspect`, or some of their rows."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pyarrow as pa
from msgspec.structs import replace

from provenance.errors import TextColumnError
from provenance.files.digests import file_sha256
from provenance.isolation.child import LADDER, Result, Send, confine, serve
from provenance.isolation.tasks import Progress
from provenance.process.lean import do_without
from provenance.shards.columns import completed, is_tokens, leaf_type
from provenance.shards.fields import id_text
from provenance.shards.opening import open_shard
from provenance.shards.shard import Batch, Options, Shard
from provenance.units import messages
from provenance.units.config import ScanConfig, WorkerLimits
from provenance.units.sampler import sample

InspectorTask = messages.Digest | messages.Inspect | messages.Sample

MOST_SHOWN = 400  # characters of a row's text
MOST_COLUMNS, MOST_TYPE = 200, 200  # columns, and characters of a type


def inspect(path: str, name: str, options: Options, rows: int) -> messages.InspectAnswer:
    """What a shard holds; raises ShardError for one that cannot be read."""
    with open_shard(path, name, options) as shard:
        answer = messages.InspectAnswer(
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
        texts, bad = list[messages.InspectedText](), list[str]()
        for batch in islice(shard.batches(parts[0], columns, small=True), max(1, rows)) if parts else ():
            texts += _texts(batch)
            bad += [row.reason for row in batch.bad]
            if len(texts) >= rows:
                break
        return replace(
            answer,
            text=columns.texts,
            id=columns.id,
            problem=None if options.decoder is None else options.decoder.health.complaint(),
            sample=tuple(texts[:rows]),
            bad=tuple(bad),
            text_bytes=sum(part.text_bytes for part in parts),
        )


def _columns(shard: Shard) -> list[messages.InspectedColumn]:
    """Name, type and what each column could serve as."""
    schema, columns = shard.schema(), []
    for field in list(schema)[:MOST_COLUMNS]:
        path = completed(field.name, schema)
        guess = "" if path is None else "token ids" if is_tokens(leaf_type(path, schema)) else "text"
        columns.append(messages.InspectedColumn(field.name, str(field.type)[:MOST_TYPE], guess))
    return columns


def _texts(batch: Batch) -> list[messages.InspectedText]:
    shown = []
    for field in batch.fields:
        for text in range(len(field.documents)):
            document = field.documents.one(text)
            owner = text if field.owners is None else int(field.owners[text])
            shown.append(
                messages.InspectedText(
                    row=int(batch.rows[owner]),
                    id=None if batch.ids is None else (id_text(batch.ids[owner]) or "")[:MOST_SHOWN],
                    column=field.label(text),
                    bytes=document.size,
                    tokens=None if field.tokens is None else len(field.tokens[text]),
                    text=str(document[: 4 * MOST_SHOWN].data, "utf-8", "replace")[:MOST_SHOWN],
                )
            )
    return sorted(shown, key=lambda text: text.row)


def begin(hello: messages.InspectorHello, payload: memoryview, send: Send) -> Callable[[InspectorTask], Result]:
    """What does tasks, confined."""
    confine(WorkerLimits().memory_bytes)
    options = Options.of(ScanConfig.from_json(hello.config))

    def do(task: InspectorTask) -> Result:
        match task:
            case messages.Digest():
                return messages.DigestAnswer(file_sha256(Path(task.path), lambda: send(Progress(0), b""))), b""
            case messages.Sample():
                return sample(task.path, task.shard, options, hello.rows, hello.seed)
            case messages.Inspect():
                return inspect(task.path, task.shard, options, hello.rows), b""

    return do


def main() -> None:
    """Serve tasks until standard input ends."""
    do_without("pandas", "dateutil")
    serve(messages.InspectorHello, InspectorTask, begin, (*LADDER, (pa.ArrowException, "unreadable")))
