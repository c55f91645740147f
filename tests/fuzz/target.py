"""What a target of fuzzing is, and the small index that several of them use."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from provenance.files.digests import file_digest
from provenance.index import format as names
from provenance.index.building import build_index
from provenance.index.format import manifest_digest
from provenance.sketch import FracMinHash
from tests.shards import fixtures

Attempt = Callable[[bytes], None]

BOOK = fixtures.prose(5, 500)
ROWS = [("a", BOOK[300:900]), ("b", "no words of any book"), ("c", fixtures.prose(6, 20) + BOOK[1000:1500])]


@dataclass(frozen=True)
class Target:
    """Something that reads bytes of others. Both functions are given a directory of their own to write to."""

    seeds: Callable[[Path], list[bytes]]  # valid inputs
    attempt: Callable[[Path], Attempt]  # what an input is given to
    may_abort: bool = False  # a library ends the process for some; its reader runs in one of its own, which is told


def index_of(folder: Path) -> Path:
    """A small index, whose table of editions is stored plainly: a changed byte is then a changed value."""
    index = folder / "index"
    if not index.exists():
        (folder / "book.txt").write_text(BOOK)
        (folder / "other.txt").write_text(fixtures.prose(7, 300))
        build_index([folder / "book.txt", folder / "other.txt"], index, sketch=FracMinHash(scale=1))
        editions = pq.read_table(index / names.EDITIONS)
        pq.write_table(editions, index / names.EDITIONS, compression="none", use_dictionary=False)
        mend(index)
    return index


def mend(index: Path) -> None:
    """Make a manifest agree with its files and itself, as somebody would who forged them."""
    try:
        record = json.loads((index / names.MANIFEST).read_bytes())
        for name, entry in record["files"].items():
            if (index / name).is_file():
                entry.update(bytes=(index / name).stat().st_size, xxh3_128=file_digest(index / name))
        record.pop("digest", None)
        record["digest"] = manifest_digest(record)
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError):
        return
    (index / names.MANIFEST).write_text(json.dumps(record))
