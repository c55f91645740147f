"""The files of an index against its manifest: sizes, digests, and the table of editions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.errors import IndexDamagedError
from provenance.files.digests import file_digest
from provenance.index import format as names


def check_sizes(folder: Path, manifest: dict[str, Any]) -> None:
    """Raise IndexDamagedError for a file that is missing, or of another size than the manifest says."""
    for name, entry in manifest["files"].items():
        path = folder / name
        try:
            size = path.stat().st_size
        except OSError as error:
            raise IndexDamagedError(f"{path} is missing from the index; build it again") from error
        if size != entry["bytes"]:
            raise IndexDamagedError(
                f"{path} is damaged: {size} bytes instead of {entry['bytes']}; build the index again"
            )


def read_editions(folder: Path, manifest: dict[str, Any], columns: list[str]) -> pa.Table:
    """Some columns of the editions; raises IndexDamagedError for a table that is not the one that was written."""
    path = folder / names.EDITIONS
    if digest_of(path) != manifest["files"][names.EDITIONS]["xxh3_128"]:
        raise IndexDamagedError(f"{path} is damaged: {names.MANIFEST} has another digest; build the index again")
    try:
        with pq.ParquetFile(path) as file:
            table = file.read(columns, use_threads=False)
        table = table.cast(pa.schema([names.EDITION_SCHEMA.field(name) for name in columns]))
        table.validate(full=True)  # strings are read as they stand; what is no UTF-8 would be met much later
    except (pa.ArrowException, ValueError, OSError) as error:
        raise IndexDamagedError(f"{path} is damaged: it has not the columns of editions: {error}") from error
    if any(column.null_count for column in table.columns):
        raise IndexDamagedError(f"{path} is damaged: it has nulls, which no index has; build the index again")
    return table


def digest_of(path: Path) -> str:
    """XXH3-128 of a file of an index; raises IndexDamagedError where it cannot be read."""
    try:
        return file_digest(path)
    except OSError as error:  # of a failing disk: it names no file
        raise IndexDamagedError(f"{path} cannot be read: {error.strerror or error}") from error
