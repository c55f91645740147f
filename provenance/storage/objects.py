"""A folder of a run in an object store: an object can be created only where there is none."""

import time
from collections.abc import Callable
from pathlib import Path

from obstore.exceptions import GenericError

from provenance.errors import UsageError
from provenance.storage import stores
from provenance.storage.errors import object_may_be_missing, object_output_errors, storage_errors
from provenance.storage.locations import Location, parse
from provenance.storage.stores import open_store

PIECE = 16 << 20  # bytes


class ObjectFolder:
    """A prefix of a bucket, as the environment gives access to it; raises UsageError for what cannot be written to."""

    def __init__(self, uri: str, anonymous: bool = False) -> None:
        self.place = uri.rstrip("/")
        location = parse(self.place + "/run")  # a bucket alone names no object
        if location.scheme == "hf":
            raise UsageError("a run cannot be written to hf://; give a bucket, or a directory")
        self._folder = location.at(location.key.removesuffix("run"))
        with storage_errors(location):
            self._store = open_store(location, anonymous)

    def read(self, name: str) -> bytes | None:
        """See LocalFolder."""
        place, data = self._at(name), None
        with storage_errors(place), object_may_be_missing():
            data = bytes(self._store.get(place.key).bytes())
        return data

    def copy(self, name: str, target: Path) -> bool:
        """Copy a file, however large, to this machine; False where there is none. Raises StorageError, OSError."""
        place, pieces = self._at(name), None
        with storage_errors(place), object_may_be_missing():
            pieces = iter(self._store.get(place.key).stream(min_chunk_size=PIECE))
        if pieces is None:
            return False
        with target.open("wb") as file:
            while True:
                with storage_errors(place):
                    piece = next(pieces, None)
                if piece is None:
                    return True
                file.write(piece)

    def put(self, name: str, file: Path) -> None:
        """See LocalFolder. In parts, where it is large."""
        self._change(name, lambda key: self._store.put(key, file))
        file.unlink()

    def write(self, name: str, data: bytes, replace: bool = False) -> bool:
        """See LocalFolder. The same bytes put again after an answer that was lost count as ours."""
        mode = "overwrite" if replace else "create"
        try:
            self._change(name, lambda key: self._store.put(key, data, mode=mode))
        except FileExistsError:
            return self.read(name) == data
        return True

    def remove(self, name: str) -> None:
        """See LocalFolder."""
        self._change(name, self._removed)

    def sweep(self) -> None:
        """See LocalFolder: what was not put whole is not there."""

    def discard(self) -> None:
        """See LocalFolder: a prefix without objects is nothing."""

    def names(self, under: str) -> list[str]:
        """See LocalFolder."""
        place = self._at(under)
        with storage_errors(place):
            listed = self._store.list(place.key.rstrip("/") + "/")
            return sorted(item["path"].removeprefix(self._folder.key) for batch in listed for item in batch)

    def _at(self, name: str) -> Location:
        return self._folder.at(self._folder.key + name)

    def _removed(self, key: str) -> None:
        with object_may_be_missing():
            self._store.delete(key)

    def _change(self, name: str, change: Callable[[str], object]) -> None:
        """Make a change, again as long as no answer comes in time; raises FileExistsError, OutputError.

        obstore repeats what failed in any other way; not this, because the store may have made the change. Ours may be
        made twice. Each call waits for CALL_SECONDS, so that this is no loop without a pause.
        """
        place = self._at(name)
        until = time.monotonic() + stores.RETRY_SECONDS
        while True:
            with object_output_errors(place):
                try:
                    change(place.key)
                    return
                except GenericError as error:
                    if "kind: Timeout" not in str(error) or time.monotonic() >= until:
                        raise
