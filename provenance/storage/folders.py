"""A folder that a run writes to, here or in an object store. Each file appears whole or not at all, and once.

Objects are written by obstore, because Arrow cannot ask a store to create an object only where there is none.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from provenance.errors import OutputError, StorageError, UsageError, first_line
from provenance.files.writing import atomic_write, output_errors, rename_file
from provenance.storage.locations import Location, is_remote, parse

RETRY_SECONDS = 180  # a store may be busy for so long before a write to it is given up
CALL_SECONDS = 60


class Folder(Protocol):
    """Files by name, such as `units/ab/abcd.parquet`."""

    place: str  # as it was given, for messages

    def read(self, name: str) -> bytes | None:
        """All of a file, None where there is none; raises StorageError or OSError."""

    def write(self, name: str, data: bytes, replace: bool = False) -> bool:
        """Write a file; without `replace` whether it was written: False where there is one. Raises OutputError."""

    def put(self, name: str, file: Path) -> None:
        """Make a file of this machine, however large, the one of this name; it is gone then. Raises OutputError."""

    def remove(self, name: str) -> None:
        """Remove a file, if there is one; raises OutputError."""

    def sweep(self) -> None:
        """Remove temporary files of writers that were killed; only for who alone writes to it."""

    def discard(self) -> None:
        """Remove what is left of it when all its files are removed, if nothing else is in it."""

    def names(self, under: str) -> list[str]:
        """Names of all files below a folder, sorted; without temporary ones of writers that were killed."""


def open_folder(place: str | Path, anonymous: bool = False) -> Folder:
    """The folder at a path or URI; a local one is made. Raises UsageError, OutputError."""
    if is_remote(str(place)):
        return ObjectFolder(str(place), anonymous)
    return LocalFolder(Path(place))


class LocalFolder:
    """A directory of this machine, or one that is mounted: temp, fsync, link or rename, fsync of the directory."""

    def __init__(self, path: Path) -> None:
        self.path, self.place = path, str(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            kind = OutputError if error.errno in (errno.EIO, errno.ENOSPC, errno.EDQUOT) else UsageError
            raise kind(f"cannot make the directory {path}: {error.strerror}") from error

    def read(self, name: str) -> bytes | None:
        """See Folder."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes, replace: bool = False) -> bool:
        """See Folder."""
        path = self.path / name
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with atomic_write(path, replace) as file:
                file.write(data)
        except FileExistsError:
            return False
        return True

    def put(self, name: str, file: Path) -> None:
        """See Folder. Nothing is copied if `file` lies on the same file system."""
        path = self.path / name
        beside = path.with_name(f".{path.name}.put.tmp")
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(file, beside)
            rename_file(beside, path)

    def remove(self, name: str) -> None:
        """See Folder."""
        with output_errors(self.path / name):
            (self.path / name).unlink(missing_ok=True)

    def sweep(self) -> None:
        """See Folder."""
        for path in self.path.rglob(".*.tmp"):
            with output_errors(path):
                path.unlink(missing_ok=True)

    def discard(self) -> None:
        """See Folder."""
        for lock in self.path.glob("lock*"):
            lock.unlink()
        for place, _, _ in os.walk(self.path, topdown=False):
            with contextlib.suppress(OSError):  # not empty: not ours alone
                Path(place).rmdir()

    def names(self, under: str) -> list[str]:
        """See Folder."""
        found = []
        for place, _, files in os.walk(self.path / under):
            inside = Path(place).relative_to(self.path)
            found += [str(inside / name) for name in files if not name.startswith(".")]
        return sorted(found)


