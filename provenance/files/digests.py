"""Digests of files, of bytes, and of records as canonical JSON."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import xxhash

BLOCK = 1 << 20  # bytes
PROGRESS_BLOCKS = 256


def text_digest(data: bytes | memoryview) -> str:
    """XXH3-128 of bytes, as 32 hexadecimal digits: fast, against accident, not against forgery."""
    return xxhash.xxh3_128_hexdigest(data)


def file_digest(path: Path) -> str:
    """XXH3-128 of a file."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()


def file_sha256(path: Path, on_progress: Callable[[], None] = lambda: None) -> str:
    """SHA-256 of a file: identifies an input as evidence. `on_progress` is called now and then."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        for number, block in enumerate(iter(lambda: file.read(BLOCK), b""), 1):
            digest.update(block)
            if number % PROGRESS_BLOCKS == 0:
                on_progress()
    return digest.hexdigest()


def file_identity(path: str | Path) -> str:
    """What changes when a file does: its size and time of change. Not the inode, which differs from node to node where
    a store is mounted as a file system.
    """
    status = os.stat(path)  # noqa: PTH116  (asked for each unit and file of an index: a Path takes ten times as long)
    return f"{status.st_size}-{status.st_mtime_ns}"


def canonical_json(value: object) -> str:
    """JSON in one spelling: keys sorted, ASCII, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def json_sha256(value: object) -> str:
    """SHA-256 of a record as canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def readable_json(value: object) -> bytes:
    """JSON in one spelling for people: keys sorted, ASCII, a line each."""
    return json.dumps(value, sort_keys=True, indent=1).encode() + b"\n"
