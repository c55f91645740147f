"""Lists shards from files, directories and globs; every file met is listed, as a shard or as skipped with a reason.

We list ourselves: Arrow's datasets skip hidden files silently, and DuckDB expands globs even in bound parameters.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from provenance.errors import UsageError

SHARD_SUFFIXES = (".parquet", ".pq")


@dataclass(frozen=True)
class ListedFile:
    """A file that was found; `skipped` says why it is not scanned, and is empty for a shard."""

    path: str
    skipped: str = ""


def list_shards(specs: Sequence[str]) -> list[ListedFile]:
    """Files of all specs, each once, sorted by path; raises UsageError for a spec that names nothing.

    A spec is taken as a file or directory of that very name first, and as a glob (with `**`) only if there is none.
    A file named by itself is a shard whatever its suffix.
    """
    found: dict[str, ListedFile] = {}
    for spec in specs:
        for file in _expand(spec):
            known = found.setdefault(os.path.abspath(file.path), file)  # noqa: PTH100  (resolve() would follow links)
            if known.skipped and not file.skipped:
                found[os.path.abspath(file.path)] = file  # noqa: PTH100
    return sorted(found.values(), key=lambda file: file.path)


def _expand(spec: str) -> Iterator[ListedFile]:
    path = Path(spec)
    if path.is_dir():
        yield from _walk(path)
    elif path.exists() or path.is_symlink():
        yield ListedFile(str(path))
    elif glob.has_magic(spec):
        matches = sorted(glob.glob(spec, recursive=True, include_hidden=True))  # noqa: PTH207
        if not matches:
            raise UsageError(f"no file matches {spec}: nothing to scan")
        for match in matches:
            if not Path(match).is_dir():
                yield _judged(Path(match))
            elif "**" not in spec:
                yield from _walk(Path(match))
    else:
        raise UsageError(f"no such file or directory: {spec}")


def _walk(folder: Path) -> Iterator[ListedFile]:
    def refuse(error: OSError) -> None:
        raise UsageError(f"cannot list {error.filename}: {error.strerror}")

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in folders:
            if Path(place, name).is_symlink():
                yield ListedFile(str(Path(place, name)), "a link to a directory, not followed: name it to scan it")
        for name in sorted(names):
            yield _judged(Path(place, name))


def _judged(path: Path) -> ListedFile:
    if path.suffix.lower() in SHARD_SUFFIXES:
        return ListedFile(str(path))
    return ListedFile(str(path), f"not a shard: {path.suffix or 'no suffix'}; known are {', '.join(SHARD_SUFFIXES)}")
