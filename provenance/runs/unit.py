"""Scans one unit: parts of one shard in; matches, counts and exceptions out. Every engine runs this function."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
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
from provenance.shards import Batch, Columns, Field, Options, Part, open_shard
from provenance.shards.tokens import Decoder, Health

RESULT_SCHEMA = pa.schema(
    [
        ("shard", pa.string()),
        ("row_group", pa.int64()),
        ("row", pa.int64()),  # in the file, from 0
        ("doc_id", pa.string()),
        ("text_column", pa.string()),  # in lists with the number of the item: messages[2].content
        ("doc_token_begin", pa.int64()),  # of tokenised shards: the token ids of the row that hold the passage
        ("doc_token_end", pa.int64()),
        *[field for field in MATCH_SCHEMA if field.name != "document"],
        ("excerpt", pa.string()),  # the document's text at the match, cut; invalid bytes as U+FFFD
        ("excerpt_sha256", pa.string()),  # of the bytes doc_begin to doc_end, uncut
    ]
)

MOST_BAD_ROWS = 100  # of a part and a kind that are named one by one

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
    """The matches of one column of a batch, with what is taken from its texts and ids; nothing may keep those alive."""

    row_group: int | None
    rows: Integers  # of each match, its row in the file
    found: Found
    ids: pa.Array  # of the documents of the matches, as text
    columns: list[str]
    excerpts: list[str]
    digests: list[str]
    tokens: list[tuple[int, int]] | None


@dataclass
class _Scanned:
    """What became of a part or a unit so far; a table is made once for all parts, because each costs its calls."""

    parts: list[_Part] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    rows_read: int = 0
    problems: list[Problem] = field(default_factory=list)
    untold: Counter[str] = field(default_factory=Counter)  # problems beyond the first MOST_BAD_ROWS of a kind

    def add(self, other: _Scanned) -> None:
        """Sum in place."""
        self.parts += other.parts
        self.counts.add(other.counts)
        self.rows_read += other.rows_read
        self.problems += other.problems

    def note(self, problem: Problem) -> None:
        """Keep a problem with a row; of very many of one kind their number."""
        if sum(known.kind == problem.kind for known in self.problems) < MOST_BAD_ROWS:
            self.problems.append(problem)
        else:
            self.untold[problem.kind] += 1


@dataclass(frozen=True)
class Source:
    """A shard as a unit meets it: its name, where its bytes lie, what is read of it, and how."""

    name: str
    path: str
    columns: Columns
    options: Options


def scan_unit(
    source: Source,
    parts: Sequence[Part],
    matcher: Matcher,
    config: ScanConfig,
    on_bytes: Callable[[int], None] = lambda size: None,
) -> UnitResult:
    """Scan parts of one shard; a part that cannot be read is a problem in the result, not an error."""
    scanned = _Scanned()
    for part in parts:
        scanned.add(_scan_part(source, part, matcher, config, on_bytes))
    table = _result_table(source, scanned.parts, matcher)
    return UnitResult(table, scanned.counts, scanned.rows_read, scanned.problems)


@dataclass
class Learned:
    """Fingerprints of the index that stand in a unit of ordinary text, and in how many documents each of them does."""

    fingerprints: pa.Table  # of LEARNED_SCHEMA, rising
    documents: int


def learn_unit(source: Source, parts: Sequence[Part], index: Index) -> Learned:
    """Learn from parts of one shard; raises ShardError for one that cannot be read."""
    known, documents = joined([]), 0
    for part in parts:
        found = [known]
        with open_shard(source.path, source.name, source.options) as shard:
            for batch in shard.batches(part, source.columns):
                if batch.bad:
                    raise ShardError(batch.bad[0].reason)
                found += [known_fingerprints(index, field.texts) for field in batch.fields]
                documents += sum(len(field.texts) for field in batch.fields)
        known = joined(found)
    return Learned(pa.table([as_arrow(column) for column in known], schema=LEARNED_SCHEMA), documents)


def _scan_part(
    source: Source, part: Part, matcher: Matcher, config: ScanConfig, on_bytes: Callable[[int], None]
) -> _Scanned:
    """One part; tried a second time in small batches when it does not fit into memory."""
    decoder = source.options.decoder
    for small in (False, True):
        result = _Scanned()
        if decoder is not None:
            decoder.health = Health()
        try:
            with open_shard(source.path, source.name, source.options) as shard:
                for batch in shard.batches(part, source.columns, small):
                    on_bytes(_scan_batch(source, batch, matcher, config, result))
            problem = _tokenizer_problem(source, part) if decoder is not None else None
            break
        except MemoryError as error:
            problem = Problem(source.name, part.number, None, "memory", f"out of memory: {error}")
        except ShardError as error:
            problem = Problem(source.name, part.number, part.first_row + result.rows_read, "unreadable", str(error))
            break
    for kind, count in sorted(result.untold.items()):
        reason = f"shard {source.name}: {count:,} more rows were not scanned ({kind})"
        result.problems.append(Problem(source.name, None, None, kind, reason))
    if problem is not None:
        result.problems.append(problem)
    return result


def _tokenizer_problem(source: Source, part: Part) -> Problem | None:
    decoder = source.options.decoder
    complaint = None if decoder is None else decoder.health.complaint()
    if decoder is None or complaint is None:
        return None
    reason = (
        f"shard {source.name} was probably not made with tokenizer {decoder.path}: {complaint}; "
        "what was decoded is not its text"
    )
    return Problem(source.name, part.number, None, "tokenizer", reason)


def _scan_batch(source: Source, batch: Batch, matcher: Matcher, config: ScanConfig, result: _Scanned) -> int:
    """Scan all columns of a batch into the result; returns the bytes of text that were scanned.

    A row is one document, however many texts it has.
    """
    for bad in batch.bad:
        result.note(Problem(source.name, batch.row_group, bad.row, bad.kind, bad.reason))
    rows = batch.rows.size
    with_text, too_long, matched = (np.zeros(rows, dtype=np.bool_) for _ in range(3))
    total = Counts()
    for column in batch.fields:
        owners = np.arange(rows) if column.owners is None else column.owners
        sizes = document_sizes(column.texts)
        texts, long = column.texts, sizes > config.max_row_bytes
        for text in np.flatnonzero(long):
            _note_long(source, batch, int(batch.rows[owners[text]]), int(sizes[text]), config, result)
        if long.any():
            texts = pc.if_else(pa.array(long), pa.scalar(None, texts.type), texts)
        found, counts = matcher.find(texts)
        total.add(counts)
        too_long[owners[long]] = True
        if counts.nulls < len(texts):
            with_text[owners[texts.is_valid().to_numpy(zero_copy_only=False)] if counts.nulls else owners] = True
        if found.documents.size:
            matched[owners[found.documents]] = True
            result.parts.append(_part(source, batch, column, owners, found, config))
    total.documents = rows - int(np.count_nonzero(too_long & ~with_text))
    total.nulls = rows - int(np.count_nonzero(too_long | with_text))
    total.documents_matched = int(np.count_nonzero(matched))
    result.counts.add(total)
    result.rows_read += rows
    return total.text_bytes


def _note_long(source: Source, batch: Batch, row: int, size: int, config: ScanConfig, result: _Scanned) -> None:
    reason = (
        f"row {row} of shard {source.name} has {size} bytes, more than {config.max_row_bytes}: "
        "not scanned; see --max-row-bytes"
    )
    result.note(Problem(source.name, batch.row_group, row, "row too long", reason))


def _part(source: Source, batch: Batch, column: Field, owners: Integers, found: Found, config: ScanConfig) -> _Part:
    ids = _document_ids(source, batch, owners[found.documents])
    labels = [column.label(text) for text in found.documents.tolist()] if column.items is not None else []
    excerpts, digests = _excerpts(column.texts, found, config.max_excerpt)
    return _Part(
        batch.row_group,
        batch.rows[owners[found.documents]],
        found,
        ids,
        labels or [column.column] * found.documents.size,
        excerpts,
        digests,
        _token_spans(source.options.decoder, column, found),
    )


def _token_spans(decoder: Decoder | None, column: Field, found: Found) -> list[tuple[int, int]] | None:
    """For each match the token ids that hold it, counted in its row; None for texts that were never tokens."""
    if decoder is None or column.tokens is None or column.first_tokens is None:
        return None
    spans = []
    places = zip(found.documents.tolist(), found.doc_begins.tolist(), found.doc_ends.tolist(), strict=True)
    for text, begin, end in places:
        first, last = decoder.token_span(column.tokens[text], begin, end)
        before = int(column.first_tokens[text])
        spans.append((before + first, before + last))
    return spans


def _result_table(source: Source, parts: list[_Part], matcher: Matcher) -> pa.Table:
    """The matches of all parts, with the places of their documents and their excerpts."""
    if not parts:
        return RESULT_SCHEMA.empty_table()
    found = join([part.found for part in parts], [0] * len(parts))
    matches = matcher.table(found)
    sizes = [part.found.documents.size for part in parts]
    spans: list[Sequence[tuple[int | None, int | None]]] = [
        part.tokens or [(None, None)] * size for part, size in zip(parts, sizes, strict=True)
    ]
    data: dict[str, Any] = {
        **{name: matches[name] for name in matches.column_names},
        "shard": pa.repeat(source.name, matches.num_rows),
        "row_group": pa.array(
            [part.row_group for part, n in zip(parts, sizes, strict=True) for _ in range(n)], pa.int64()
        ),
        "row": as_arrow(np.concatenate([part.rows for part in parts])),
        "doc_id": pa.concat_arrays([part.ids for part in parts]),
        "text_column": pa.array([name for part in parts for name in part.columns], pa.string()),
        "doc_token_begin": pa.array([begin for part in spans for begin, _ in part], pa.int64()),
        "doc_token_end": pa.array([end for part in spans for _, end in part], pa.int64()),
        "excerpt": pa.array([text for part in parts for text in part.excerpts], pa.string()),
        "excerpt_sha256": pa.array([digest for part in parts for digest in part.digests], pa.string()),
    }
    return pa.table([data[field.name] for field in RESULT_SCHEMA], schema=RESULT_SCHEMA)


def _document_ids(source: Source, batch: Batch, rows: Integers) -> pa.Array:
    """Ids of rows of a batch from the id column, as text; `shard:row_group:row` where there is none."""
    if batch.ids is None:
        return _places(source, batch, rows)
    ids = batch.ids.take(as_arrow(rows))
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary_decode()
    if pa.types.is_string(ids.type) or pa.types.is_integer(ids.type):
        try:
            texts = ids.cast(pa.string())
            texts.validate(full=True)
            return texts if not texts.null_count else pc.coalesce(texts, _places(source, batch, rows))
        except pa.ArrowInvalid:
            pass  # not UTF-8: shown with replacement characters below
    shown = [_shown(scalar) for scalar in ids]
    return pc.coalesce(pa.array(shown, pa.string()), _places(source, batch, rows))


def _places(source: Source, batch: Batch, rows: Integers) -> pa.Array:
    prefix = source.name if batch.row_group is None else f"{source.name}:{batch.row_group}"
    return pa.array([f"{prefix}:{row}" for row in batch.rows[rows].tolist()], pa.string())


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
