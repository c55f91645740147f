"""Lists shards from files, directories and globs; every file met is listed, as a shard or as skipped with a reason.

We list ourselves: Arrow's datasets skip hidden files silently, and DuckDB expands globs even in bound parameters.
"""

import glob
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from provenance.errors import UsageError
from provenance.shards.opening import ARROW, KINDS, MEGATRON, kind_of

STATE, INFO, DICT = "state.json", "dataset_info.json", "dataset_dict.json"  # what `datasets` writes beside its files
OURS = ".provenance"
"""The folder that `provenance clean` leaves beside the shards it wrote: what was done, as Parquet too."""

WHAT_IS_OURS = "not a shard: it says what was cleaned"
LONGEST_LOOKED_AT = 1 << 20  # bytes of a line
MOST_STATE = 16 << 20  # bytes


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
    files: dict[str, ListedFile] = {}
    for spec in specs:
        for file in _expand(spec):
            place = os.path.abspath(file.path)  # noqa: PTH100  (resolve() would follow links)
            if place not in files or (files[place].skipped and not file.skipped):
                files[place] = file
    return sorted(files.values(), key=lambda file: file.path)


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
        if OURS in folders:
            folders.remove(OURS)
            yield ListedFile(str(Path(place, OURS)), WHAT_IS_OURS)
        for name in folders:
            if Path(place, name).is_symlink():
                yield ListedFile(str(Path(place, name)), "a link to a directory, not followed: name it to scan it")
        saved = saved_files(Path(place), names)
        for name in sorted(names):
            path = Path(place, name)
            if saved is not None and kind_of(name) == ARROW and name not in saved:
                yield ListedFile(str(path), f"not part of the data set: {STATE} beside it does not name it")
            else:
                yield _judged(path)


def saved_files(folder: Path, names: Sequence[str]) -> set[str] | None:
    """The data files of a directory that `datasets` saved; None for any other. Caches may lie beside them."""
    if STATE not in names or INFO not in names:
        return None
    try:
        with (folder / STATE).open("rb") as file:
            state = json.loads(file.read(MOST_STATE))
        return {str(entry["filename"]) for entry in state["_data_files"]}
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None  # then every Arrow file is scanned


def _judged(path: Path) -> ListedFile:
    reason = why_no_shard(path.as_posix())
    if not reason and kind_of(path.name) == MEGATRON and not path.with_suffix(".idx").exists():
        reason = f"not a shard: no {path.with_suffix('.idx').name} beside it, as Megatron's have"
    if not reason and path.suffix.lower() == ".json" and not _has_an_object_a_line(path):
        reason = "not a shard: one JSON value over several lines, and no JSON lines; name it to scan it all the same"
    return ListedFile(str(path), reason)


def _has_an_object_a_line(path: Path) -> bool:
    """By the ends of the first line: settings lie beside data as `.json` too. Nothing is parsed here."""
    try:
        with path.open("rb") as file:
            first = file.readline(LONGEST_LOOKED_AT).strip()
    except OSError:
        return True  # reading it will tell
    return first.startswith(b"{") and (first.endswith(b"}") or len(first) >= LONGEST_LOOKED_AT - 2) and len(first) > 2


def why_no_shard(path: str) -> str:
    """Why a file at this path or URI is not scanned when it was not named by itself; empty for a shard."""
    *folders, name = path.split("/")
    if OURS in folders:
        return WHAT_IS_OURS
    if kind_of(name) is not None and name not in (STATE, INFO, DICT):
        return ""
    if name in (STATE, INFO, DICT):
        return "not a shard: it describes a data set"
    if name.lower().endswith(".idx"):
        return "not a shard: it is the index of the .bin beside it"
    return f"not a shard: {Path(name).suffix or 'no suffix'}; known are {', '.join(sorted(KINDS))}"
