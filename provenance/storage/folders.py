"""A folder that a run writes to, here or in an object store. Each file appears whole or not at all, and once."""

import contextlib
import errno
import os
import shutil
import weakref
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, TypeAlias

from provenance.errors import OutputError, UsageError
from provenance.files.writing import atomic_write, output_errors, rename_file
from provenance.storage.locations import is_remote

if TYPE_CHECKING:
    from provenance.storage.objects import ObjectFolder


class LocalFolder:
    """A directory, here or mounted, with files by name, such as `units/ab/abcd.parquet`. They are written so: temp,
    fsync, link or rename, fsync of the directory.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.place = path, str(path)  # the latter as it was given, for messages
        try:
            path.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # held, so that its inode stays the same
        except OSError as error:
            kind = OutputError if error.errno in (errno.EIO, errno.ENOSPC, errno.EDQUOT) else UsageError
            raise kind(f"cannot make the directory {path}: {error.strerror}") from error
        self._status, self._made_here = os.fstat(handle), set[Path]()
        weakref.finalize(self, os.close, handle)

    def read(self, name: str) -> bytes | None:
        """All of a file, None where there is none; raises StorageError or OSError."""
        with contextlib.suppress(FileNotFoundError):
            return (self.path / name).read_bytes()
        return None

    def write(self, name: str, data: bytes, replace: bool = False) -> bool:
        """Write a file; without `replace` whether it was written: False where there is one. Raises OutputError."""
        path = self._made(name)
        try:
            with atomic_write(path, replace) as file:
                file.write(data)
        except FileExistsError:
            return False
        return True

    def put(self, name: str, file: Path) -> None:
        """Make a file of this machine, however large, the one of this name; it is gone then. Raises OutputError.

        Nothing is copied if it lies on the same file system.
        """
        path = self._made(name)
        beside = path.with_name(f".{token_hex(16)}.tmp")
        with output_errors(path):
            shutil.move(file, beside)
            rename_file(beside, path)

    def remove(self, name: str) -> None:
        """Remove a file, if there is one; raises OutputError."""
        self._refuse_other()
        with output_errors(self.path / name):
            (self.path / name).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove temporary files of writers that were killed; only for who alone writes to it."""
        for path in self.path.rglob(".*.tmp"):
            with output_errors(path):
                path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove what is left of it when all its files are removed, if nothing else is in it."""
        self._refuse_other()
        for lock in self.path.glob("lock*"):
            lock.unlink()
        for place, _, _ in os.walk(self.path, topdown=False):
            with contextlib.suppress(OSError):  # not empty: not ours alone
                Path(place).rmdir()

    def names(self, under: str) -> list[str]:
        """Names of all files below a folder, sorted; without temporary ones of writers that were killed."""
        names = []
        for place, _, files in os.walk(self.path / under):
            inside = Path(place).relative_to(self.path)
            names += [str(inside / name) for name in files if not name.startswith(".")]
        return sorted(names)

    def _made(self, name: str) -> Path:
        """Where a file of this name is to be written, in a directory that is there."""
        self._refuse_other()
        path = self.path / name
        with output_errors(path):
            if path.parent not in self._made_here:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._made_here.add(path.parent)
        return path

    def _refuse_other(self) -> None:
        """Raise OutputError where the path leads elsewhere by now: a mount point without its file system, say."""
        same = False
        with contextlib.suppress(OSError):
            same = os.path.samestat(self._status, self.path.stat())
        if not same:
            remedy = "nothing is written elsewhere; see whether its file system is mounted"
            raise OutputError(f"{self.place} is no longer the directory that it was: {remedy}")


Folder: TypeAlias = "LocalFolder | ObjectFolder"


def open_folder(place: str | Path) -> Folder:
    """The folder at a path or URI; a local one is made. Raises UsageError, OutputError."""
    if is_remote(str(place)):
        from provenance.storage.objects import ObjectFolder  # who needs no store does not load its client

        return ObjectFolder(str(place))
    return LocalFolder(Path(place))
