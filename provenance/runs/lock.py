"""Keeps a second run away from an output: a lock that ends with its holder, and a note of who that is."""

import contextlib
import errno
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from provenance.errors import OtherRunError, OutputError
from provenance.storage.folders import Folder, LocalFolder
from provenance.units.cutting import Share

with contextlib.suppress(ImportError):
    import fcntl


@contextlib.contextmanager
def held(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file at `path`; raises OtherRunError naming the process that has it.

    The system gives a lock back when its holder ends, however it ends, so none is ever stale; and one whose holder is
    stopped stays held. On a shared file system that cannot lock, the run goes on without: two runs on one output then
    write the same files twice.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    with os.fdopen(handle, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except NameError:
            pass  # a system without such locks
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                holder = _holder(file.read(4096))
                raise OtherRunError(f"{what} is in use by {holder}: wait for it, end it, or write elsewhere") from error
        us = {"host": socket.gethostname(), "pid": os.getpid(), "since": datetime.now(UTC).isoformat()}
        with contextlib.suppress(OSError):  # a full disk: the next write tells
            file.truncate(0)
            file.write(json.dumps(us).encode())
            file.flush()
        yield


@contextlib.contextmanager
def kept_to(folder: Folder, share: Share | None, what: str) -> Iterator[None]:
    """Hold a folder's lock, where it is one of this machine: for oneself, or for one's share beside other tasks."""
    name = "lock" if share is None else f"lock-{share.task}-of-{share.tasks}"
    with held(folder.path / name, what) if isinstance(folder, LocalFolder) else contextlib.nullcontext():
        yield


def _holder(raw: bytes) -> str:
    try:
        holder = json.loads(raw)
        return f"process {int(holder['pid'])} on {holder['host']} since {holder['since'][:19]} UTC"
    except (ValueError, LookupError, TypeError):
        return "another process"
