"""Fetches an object whole into a new file, hashing the bytes as they pass, and notices when it is not what was listed.

An object is read in parts, several under way at a time, because one stream of a store is slow. 200 MB from a server
that gives 40 MB/s a stream, 40 ms to the first byte: 35, 66, 120 and 164 MB/s with 1, 2, 4 and 8 parts of 16 MB, 39 by
one plain read. Parts are larger than that needs for servers whose cost is a request's, such as moto.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from provenance.errors import ObjectChangedError, OutputError, StorageError, UsageError
from provenance.storage.clients import Opened, Properties, open_client
from provenance.storage.listing import RemoteObject, pinned
from provenance.storage.locations import parse
from provenance.storage.patience import Patience, RetryPolicy

PART = 32 << 20  # bytes
PARTS_AT_ONCE = 3  # each held in memory


@dataclass(frozen=True)
class Fetched:
    """What was fetched; these are the bytes that are scanned, and `sha256` is of just them."""

    bytes: int
    sha256: str
    etag: str | None
    version: str | None
    modified: datetime | None
    retries: int


def fetch(
    item: RemoteObject,
    target: Path,
    policy: RetryPolicy | None = None,
    anonymous: bool = False,
    on_bytes: Callable[[int], None] = lambda count: None,
) -> Fetched:
    """Fetch an object into `target`, a file that must not exist yet; `on_bytes` is told of each part that arrived.

    Raises ObjectChangedError if the object is not the one listed, or does not stay it; StorageError if the store
    does not give it within the policy; OutputError if the disk does not take it. Then no file is left.
    """
    location = parse(item.uri)
    patience = Patience(policy or RetryPolicy(), item.uri, location.scheme)
    client = patience.call(lambda: open_client(location, anonymous))
    opened = patience.call(lambda: client.open(location.key))
    before = opened.properties
    _refuse_other(item, before, "since it was listed")
    with _new_file(target) as file:
        sha256 = _copy(opened, file, patience, on_bytes)
    try:
        after = patience.call(lambda: client.open(location.key)).properties
        _refuse_other(pinned(item.uri, before), after, "while it was being read")
        if before.sha256 not in (None, sha256):
            raise StorageError(
                f"{item.uri}: the bytes received have SHA-256 {sha256}, the store states {before.sha256}: fetch it "
                "again, and if that persists the object is damaged"
            )
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return Fetched(before.bytes, sha256, before.etag, before.version, before.modified, patience.retries)


def _copy(opened: Opened, file: IO[bytes], patience: Patience, on_bytes: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    for part in patience.in_order(_parts(opened), PARTS_AT_ONCE):
        file.write(part)
        digest.update(part)
        on_bytes(len(part))
    return digest.hexdigest()


def _parts(opened: Opened) -> Iterator[Callable[[], bytes]]:
    def reading(offset: int, length: int) -> Callable[[], bytes]:
        def read() -> bytes:
            part = opened.read_at(offset, length)
            if len(part) != length:
                raise OSError(f"{len(part)} bytes came instead of {length}, at byte {offset}")
            return part

        return read

    total = opened.properties.bytes
    return (reading(offset, min(PART, total - offset)) for offset in range(0, total, PART))


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
            raise OutputError(
                f"cannot write {target}: {error.strerror or error}: free some disk space, or name another scratch "
                "directory"
            ) from error
        raise


def _refuse_other(item: RemoteObject, now: Properties, when: str) -> None:
    """Raises ObjectChangedError unless all that was known of the object still holds."""
    listed = (item.bytes, item.etag, item.version, item.modified, item.sha256)
    names = ("size", "ETag", "version", "modification time", "SHA-256")
    values = (now.bytes, now.etag, now.version, now.modified, now.sha256)
    for name, old, new in zip(names, listed, values, strict=True):
        if old is not None and old != new:
            raise ObjectChangedError(
                f"{item.uri} changed {when}: its {name} was {old} and is {new}: list it again in a new run, when "
                "nobody writes to it"
            )
