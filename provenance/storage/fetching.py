"""Fetches one object whole into a file: several requests in flight, hashed in order as they come, retried, and compared
with what the store said of it before and after.
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import pyarrow as pa

from provenance.errors import OutputError, StorageError
from provenance.storage.clients import explained, file_system, identity_of, is_refusal
from provenance.storage.listing import RemoteObject
from provenance.storage.locations import parse

T = TypeVar("T")

PART_BYTES = 16 << 20
IN_FLIGHT = 3


@dataclass(frozen=True)
class RetryPolicy:
    """How often, how long."""

    attempts: int = 6  # of each request
    first_wait: float = 0.5  # seconds; doubled each time, with up to as much again by chance
    most_wait: float = 30.0
    read_seconds: float = 120.0  # without an answer to a request
    object_seconds: float = 6 * 3600.0

    def wait(self, attempt: int) -> float:
        """Seconds before the next attempt, the first being 0."""
        return min(self.most_wait, self.first_wait * float(2**attempt)) * (1 + random.random())


@dataclass(frozen=True)
class Fetched:
    """What was fetched. `etag` and `version` are the store's own names for the content."""

    bytes: int
    sha256: str
    etag: str | None
    version: str | None
    retries: int


class _Pin(NamedTuple):
    """What changes when an object does."""

    size: int
    etag: str | None
    version: str | None
    modified_ns: int | None


def fetch(
    item: RemoteObject,
    target: Path,
    policy: RetryPolicy | None = None,
    anonymous: bool = False,
    on_bytes: Callable[[int], None] = lambda size: None,
) -> Fetched:
    """Fetch an object into a new file.

    Raises StorageError where it cannot be read within the policy, is shorter than it says, or is not the one that was
    listed; OutputError where it cannot be written. `target` is then removed.
    """
    try:
        handle = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            return _Fetch(item, policy or RetryPolicy(), anonymous).into(file.fileno(), on_bytes)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


class _Fetch:
    """One object on its way."""

    def __init__(self, item: RemoteObject, policy: RetryPolicy, anonymous: bool) -> None:
        self._item, self._policy, self._anonymous = item, policy, anonymous
        self._location = parse(item.uri)
        self._deadline = time.monotonic() + policy.object_seconds
        self._retries = 0

    def into(self, handle: int, on_bytes: Callable[[int], None]) -> Fetched:
        """Write the object to an open file."""
        self._client = file_system(self._location, self._anonymous)
        source, pin = self._tried("opened", self._open)
        if pin.size != self._item.bytes or self._item.modified_ns not in (None, pin.modified_ns):
            raise StorageError(f"{self._item.uri} changed after it was listed: scan again")
        digest, waiting = hashlib.sha256(), deque[tuple[int, _Call[bytes], partial[bytes]]]()
        offsets = deque(range(0, pin.size, PART_BYTES))
        while offsets or waiting:
            while offsets and len(waiting) < IN_FLIGHT:
                offset = offsets.popleft()
                read = partial(_read, source, offset, min(PART_BYTES, pin.size - offset))
                waiting.append((offset, _Call(read), read))
            offset, call, read = waiting.popleft()
            data = self._tried(f"read from byte {offset:,} on", read, call)
            digest.update(data)
            self._write(handle, data, offset)
            on_bytes(len(data))
        if self._tried("opened again", self._open)[1] != pin:
            raise StorageError(f"{self._item.uri} changed while it was being read: scan again")
        if self._item.sha256 not in (None, digest.hexdigest()):
            raise StorageError(
                f"{self._item.uri} is not what its store says: SHA-256 {digest.hexdigest()}, not {self._item.sha256}"
            )
        return Fetched(pin.size, digest.hexdigest(), pin.etag, pin.version, self._retries)

    def _open(self) -> tuple[pa.NativeFile, _Pin]:
        path = self._location.path
        source = self._client.open_input_file(path)
        etag, version = identity_of(source, self._client, path)
        return source, _Pin(source.size(), etag, version, self._client.get_file_info(path).mtime_ns)

    def _tried(self, what: str, action: Callable[[], T], first: _Call[T] | None = None) -> T:
        """The result of a request, which is made again after a while where that may help; `first` is under way."""
        policy, trouble = self._policy, ""
        for attempt in range(policy.attempts):
            call = first if first is not None and attempt == 0 else _Call(action)
            try:
                return call.result(min(policy.read_seconds, self._deadline - time.monotonic()))
            except FileNotFoundError as error:
                raise StorageError(f"{self._item.uri} is not there: {explained(error, self._location)}") from error
            except (pa.ArrowException, OSError, EOFError) as error:
                trouble = explained(error, self._location)
                if is_refusal(error):
                    raise StorageError(f"{self._item.uri} cannot be {what}: {trouble}") from error
            left = self._deadline - time.monotonic()
            if left <= 0 or attempt + 1 == policy.attempts:
                break
            self._retries += 1
            time.sleep(min(policy.wait(attempt), left))
        raise StorageError(
            f"{self._item.uri} cannot be {what}, after {attempt + 1} attempts: {trouble}; the same command tries again"
        )

    def _write(self, handle: int, data: bytes, offset: int) -> None:
        try:
            view = memoryview(data)
            while view:
                written = os.pwrite(handle, view, offset)
                view, offset = view[written:], offset + written
        except OSError as error:
            raise OutputError(f"cannot write what was fetched of {self._item.uri}: {error.strerror}") from error


def _read(source: pa.NativeFile, offset: int, size: int) -> bytes:
    data: bytes = source.read_at(size, offset)
    if len(data) != size:
        raise EOFError(f"{len(data):,} bytes came instead of {size:,}")
    return data


class _Call(Generic[T]):
    """A request in a thread of its own, which is left behind when no answer comes."""

    def __init__(self, action: Callable[[], T]) -> None:
        self._answer: list[T] = []
        self._error: BaseException | None = None
        self._done = threading.Event()
        threading.Thread(target=self._run, args=[action], daemon=True).start()

    def _run(self, action: Callable[[], T]) -> None:
        try:
            self._answer.append(action())
        except BaseException as error:  # raised again where the answer is taken
            self._error = error
        self._done.set()

    def result(self, seconds: float) -> T:
        """The answer; raises TimeoutError, or what the request raised."""
        if not self._done.wait(max(0.0, seconds)):
            raise TimeoutError(f"no answer within {seconds:.0f} seconds")
        if self._error is not None:
            raise self._error
        return self._answer[0]
