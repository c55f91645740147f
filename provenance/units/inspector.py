"""The child process that looks into shards without an index: what is in them, for `provenance inspect`, or some of
their rows.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from provenance.documents import document_bytes, document_sizes
from provenance.errors import ProvenanceError, TextColumnError
from provenance.files.digests import file_sha256
from provenance.isolation.child import confine, from_parent, to_parent
from provenance.shards.columns import Columns, completed, is_tokens, leaf_type
from provenance.shards.fields import id_text
from provenance.shards.opening import open_shard
from provenance.shards.shard import Batch, Options, Shard
from provenance.units.config import ScanConfig, WorkerLimits
from provenance.units.sampler import sample

MOST_SHOWN = 400  # characters of a row's text
MOST_COLUMNS, MOST_TYPE = 200, 200  # columns, and characters of a type


def inspect(path: str, name: str, options: Options, rows: int) -> dict[str, Any]:
    """What a shard holds; raises ShardError for one that cannot be read."""
    with open_shard(path, name, options) as shard:
        found: dict[str, Any] = {
            "format": shard.kind,
            "bytes": Path(path).stat().st_size,
            "rows": shard.rows,
            "row_groups": shard.groups or None,
            "columns": _columns(shard),
            "text": [],
            "id": None,
            "problem": None,
            "sample": [],
            "bad": [],
        }
        try:
            columns = shard.choose_columns()
        except TextColumnError as error:
            found["problem"] = str(error)
            return found
        found.update(text=list(columns.texts), id=columns.id)
        parts = shard.parts(columns)
        found["text_bytes"] = sum(part.text_bytes for part in parts)
        for part in parts[:1]:
            for batch in islice(shard.batches(part, columns, small=True), max(1, rows)):
                found["sample"] += _sample(batch, columns)
                found["bad"] += [bad.reason for bad in batch.bad]
                if len(found["sample"]) >= rows:
                    break
        found["sample"] = found["sample"][:rows]
        if options.decoder is not None:
            found["problem"] = options.decoder.health.complaint()
        return found


def _columns(shard: Shard) -> list[dict[str, Any]]:
    """Name, type and what each column could serve as."""
    schema, columns = shard.schema(), []
    for field in list(schema)[:MOST_COLUMNS]:
        path = completed(field.name, schema)
        guess = "" if path is None else "token ids" if is_tokens(leaf_type(path, schema)) else "text"
        columns.append({"name": field.name, "type": str(field.type)[:MOST_TYPE], "holds": guess})
    return columns


def _sample(batch: Batch, columns: Columns) -> list[dict[str, Any]]:
    shown = []
    for field in batch.fields:
        data, starts = document_bytes(field.texts)
        sizes = document_sizes(field.texts)
        for text in range(len(field.texts)):
            begin, size = int(starts[text]), int(sizes[text])
            owner = text if field.owners is None else int(field.owners[text])
            shown.append(
                {
                    "row": int(batch.rows[owner]),
                    "id": None if batch.ids is None else (id_text(batch.ids[owner]) or "")[:MOST_SHOWN],
                    "column": field.label(text),
                    "bytes": size,
                    "tokens": None if field.tokens is None else len(field.tokens[text]),
                    "text": str(data[begin : begin + min(size, 4 * MOST_SHOWN)], "utf-8", "replace")[:MOST_SHOWN],
                }
            )
    return sorted(shown, key=lambda row: row["row"])


def main() -> None:
    """Serve tasks until standard input ends."""
    send = to_parent()
    confine(WorkerLimits().memory_bytes)
    (hello, _), tasks = from_parent()
    try:
        options = Options.of(ScanConfig.from_json(hello["config"]))
    except ProvenanceError as error:
        send({"kind": "refused", "error": str(error)}, b"")
        return
    send({"kind": "ready"}, b"")
    for task in tasks:
        header: dict[str, Any] = {"kind": "done", "task": task["task"], "shard": task["shard"]}
        payload: bytes | memoryview = b""
        try:
            if task["task"] == "digest":
                header["sha256"] = file_sha256(Path(task["path"]), lambda: send({"kind": "progress", "bytes": 0}, b""))
            elif task["task"] == "sample":
                looked, payload = sample(task["path"], task["shard"], options, hello["rows"], hello["seed"])
                header.update(looked)
            else:
                header.update(inspect(task["path"], task["shard"], options, hello["rows"]))
        except (ProvenanceError, OSError, MemoryError, pa.ArrowException) as error:
            header.update(error=str(error) or type(error).__name__, error_kind="unreadable")
        except Exception as error:  # a fault of ours that hostile data found
            reason = f"shard {task['shard']}: {type(error).__name__}: {error}; please report this"
            header.update(error=reason, error_kind="fault")
        send(header, payload)
