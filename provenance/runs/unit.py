"""Scans one unit: row groups of one shard in; matches, counts and exceptions out. Every engine runs this function."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from provenance.errors import ShardError
from provenance.matching import MATCH_SCHEMA, Counts, Matcher
from provenance.matching.texts import document_sizes
from provenance.runs.config import ScanConfig
from provenance.shards import Batch, Columns, ParquetShard, RowGroup

RESULT_SCHEMA = pa.schema(
    [
        ("shard", pa.string()),
        ("row_group", pa.int64()),
        ("row", pa.int64()),  # in the file, from 0
        ("doc_id", pa.string()),
        ("text_column", pa.string()),
        *[field for field in MATCH_SCHEMA if field.name != "document"],
        ("excerpt", pa.string()),  # the document's text at the match, cut; invalid bytes as U+FFFD
        ("excerpt_sha256", pa.string()),  # of the bytes doc_begin to doc_end, uncut
    ]
)


@dataclass(frozen=True)
class Problem:
    """Something that was not scanned, or not as it should be: a row of the table `exception`."""

    shard: str
    row_group: int | None
    row: int | None
    kind: str
    reason: str


@dataclass
class UnitResult:
    """Matches as RESULT_SCHEMA, what was examined, and what was not."""

    matches: pa.Table
    counts: Counts
    rows_read: int = 0
    problems: list[Problem] = field(default_factory=list)


def scan_unit(
    path: str,
    columns: Columns,
    groups: list[RowGroup],
    matcher: Matcher,
    config: ScanConfig,
    on_bytes: Callable[[int], None] = lambda size: None,
) -> UnitResult:
    """Scan row groups of one shard; a row group that cannot be read is a problem in the result, not an error."""
    result = UnitResult(RESULT_SCHEMA.empty_table(), Counts())
    for group in groups:
        part = _scan_group(path, columns, group, matcher, config, on_bytes)
        result.matches = pa.concat_tables([result.matches, part.matches])
        result.counts.add(part.counts)
        result.rows_read += part.rows_read
        result.problems += part.problems
    return result


def _scan_group(
    path: str,
    columns: Columns,
    group: RowGroup,
    matcher: Matcher,
    config: ScanConfig,
    on_bytes: Callable[[int], None],
) -> UnitResult:
    """One row group; tried a second time in small batches when it does not fit into memory."""
    for small in (False, True):
        result = UnitResult(RESULT_SCHEMA.empty_table(), Counts())
        try:
            for batch in _open_batches(path, columns, group, small):
                on_bytes(_scan_batch(path, columns, batch, matcher, config, result))
            return result
        except MemoryError as error:
            problem = Problem(path, group.number, None, "memory", f"out of memory: {error}")
        except ShardError as error:
            problem = Problem(path, group.number, group.first_row + result.rows_read, "unreadable", str(error))
            break
    result.problems.append(problem)
    return result


def _open_batches(path: str, columns: Columns, group: RowGroup, small: bool) -> Iterator[Batch]:
    with ParquetShard(path) as shard:
        if not shard.repeats(group.number, columns.text):
            yield from shard.batches(group, columns, small)
            return
    with ParquetShard(path, repeating=True, text_column=columns.text) as shard:
        yield from shard.batches(group, columns, small)


def _scan_batch(
    path: str, columns: Columns, batch: Batch, matcher: Matcher, config: ScanConfig, result: UnitResult
) -> int:
    """Scan a batch into the result; returns the bytes of text that were scanned."""
    texts = batch.texts
    sizes = document_sizes(texts)
    for row in np.flatnonzero(sizes > config.max_row_bytes):
        reason = (
            f"row {batch.first_row + row} of shard {path} has {sizes[row]} bytes, more than {config.max_row_bytes}: "
            "not scanned; see --max-row-bytes"
        )
        result.problems.append(Problem(path, batch.row_group, int(batch.first_row + row), "row too long", reason))
    if (too_long := sizes > config.max_row_bytes).any():
        texts = pc.if_else(pa.array(too_long), pa.scalar(None, texts.type), texts)
    found, counts = matcher.match_counted(texts)
    counts.documents -= int(too_long.sum())
    counts.nulls -= int(too_long.sum())
    result.counts.add(counts)
    result.rows_read += len(texts)
    if found.num_rows:
        table = _located(path, columns, batch, found, config)
        result.matches = pa.concat_tables([result.matches, table])
    return counts.text_bytes


def _located(path: str, columns: Columns, batch: Batch, found: pa.Table, config: ScanConfig) -> pa.Table:
    """Matches with the place of their documents and their excerpts."""
    rows = pc.add(found["document"], batch.first_row)
    excerpts = [
        _excerpt(batch.texts[document], begin, end, config.max_excerpt)
        for document, begin, end in zip(
            *(found[name].to_pylist() for name in ("document", "doc_begin", "doc_end")), strict=True
        )
    ]
    count = found.num_rows
    data: dict[str, Any] = {
        **{name: found[name] for name in found.column_names},
        "shard": pa.repeat(path, count),
        "row_group": pa.repeat(batch.row_group, count),
        "row": rows,
        "doc_id": _document_ids(path, batch, found["document"], rows),
        "text_column": pa.repeat(columns.text, count),
        "excerpt": pa.array([text for text, _ in excerpts], pa.string()),
        "excerpt_sha256": pa.array([digest for _, digest in excerpts], pa.string()),
    }
    return pa.table([data[field.name] for field in RESULT_SCHEMA], schema=RESULT_SCHEMA)


def _document_ids(path: str, batch: Batch, documents: pa.ChunkedArray, rows: pa.ChunkedArray) -> pa.Array:
    """Ids from the id column, as text; `path:row_group:row` where there is none."""
    places = [f"{path}:{batch.row_group}:{row}" for row in rows.to_pylist()]
    if batch.ids is None:
        return pa.array(places, pa.string())
    ids = []
    for scalar, place in zip(batch.ids.take(documents.combine_chunks()), places, strict=True):
        kind = scalar.type.value_type if pa.types.is_dictionary(scalar.type) else scalar.type
        if not scalar.is_valid:
            ids.append(place)
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
            value = scalar.value if pa.types.is_dictionary(scalar.type) else scalar
            ids.append(bytes(value.as_buffer()).decode("utf-8", "replace"))
        else:
            ids.append(str(scalar.as_py()))
    return pa.array(ids, pa.string())


def _excerpt(text: pa.Scalar, begin: int, end: int, most: int) -> tuple[str, str]:
    if isinstance(text, pa.DictionaryScalar):
        text = text.value
    span = memoryview(text.as_buffer())[begin:end]
    shown = bytes(span[: 4 * most]).decode("utf-8", "replace")[:most]
    return shown, hashlib.sha256(span).hexdigest()
