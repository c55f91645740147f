"""Fetches an object whole into a new file, hashing the bytes as they pass, and notices when it is not what was listed.

An object is read in parts, several under way at a time, because one stream of a store is slow. 200 MB from a server
that gives 40 MB/s a stream, 40 ms to the first byte: 35, 66, 120 and 164 MB/s with 1, 2, 4 and 8 parts of 16 MB, 39 by
one plain read. Parts are larger than that needs for servers whose cost is a request's, such as moto.
"""

import contextlib
import hashlib
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO

from msgspec.structs import replace

from provenance.errors import ObjectChangedError, OutputError, StorageError, UsageError
from provenance.storage.errors import CHANGED, storage_errors
from provenance.storage.locations import Location, RemoteObject, parse
from provenance.storage.stores import Store, open_reading

PART = 32 << 20  # bytes
PARTS_AT_ONCE = 3  # each held in memory


def fetch(item: RemoteObject, target: Path, anonymous: bool = False) -> RemoteObject:
    """Fetch an object into `target`, a file that must not exist yet; returns it with the SHA-256 of the bytes there.

    These are the bytes that are scanned. Raises ObjectChangedError if the object is not the one listed, or does not
    stay it; StorageError if the store does not give it; OutputError if the disk does not take it. Then no file is left.
    """
    location = parse(item.uri)
    with storage_errors(location):
        store = open_reading(location, anonymous)
        now = store.head(location.key)
    _refuse_other(item, now)
    digest = hashlib.sha256()
    with _new_file(target) as file:
        for part in _parts(store, now, location):
            file.write(part)
            digest.update(part)
        sha256 = digest.hexdigest()
        if now.sha256 not in (None, sha256):
            both = f"the bytes received have SHA-256 {sha256}, the store states {now.sha256}"
            raise StorageError(f"{item.uri}: {both}: fetch it again, and if that persists the object is damaged")
    return replace(now, sha256=sha256)


def _parts(store: Store, item: RemoteObject, location: Location) -> Iterator[bytes]:
    """All bytes of an object in order, some parts of it under way at a time."""
    under_way: deque[Future[bytes]] = deque()
    with storage_errors(location), ThreadPoolExecutor(PARTS_AT_ONCE) as threads:
        for begin in range(0, item.bytes, PART):
            under_way.append(threads.submit(store.read, item, begin, min(begin + PART, item.bytes)))
            if len(under_way) == PARTS_AT_ONCE:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


@contextlib.contextmanager
def _new_file(target: Path) -> Iterator[IO[bytes]]:
    """A file that is removed again if it cannot be filled."""
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise UsageError(f"{target} exists already: an object is fetched into a new file only") from None
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError):
            remedy = "free some disk space, or name another scratch directory"
            raise OutputError(f"cannot write {target}: {error.strerror or error}: {remedy}") from error
        raise


def _refuse_other(item: RemoteObject, now: RemoteObject) -> None:
    """Raises ObjectChangedError unless all that was known of the object still holds."""
    names = {"bytes": "size", "etag": "ETag", "version": "version", "sha256": "SHA-256"}
    if item.etag is None:
        names["modified"] = "modification time"
    for field, name in names.items():
        old, new = getattr(item, field), getattr(now, field)
        if old is not None and old != new:
            change = f"its {name} was {old} and is {new}"
            raise ObjectChangedError(f"{item.uri} changed since it was listed: {change}: {CHANGED}")
