"""An index in an object store, copied to this machine once and checked; whoever comes next finds it there."""

import fcntl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from provenance.errors import IndexDamagedError, IndexFormatError, IndexMissingError, OutputError
from provenance.files.digests import file_digest
from provenance.files.writing import rename_folder
from provenance.index.building import add_to_index
from provenance.index.format import MANIFEST, check_sizes, checked_manifest, read_manifest
from provenance.process.cache import CACHE, cache_folder
from provenance.sketch import Key
from provenance.storage.locations import is_remote


def near_index(index: str | Path, anonymous: bool = False) -> Path:
    """The folder of an index on this machine: the one given, or a copy of the one in a store.

    The copy is named by the index's digest, so another index at the same place is another copy. Of several processes
    one copies, the others wait. Raises IndexMissingError, IndexDamagedError, StorageError, OutputError.
    """
    if not is_remote(str(index)):
        return Path(index)
    from provenance.storage.objects import ObjectFolder  # who needs no store does not load its client

    folder = ObjectFolder(str(index), anonymous)
    raw = folder.read(MANIFEST)
    if raw is None:
        raise IndexMissingError(f"no index at {index} (it has no {MANIFEST})")
    manifest = checked_manifest(raw, str(index))
    with _place(index, str(manifest["digest"])) as (target, temporary):
        with suppress(IndexMissingError, IndexFormatError, IndexDamagedError):
            check_sizes(target, read_manifest(target))  # who opens it compares digests
            return target
        temporary.mkdir()
        (temporary / MANIFEST).write_bytes(raw)
        for name, entry in manifest["files"].items():
            if not folder.copy(name, temporary / name):
                raise IndexDamagedError(f"{index}/{name} is missing from the index; build it again")
            if file_digest(temporary / name) != entry["xxh3_128"]:
                raise IndexDamagedError(
                    f"{index}/{name} is damaged, or changed while it was copied: copy or build it again"
                )
        rename_folder(temporary, target)
    return target


def joined_index(
    index: str | Path, decoys: Sequence[str], place: Path, key: Key | None, anonymous: bool, workers: int
) -> Path:
    """The folder of the index that a scan uses: with the decoys, if there are any, it is made at `place`.

    Raises BookError for decoys that cannot be read, and what `near_index` raises.
    """
    near = near_index(index, anonymous)
    if not decoys:
        return near
    return add_to_index(near, [], place, key=key, decoys=decoys, workers=workers).folder


def cached_joined_index(index: str | Path, decoys: Sequence[str], digest: str, key: Key, anonymous: bool) -> Path:
    """The same on a node of a cluster: made once there, and kept beside copies of indexes under its digest.

    Without decoys what `near_index` gives. Raises what `joined_index` raises, and OutputError.
    """
    if not decoys:
        return near_index(index, anonymous)
    with _place(index, digest) as (target, temporary):
        if not (target / MANIFEST).is_file():
            rename_folder(joined_index(index, decoys, temporary, key, anonymous, 1), target)
    return target


@contextmanager
def _place(index: str | Path, digest: str) -> Iterator[tuple[Path, Path]]:
    """Where the index of a digest lies or is to lie on this machine, and where to make it; one process at a time."""
    cache = cache_folder() / "indexes"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=".copying-", dir=cache) as place,
            (cache / f"{digest}.lock").open("ab") as lock,
        ):
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield cache / digest, Path(place) / "index"
    except OSError as error:
        raise OutputError(
            f"the index {index} cannot be copied to {cache}: {error.strerror or error}; {CACHE} names another directory"
        ) from error
