"""The child process that talks to object stores: lists, and fetches objects whole. It parses nothing it fetches."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from provenance.errors import OutputError, ProvenanceError, StorageError
from provenance.isolation.child import Send, from_parent, to_parent
from provenance.storage.fetching import fetch
from provenance.storage.listing import list_remote
from provenance.storage.stores import RemoteObject


def do(task: dict[str, Any], anonymous: bool, send: Send) -> None:
    """Do one task, `list` or `fetch`, and send its result."""
    header: dict[str, Any] = {"kind": "done", "task": task["task"], "shard": task["shard"]}
    try:
        if task["task"] == "list":
            header["objects"] = [_told(item) for item in list_remote(task["shard"], anonymous)]
        else:
            fetched = [
                fetch(_object(item), Path(target), anonymous=anonymous)
                for item, target in zip(task["objects"], task["targets"], strict=True)
            ]
            shard = fetched[0].object
            header.update(sha256=fetched[0].sha256, bytes=shard.bytes, version=shard.version or shard.etag)
    except (ProvenanceError, OSError) as error:
        kind = "storage" if isinstance(error, (StorageError, OSError)) else "usage"
        header.update(error=str(error), error_kind="disk" if isinstance(error, OutputError) else kind)
        header["error_name"] = type(error).__name__
    send(header, b"")


def _told(item: RemoteObject) -> dict[str, Any]:
    """An object as JSON."""
    return {**asdict(item), "modified": item.modified.isoformat() if item.modified else None}


def _object(told: dict[str, Any]) -> RemoteObject:
    modified = told["modified"]
    return RemoteObject(**{**told, "modified": datetime.fromisoformat(modified) if modified else None})


def main() -> None:
    """Serve tasks until standard input ends."""
    send = to_parent()
    (hello, _), tasks = from_parent()
    send({"kind": "ready"}, b"")
    for task in tasks:
        do(task, bool(hello.get("anonymous")), send)
