"""The child process that talks to object stores: lists, and fetches objects whole. It parses nothing it fetches."""

from datetime import datetime
from functools import partial
from pathlib import Path

from msgspec.structs import asdict

from provenance.errors import ProvenanceError, StorageError
from provenance.isolation.child import LADDER, Result, serve
from provenance.storage.fetching import fetch
from provenance.storage.listing import list_remote
from provenance.storage.stores import RemoteObject
from provenance.units.messages import Fetch, FetchAnswer, FetcherHello, List, ListAnswer, StoredObject

FETCH_LADDER = ((StorageError, "storage"), *LADDER[:2], (OSError, "storage"), (ProvenanceError, "usage"))


def do(task: List | Fetch, anonymous: bool) -> Result:
    """The result of a task."""
    if isinstance(task, List):
        return ListAnswer(tuple(map(_stored, list_remote(task.shard, anonymous)))), b""
    fetched = [
        fetch(_remote(item), Path(target), anonymous=anonymous)
        for item, target in zip(task.objects, task.targets, strict=True)
    ]
    first = fetched[0].object
    return FetchAnswer(fetched[0].sha256, first.bytes, first.version or first.etag), b""


def _stored(item: RemoteObject) -> StoredObject:
    return StoredObject(**{**item.__dict__, "modified": item.modified.isoformat() if item.modified else None})


def _remote(item: StoredObject) -> RemoteObject:
    modified = datetime.fromisoformat(item.modified) if item.modified else None
    return RemoteObject(**{**asdict(item), "modified": modified})


def main() -> None:
    """Serve tasks until standard input ends."""
    serve(FetcherHello, List | Fetch, lambda hello, payload, send: partial(do, anonymous=hello.anonymous), FETCH_LADDER)
