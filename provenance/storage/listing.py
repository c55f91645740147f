"""Lists objects: one, a directory of them, or a pattern. Every one that fits is named, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from provenance.errors import StorageError, UsageError
from provenance.storage.clients import explained, file_system
from provenance.storage.locations import Location, parse

if TYPE_CHECKING:
    import pyarrow.fs

MAGIC = re.compile(r"[*?[]")


@dataclass(frozen=True)
class RemoteObject:
    """An object as it was when it was listed."""

    uri: str
    bytes: int
    modified_ns: int | None = None  # where the store tells
    sha256: str | None = None  # of its content, where the store tells: of large files of the Hub


def list_remote(spec: str, anonymous: bool = False) -> list[RemoteObject]:
    """The objects that a spec names, by name. A key is taken as an object of that very name first, then as a directory,
    and as a pattern (with `**`) only if there is neither.

    Raises UsageError for a spec that names nothing, StorageError where the store refuses.
    """
    from pyarrow.fs import FileSelector, FileType

    location = parse(spec)
    client = file_system(location, anonymous)
    if location.scheme == "hf":
        location = _pinned(location, client)
    try:
        itself = client.get_file_info(location.path.rstrip("/"))
        if itself.type == FileType.File:
            return [_object(location, itself, client)]
        if itself.type == FileType.NotFound and not MAGIC.search(location.key):
            raise UsageError(f"no such object or directory: {spec}")
        base = location.path.rstrip("/")
        pattern = None
        if itself.type == FileType.NotFound:
            base, pattern = _base(location), _regex(location.path)
        infos = client.get_file_info(FileSelector(base, recursive=True, allow_not_found=True))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StorageError(f"cannot list {spec}: {explained(error, location)}") from error
    files = [info for info in infos if info.type == FileType.File and (pattern is None or pattern.fullmatch(info.path))]
    if not files:
        raise UsageError(f"no object {'matches' if pattern else 'lies in'} {spec}: nothing to scan")
    found = [_object(location, info, client) for info in files if info.size or not info.path.endswith("/")]
    return sorted(found, key=lambda item: item.uri)


def _object(location: Location, info: pyarrow.fs.FileInfo, client: pyarrow.fs.FileSystem) -> RemoteObject:
    digest = None
    if location.scheme == "hf":
        known = client.handler.fs.info(info.path).get("lfs") or {}
        digest = known.get("sha256")
    return RemoteObject(location.uri(info.path), info.size, info.mtime_ns, digest)


def _pinned(location: Location, client: pyarrow.fs.FileSystem) -> Location:
    """With the commit in place of a branch, so that what is listed is what is read."""
    try:
        hub = client.handler.fs
        resolved = hub.resolve_path(location.path)
        commit = hub._api.repo_info(resolved.repo_id, repo_type="dataset", revision=resolved.revision).sha
    except Exception as error:  # the Hub's client has errors of many kinds
        raise StorageError(f"cannot open hf://{location.root}: {explained(error, location)}") from error
    return location._replace(root=f"{location.root.partition('@')[0]}@{commit}")


def _base(location: Location) -> str:
    """The directory above the first part of a pattern that is none."""
    plain = []
    for part in location.key.split("/")[:-1]:
        if MAGIC.search(part):
            break
        plain.append(part)
    return "/".join([location.root, *plain])


def _regex(pattern: str) -> re.Pattern[str]:
    """As `glob` has it: `*` and `?` stay within a directory, `**` does not."""
    out, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            out, at = out + "(?:.*/)?", at + 3
        elif pattern.startswith("**", at):
            out, at = out + ".*", at + 2
        elif pattern[at] in "*?":
            out, at = out + ("[^/]*" if pattern[at] == "*" else "[^/]"), at + 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            inside = re.escape(pattern[at + 1 : end]).replace(r"\-", "-").replace("!", "^", 1)
            out, at = out + f"[{inside}]", end + 1
        else:
            out, at = out + re.escape(pattern[at]), at + 1
    return re.compile(out, re.DOTALL)
