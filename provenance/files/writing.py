"""Writes files and folders: under a temporary name beside the place, synced, then renamed; never over what is not ours.

So what stands under a name is whole, also after a power cut.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex
from typing import IO

from provenance.errors import OutputError, ProvenanceError, UsageError

SYNCED_AT_ONCE = 8  # a disk makes many files last at the price of one


@contextlib.contextmanager
def atomic_write(path: Path, replace: bool = True) -> Iterator[IO[bytes]]:
    """A file that appears under its name whole or not at all; raises OutputError where it cannot be written.

    Without `replace` raises FileExistsError if there is one, also if two processes write it at the same time.
    """
    temporary = path.with_name(f".{path.name}.{token_hex(8)}.tmp")
    with output_errors(path):
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if replace:
                temporary.replace(path)
            else:
                _link(temporary, path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def output_errors(path: Path | str, verb: str = "write") -> Iterator[None]:
    """Turns what the system says into an OutputError; FileExistsError passes."""
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise OutputError(f"cannot {verb} {path}: {error.strerror or error}") from error


def rename_file(temporary: Path, path: Path) -> None:
    """Give a file that is written its name, for good; raises OSError."""
    _sync(temporary)
    temporary.replace(path)
    _sync(path.parent)


def rename_folder(temporary: Path, path: Path) -> None:
    """Give a folder that is written its name, for good, replacing the one that has it; raises OSError."""
    with ThreadPoolExecutor(SYNCED_AT_ONCE) as threads:
        list(threads.map(_sync, (temporary, *temporary.rglob("*"))))
    old = path.with_name(f".{path.name}.replaced")
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.replace(old)  # two renames: at any moment the old folder or the new one is there whole
    temporary.replace(path)
    _sync(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def check_parent(path: Path) -> None:
    """Raises UsageError where there is no directory to write it into."""
    if not path.parent.is_dir():
        raise UsageError(f"no directory {path.parent} to write {path.name} into")


def check_free(path: Path, option: str, what: str, overwrite: bool, is_ours: Callable[[], object]) -> None:
    """Raises UsageError unless nothing is at `path`, or something of ours that may be overwritten.

    `option` is how a place is given, `what` is what is written there, and `is_ours` whether that lies there: it is
    false, or raises a ProvenanceError, where anything else does.
    """
    if not path.exists() and not path.is_symlink():
        return
    ours: object = False
    with contextlib.suppress(ProvenanceError):
        ours = is_ours()
    if not ours:
        raise UsageError(f"{path} exists and is no {what}: it is not overwritten; choose another {option}")
    if not overwrite:
        raise UsageError(f"{path} exists: choose another {option}, or pass --overwrite to replace it")


def _link(temporary: Path, path: Path) -> None:
    """A rename would replace what is there, a link does not."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: the race is then decided by whoever renames last
        if path.exists():
            raise FileExistsError(path) from None
        temporary.replace(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if not path.is_dir() or error.errno not in (errno.EINVAL, errno.ENOTSUP):  # as some network mounts answer
            raise
    finally:
        os.close(handle)
