"""The manifest of a bundle: every file with its size and SHA-256, and its own digest: no byte can change unseen.

It is found whole or damaged by itself; who can write the bundle can make a new one that fits, so the digest of the
manifest is printed when a bundle is made, to be kept elsewhere, or signed: `statement.json` is ready for that.
"""

import hashlib
import json
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec import Struct, ValidationError, convert

from provenance.errors import BundleError
from provenance.files.digests import file_sha256, readable_json

MANIFEST, STATEMENT, SUMS = "manifest.json", "statement.json", "SHA256SUMS"
VERSION = 1
MOST_BYTES = 64 << 20  # of a manifest


class _File(Struct):
    path: str
    bytes: int
    sha256: str


class _Manifest(Struct):
    """What everybody who reads a manifest takes for granted."""

    files: list[_File]
    tool_version: str
    code_sha256: str
    redacted: bool
    max_matches: int


def files_of(folder: Path) -> list[str]:
    """Names of all files in a folder, relative and sorted; raises BundleError for what is neither file nor folder."""
    names = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BundleError(f"{folder} holds {name}, which is no plain file: a bundle has no links")
        if path.is_file():
            names.append(name)
    return sorted(names)


def make_manifest(folder: Path, facts: dict[str, Any]) -> bytes:
    """The manifest of the files in a folder; `facts` is how they were made."""
    files = [
        {"path": name, "bytes": (folder / name).stat().st_size, "sha256": file_sha256(folder / name)}
        for name in files_of(folder)
        if name != MANIFEST
    ]
    return with_digest({"bundle": VERSION, **facts, "files": files})


def with_digest(content: dict[str, Any]) -> bytes:
    """JSON with its own SHA-256 in it, of which every byte is determined by the content."""
    return readable_json({**content, "sha256": hashlib.sha256(readable_json(content)).hexdigest()})


def without_digest(raw: bytes, path: Path) -> dict[str, Any]:
    """What `with_digest` was given, and its digest; raises BundleError where a byte differs."""
    try:
        content = json.loads(raw, parse_constant=_no_number)
        claimed = content.pop("sha256")
        whole = with_digest(content) == raw and isinstance(claimed, str)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(f"{path} is damaged: {str(error)[:200]}") from error
    if not whole:
        raise BundleError(f"{path} is damaged: it has not the digest that stands in it")
    return {**content, "sha256": claimed}


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a manifest says; raises BundleError if it is not there, or not byte for byte what was written."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BundleError(f"{path} is too large for a manifest")
        raw = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{folder} is no bundle: {MANIFEST} cannot be read ({error.strerror})") from error
    content = without_digest(raw, path)
    if content.get("bundle") != VERSION:
        raise BundleError(f"{path} is of version {content.get('bundle')!r}; this program reads version {VERSION}")
    try:
        names = Counter(file.path for file in convert(content, _Manifest).files)
    except ValidationError as error:
        raise BundleError(f"{path} is damaged: {str(error)[:200]}") from error
    for name, times in names.items():
        parts = PurePosixPath(name).parts
        if not name or name.startswith("/") or ".." in parts or "\\" in name or times > 1:
            raise BundleError(f"{path} names a file that cannot be part of a bundle: {name!r}")
    return content


def compare_files(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """What of the files is not as the manifest says, file by file."""
    there, differences = set(files_of(folder)) - {MANIFEST}, list[str]()
    for entry in manifest["files"]:
        name, path = entry["path"], folder / entry["path"]
        if name not in there:
            differences.append(f"{name} is missing")
        elif path.stat().st_size != entry["bytes"]:
            differences.append(f"{name} has {path.stat().st_size:,} bytes; it had {entry['bytes']:,}")
        elif (digest := file_sha256(path)) != entry["sha256"]:
            differences.append(f"{name} has the SHA-256 {digest}; it had {entry['sha256']}")
    listed = {entry["path"] for entry in manifest["files"]}
    return differences + [f"{name} does not belong to the bundle" for name in sorted(there - listed)]
