"""Scans one unit: row groups of one shard in; matches, counts and exceptions out. Every engine runs this function."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from provenance.errors import ShardError
from provenance.index import Index
from provenance.matching import MATCH_SCHEMA, Counts, Matcher
from provenance.matching.common import joined, known_fingerprints
from provenance.matching.found import Found, join
from provenance.matching.passages import Integers
from provenance.matching.table import as_arrow
from provenance.matching.texts import document_bytes, document_sizes, is_text
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

LEARNED_SCHEMA = pa.schema([("fingerprint", pa.uint64()), ("documents", pa.int64())])


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
    """Matches as a table of RESULT_SCHEMA, what was examined, and what was not."""

    matches: pa.Table
    counts: Counts
    rows_read: int
    problems: list[Problem]


class _Part(NamedTuple):
    """The matches of a batch, with what is taken from its texts and ids; nothing here may keep those alive."""

    row_group: int
    first_row: int
    found: Found
    ids: pa.Array  # of the documents of the matches, as text
    excerpts: list[str]
    digests: list[str]


@dataclass
class _Scanned:
    """What became of a row group or a unit so far; a table is made once for all parts, because each costs its calls."""

    parts: list[_Part] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
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
    scanned = _Scanned()
    for group in groups:
        part = _scan_group(path, columns, group, matcher, config, on_bytes)
        scanned.parts += part.parts
        scanned.counts.add(part.counts)
        scanned.rows_read += part.rows_read
        scanned.problems += part.problems
    table = _result_table(path, columns, scanned.parts, matcher)
    return UnitResult(table, scanned.counts, scanned.rows_read, scanned.problems)


@dataclass
class Learned:
    """Fingerprints of the index that stand in a unit of ordinary text, and in how many documents each of them does."""

    fingerprints: pa.Table  # of LEARNED_SCHEMA, rising
    documents: int


def learn_unit(path: str, columns: Columns, groups: list[RowGroup], index: Index) -> Learned:
    """Learn from row groups of one Parquet file; raises ShardError for one that cannot be read."""
    known, documents = joined([]), 0
    for group in groups:
        parts = [known]
        for batch in _open_batches(path, columns, group, small=False):
            parts.append(known_fingerprints(index, batch.texts))
            documents += len(batch.texts)
        known = joined(parts)
    return Learned(pa.table([as_arrow(column) for column in known], schema=LEARNED_SCHEMA), documents)


def _scan_group(
    path: str,
    columns: Columns,
    group: RowGroup,
    matcher: Matcher,
    config: ScanConfig,
    on_bytes: Callable[[int], None],
) -> _Scanned:
    """One row group; tried a second time in small batches when it does not fit into memory."""
    for small in (False, True):
        result = _Scanned()
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
    path: str, columns: Columns, batch: Batch, matcher: Matcher, config: ScanConfig, result: _Scanned
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
    found, counts = matcher.find(texts)
    counts.documents -= int(too_long.sum())
    counts.nulls -= int(too_long.sum())
    result.counts.add(counts)
    result.rows_read += len(texts)
    if found.documents.size:
        ids = _document_ids(path, batch, found.documents)
        result.parts.append(
            _Part(batch.row_group, batch.first_row, found, ids, *_excerpts(batch.texts, found, config.max_excerpt))
        )
    return counts.text_bytes


def _result_table(path: str, columns: Columns, parts: list[_Part], matcher: Matcher) -> pa.Table:
    """The matches of all parts, with the places of their documents and their excerpts."""
    if not parts:
        return RESULT_SCHEMA.empty_table()
    found = join([part.found for part in parts], [part.first_row for part in parts])
    matches = matcher.table(found)
    sizes = [part.found.documents.size for part in parts]
    groups = np.repeat(np.array([part.row_group for part in parts], dtype=np.int64), sizes)
    data: dict[str, Any] = {
        **{name: matches[name] for name in matches.column_names},
        "shard": pa.repeat(path, matches.num_rows),
        "row_group": as_arrow(groups),
        "row": matches["document"],
        "doc_id": pa.concat_arrays([part.ids for part in parts]),
        "text_column": pa.repeat(columns.text, matches.num_rows),
        "excerpt": pa.array([text for part in parts for text in part.excerpts], pa.string()),
        "excerpt_sha256": pa.array([digest for part in parts for digest in part.digests], pa.string()),
    }
    return pa.table([data[field.name] for field in RESULT_SCHEMA], schema=RESULT_SCHEMA)


def _document_ids(path: str, batch: Batch, documents: Integers) -> pa.Array:
    """Ids from the id column, as text; `path:row_group:row` where there is none."""
    if batch.ids is None:
        return _places(path, batch, documents)
    ids = batch.ids.take(as_arrow(documents))
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary_decode()
    if pa.types.is_string(ids.type) or pa.types.is_integer(ids.type):
        try:
            texts = ids.cast(pa.string())
            texts.validate(full=True)
            return texts if not texts.null_count else pc.coalesce(texts, _places(path, batch, documents))
        except pa.ArrowInvalid:
            pass  # not UTF-8: shown with replacement characters below
    shown = [_shown(scalar) for scalar in ids]
    return pc.coalesce(pa.array(shown, pa.string()), _places(path, batch, documents))


def _places(path: str, batch: Batch, documents: Integers) -> pa.Array:
    rows = (documents + batch.first_row).tolist()
    return pa.array([f"{path}:{batch.row_group}:{row}" for row in rows], pa.string())


def _shown(scalar: pa.Scalar) -> str | None:
    """An id of any type as text; invalid bytes as U+FFFD."""
    if not scalar.is_valid:
        return None
    if is_text(scalar.type):
        return bytes(scalar.as_buffer()).decode("utf-8", "replace")
    return str(scalar.as_py())


def _excerpts(texts: pa.Array, found: Found, most: int) -> tuple[list[str], list[str]]:
    """For each match the document's text there, cut to `most` characters, and the digest of all its bytes."""
    data, starts = document_bytes(texts)
    first = starts[found.documents]
    excerpts, digests = [], []
    for begin, end in zip((first + found.doc_begins).tolist(), (first + found.doc_ends).tolist(), strict=True):
        shown = str(data[begin : min(end, begin + most)], "utf-8", "replace")
        if not shown.isascii():
            shown = str(data[begin : min(end, begin + 4 * most)], "utf-8", "replace")[:most]
        excerpts.append(shown)
        digests.append(hashlib.sha256(data[begin:end]).hexdigest())
    return excerpts, digests
