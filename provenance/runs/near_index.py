"""An index in an object store, copied to this machine once and checked; whoever comes next finds it there."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from provenance.building import add_to_index
from provenance.errors import IndexDamagedError, IndexMissingError, OutputError
from provenance.files import file_digest
from provenance.index.format import MANIFEST, read_manifest
from provenance.sketch import Key
from provenance.storage import is_remote
from provenance.storage.folders import ObjectFolder

CACHE = "PROVENANCE_CACHE"
"""Environment variable: a directory of this machine's own disk for such copies; by default ~/.cache/provenance."""


def near_index(index: str | Path, anonymous: bool = False) -> Path:
    """The folder of an index on this machine: the one given, or a copy of the one in a store.

    The copy is named by the index's digest, so another index at the same place is another copy. Of several processes
    one copies, the others wait. Raises IndexMissingError, IndexDamagedError, StorageError, OutputError.
    """
    if not is_remote(str(index)):
        return Path(index)
    folder = ObjectFolder(str(index), anonymous)
    raw = folder.read(MANIFEST)
    if raw is None:
        raise IndexMissingError(f"no index at {index} (it has no {MANIFEST})")
    cache = Path(os.environ.get(CACHE) or Path.home() / ".cache" / "provenance") / "indexes"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".copying-", dir=cache) as place:
            temporary = Path(place) / "index"
            temporary.mkdir()
            (temporary / MANIFEST).write_bytes(raw)
            manifest = read_manifest(temporary)
            target = cache / str(manifest["digest"])
            with (cache / f"{manifest['digest']}.lock").open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not _is_whole(target, manifest["files"]):
                    shutil.rmtree(target, ignore_errors=True)
                    _copy(folder, temporary, manifest["files"], str(index))
                    temporary.rename(target)
    except OSError as error:
        raise OutputError(
            f"the index {index} cannot be copied to {cache}: {error.strerror or error}; {CACHE} names another directory"
        ) from error
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


def _is_whole(target: Path, files: dict[str, dict[str, object]]) -> bool:
    """By sizes: who opens it compares digests."""
    sizes = {path.name: path.stat().st_size for path in target.glob("*")} if target.is_dir() else {}
    return MANIFEST in sizes and all(sizes.get(name) == entry["bytes"] for name, entry in files.items())


def _copy(folder: ObjectFolder, target: Path, files: dict[str, dict[str, object]], index: str) -> None:
    for name, entry in files.items():
        if not folder.copy(name, target / name):
            raise IndexDamagedError(f"{index}/{name} is missing from the index; build it again")
        if file_digest(target / name) != entry["xxh3_128"]:
            raise IndexDamagedError(
                f"{index}/{name} is damaged, or changed while it was copied: copy or build it again"
            )
