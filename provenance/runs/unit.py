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
from provenance.matching.texts import document_sizes, is_text
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
    """Matches as tables of RESULT_SCHEMA, what was examined, and what was not."""

    matches: list[pa.Table] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    rows_read: int = 0
    problems: list[Problem] = field(default_factory=list)

    def table(self) -> pa.Table:
        """All matches."""
        return pa.concat_tables([RESULT_SCHEMA.empty_table(), *self.matches])


def scan_unit(
    path: str,
    columns: Columns,
    groups: list[RowGroup],
    matcher: Matcher,
    config: ScanConfig,
    on_bytes: Callable[[int], None] = lambda size: None,
) -> UnitResult:
    """Scan row groups of one shard; a row group that cannot be read is a problem in the result, not an error."""
    result = UnitResult()
    for group in groups:
        part = _scan_group(path, columns, group, matcher, config, on_bytes)
        result.matches += part.matches
        result.counts.add(part.counts)
        result.rows_read += part.rows_read
        result.problems += part.problems
    result.matches = [matcher.placed(result.table())]
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
        result = UnitResult()
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
        result.matches.append(_located(path, columns, batch, found, config))
    return counts.text_bytes


def _located(path: str, columns: Columns, batch: Batch, found: pa.Table, config: ScanConfig) -> pa.Table:
    """Matches with the place of their documents and their excerpts."""
    rows = pc.add(found["document"], batch.first_row)
    excerpts = _excerpts(batch.texts, found, config.max_excerpt)
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
    if batch.ids is None:
        return _places(path, batch, rows)
    ids = batch.ids.take(documents.combine_chunks())
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary_decode()
    if pa.types.is_string(ids.type) or pa.types.is_integer(ids.type):
        try:
            texts = ids.cast(pa.string())
            texts.validate(full=True)
            return texts if not texts.null_count else pc.coalesce(texts, _places(path, batch, rows))
        except pa.ArrowInvalid:
            pass  # not UTF-8: shown with replacement characters below
    shown = [_shown(scalar) for scalar in ids]
    return pc.coalesce(pa.array(shown, pa.string()), _places(path, batch, rows))


def _places(path: str, batch: Batch, rows: pa.ChunkedArray) -> pa.Array:
    return pa.array([f"{path}:{batch.row_group}:{row}" for row in rows.to_pylist()], pa.string())


def _shown(scalar: pa.Scalar) -> str | None:
    """An id of any type as text; invalid bytes as U+FFFD."""
    if not scalar.is_valid:
        return None
    if is_text(scalar.type):
        return bytes(scalar.as_buffer()).decode("utf-8", "replace")
    return str(scalar.as_py())


def _excerpts(texts: pa.Array, found: pa.Table, most: int) -> list[tuple[str, str]]:
    """For each match the document's text there, cut to `most` characters, and the digest of all its bytes."""
    excerpts = []
    last, data = -1, memoryview(b"")
    places = (found[name].to_pylist() for name in ("document", "doc_begin", "doc_end"))
    for document, begin, end in zip(*places, strict=True):
        if document != last:
            scalar = texts[document]
            data = memoryview((scalar.value if isinstance(scalar, pa.DictionaryScalar) else scalar).as_buffer())
            last = document
        span = data[begin:end]
        shown = bytes(span[: 4 * most]).decode("utf-8", "replace")[:most]
        excerpts.append((shown, hashlib.sha256(span).hexdigest()))
    return excerpts
