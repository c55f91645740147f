"""The child process that talks to object stores: lists, and fetches objects whole. It parses nothing it fetches."""

from functools import partial
from pathlib import Path

from provenance.errors import ProvenanceError, StorageError
from provenance.isolation.child import LADDER, Result, serve
from provenance.storage.fetching import fetch
from provenance.storage.listing import list_remote
from provenance.units.messages import Fetch, FetchAnswer, FetcherHello, List, ListAnswer

FETCH_LADDER = ((StorageError, "storage"), *LADDER[:2], (OSError, "storage"), (ProvenanceError, "usage"))


def do(task: List | Fetch, anonymous: bool) -> Result:
    """The result of a task."""
    if isinstance(task, List):
        return ListAnswer(tuple(list_remote(task.shard, anonymous))), b""
    fetched = [
        fetch(item, Path(target), anonymous=anonymous) for item, target in zip(task.objects, task.targets, strict=True)
    ]
    first = fetched[0]
    return FetchAnswer(first.sha256 or "", first.bytes, first.version or first.etag), b""


def main() -> None:
    """Serve tasks until standard input ends."""
    serve(FetcherHello, List | Fetch, lambda hello, payload, send: partial(do, anonymous=hello.anonymous), FETCH_LADDER)
