"""Files and digests: the one way to hash them and the one way to write them (temp, fsync, rename)."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import xxhash

from provenance.errors import OutputError, UsageError

BLOCK = 1 << 20  # bytes
PROGRESS_BLOCKS = 256
MOST_SECRET_BYTES = 1 << 16


def text_digest(data: bytes | memoryview) -> str:
    """XXH3-128 of bytes, as 32 hexadecimal digits: fast, against accident, not against forgery."""
    return xxhash.xxh3_128_hexdigest(data)


def file_digest(path: Path) -> str:
    """XXH3-128 of a file."""
    digest = xxhash.xxh3_128()
    for block in _blocks(path):
        digest.update(block)
    return digest.hexdigest()


def file_sha256(path: Path, on_progress: Callable[[], None] = lambda: None) -> str:
    """SHA-256 of a file: identifies an input as evidence. `on_progress` is called now and then."""
    digest = hashlib.sha256()
    for number, block in enumerate(_blocks(path), 1):
        digest.update(block)
        if number % PROGRESS_BLOCKS == 0:
            on_progress()
    return digest.hexdigest()


def file_identity(path: Path) -> str:
    """What changes when a file does: its size and time of change. Not the inode, which differs from node to node where
    a store is mounted as a file system.
    """
    known = path.stat()
    return f"{known.st_size}-{known.st_mtime_ns}"


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            yield block


@contextlib.contextmanager
def atomic_write(path: Path, replace: bool = True) -> Iterator[IO[bytes]]:
    """A file that appears under its name whole or not at all; raises OutputError where it cannot be written.

    Without `replace` raises FileExistsError if there is one, also if two processes write it at the same time.
    """
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        if replace:
            temporary.replace(path)
        else:
            _create(temporary, path)
        sync_directory(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _create(temporary: Path, path: Path) -> None:
    """Give a file its name if nothing has it: a rename would replace what is there, a link does not."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: the race is then decided by whoever renames last
        if path.exists():
            raise FileExistsError(path) from None
        temporary.replace(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync_directory(folder: Path) -> None:
    """Make a rename in this folder survive a power cut, where the file system can do that for folders."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # as some that are mounted over a network answer
            raise
    finally:
        os.close(handle)


def read_secret(path: Path, what: str) -> bytes:
    """The bytes of a small file; raises UsageError for one that cannot be read, or is too large to be meant."""
    try:
        with path.open("rb") as file:
            secret = file.read(MOST_SECRET_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {what} file {path}: {error.strerror}") from error
    if len(secret) > MOST_SECRET_BYTES:
        raise UsageError(f"{what} file {path} has more than {MOST_SECRET_BYTES} bytes: is it the right file?")
    return secret