class ObjectFolder:
    """A prefix of a bucket; credentials and endpoint from the environment."""

    def __init__(self, uri: str, anonymous: bool = False) -> None:
        """Raises UsageError for a URI that cannot be written to, or when obstore is missing."""
        self.place = uri.rstrip("/")
        location = parse(self.place + "/run")  # a bucket alone names no object
        self._prefix = location.key.removesuffix("run")
        self._store = _open_store(location, anonymous)

    def read(self, name: str) -> bytes | None:
        """See Folder."""
        with contextlib.suppress(FileNotFoundError), self._errors(name, StorageError):
            return bytes(self._store.get(self._prefix + name).bytes())
        return None

    def copy(self, name: str, target: Path) -> bool:
        """Copy a file, however large, to this machine; False where there is none. Raises StorageError, OSError."""
        try:
            with target.open("wb") as file, self._errors(name, StorageError):
                for piece in self._store.get(self._prefix + name).stream(min_chunk_size=16 << 20):
                    file.write(piece)
        except FileNotFoundError:
            return False
        return True

    def put(self, name: str, file: Path) -> None:
        """See Folder. In parts, where it is large."""
        with self._errors(name, OutputError):
            _repeated(lambda: self._store.put(self._prefix + name, file))
        file.unlink()

    def write(self, name: str, data: bytes, replace: bool = False) -> bool:
        """See Folder. The same bytes put again after an answer that was lost count as ours."""
        from obstore.exceptions import AlreadyExistsError

        try:
            with self._errors(name, OutputError):
                mode = "overwrite" if replace else "create"
                _repeated(lambda: self._store.put(self._prefix + name, data, mode=mode))
        except AlreadyExistsError:
            return self.read(name) == data
        return True

    def remove(self, name: str) -> None:
        """See Folder."""
        with contextlib.suppress(FileNotFoundError), self._errors(name, OutputError):
            _repeated(lambda: self._store.delete(self._prefix + name))

    def sweep(self) -> None:
        """See Folder: what was not put whole is not there."""

    def discard(self) -> None:
        """See Folder: a prefix without objects is nothing."""

    def names(self, under: str) -> list[str]:
        """See Folder."""
        with self._errors(under, StorageError):
            listed = self._store.list((self._prefix + under).rstrip("/") + "/")
            return sorted(item["path"].removeprefix(self._prefix) for batch in listed for item in batch)

    @contextlib.contextmanager
    def _errors(self, name: str, kind: type[OutputError | StorageError]) -> Iterator[None]:
        from obstore.exceptions import AlreadyExistsError, BaseError

        try:
            yield
        except (FileNotFoundError, AlreadyExistsError):
            raise
        except (BaseError, OSError, ValueError) as error:
            if "404" in str(error) and kind is StorageError and "NoSuchBucket" not in str(error):
                raise FileNotFoundError(name) from error
            verb = "written" if kind is OutputError else "read"
            told = first_line(error)
            raise kind(f"{self.place}/{name} cannot be {verb}: {told}") from error


def _repeated(change: Callable[[], object]) -> None:
    """Make a change, again as long as no answer comes in time.

    obstore repeats what failed in any other way; not this, because the store may have made the change. Ours may be made
    twice. Each call waits for CALL_SECONDS, so that this is no loop without a pause.
    """
    from obstore.exceptions import GenericError

    until = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            change()
        except GenericError as error:
            if "kind: Timeout" not in str(error) or time.monotonic() >= until:
                raise
        else:
            return


def _open_store(location: Location, anonymous: bool) -> Any:  # noqa: ANN401  (obstore is an extra)
    try:
        from obstore.store import from_url
    except ImportError as error:
        raise UsageError(
            "runs and indexes in object stores need obstore: pip install 'provenance-scanner[objects]'"
        ) from error
    if location.scheme == "hf":
        raise UsageError("a run cannot be written to hf://; give a bucket, or a directory")
    bases = {
        "s3": f"s3://{location.container}",
        "gs": f"gs://{location.container}",
        "abfss": f"abfss://{location.container}@{location.account}.dfs.core.windows.net",
    }
    config: Any = {"skip_signature": True} if anonymous else {}
    plain = location.scheme == "s3" and any(
        os.environ.get(name, "").startswith("http://") for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    )
    if location.scheme == "s3" and not (os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
        config["region"] = "us-east-1"
    opened: Any = from_url  # its overloads want the kind of store to be known beforehand
    return opened(
        bases[location.scheme],
        config=config or None,
        client_options={"allow_http": plain, "timeout": f"{CALL_SECONDS}s", "connect_timeout": "10s"},
        retry_config={
            "max_retries": 8,
            "retry_timeout": _seconds(RETRY_SECONDS),
            "backoff": {"base": 2, "init_backoff": _seconds(0.2), "max_backoff": _seconds(15)},
        },
    )


def _seconds(count: float) -> Any:  # noqa: ANN401
    from datetime import timedelta

    return timedelta(seconds=count)
