"""Scans one unit: parts of one shard in; matches, counts and exceptions out. Every engine runs this function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from provenance.documents import document_sizes
from provenance.errors import ShardError
from provenance.index.opening import Index
from provenance.matching.common import joined, known_fingerprints
from provenance.matching.matcher import Counts, Matcher
from provenance.matching.table import as_arrow
from provenance.shards.opening import open_shard
from provenance.shards.shard import Batch, Part
from provenance.shards.tokens import Health
from provenance.units.config import ScanConfig
from provenance.units.located import Located, Source, located, result_table
from provenance.units.messages import Problem
from provenance.units.origins import Tally

MOST_BAD_ROWS = 100  # of a part and a kind that are named one by one

LEARNED_SCHEMA = pa.schema([("fingerprint", pa.uint64()), ("documents", pa.int64())])


@dataclass
class UnitResult:
    """Matches as a table of RESULT_SCHEMA, what was examined, and what was not."""

    matches: pa.Table
    counts: Counts
    rows_read: int
    problems: list[Problem]
    origins: Tally


@dataclass
class _Scanned:
    """What became of a part or a unit so far; a table is made once for all parts, because each costs its calls."""

    parts: list[Located] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    rows_read: int = 0
    problems: list[Problem] = field(default_factory=list)
    origins: Tally = field(default_factory=Tally)
    last_row: int = -1  # that was read, bad ones included
    untold: Counter[str] = field(default_factory=Counter)  # problems beyond the first MOST_BAD_ROWS of a kind

    def add(self, other: _Scanned) -> None:
        """Sum in place."""
        self.parts += other.parts
        self.counts.add(other.counts)
        self.rows_read += other.rows_read
        self.problems += other.problems
        self.origins.merge(other.origins)

    def pass_rows(self, batch: Batch) -> None:
        """Note how far the part was read."""
        last = max([*batch.rows[-1:].tolist(), *(bad.row for bad in batch.bad)], default=-1)
        self.last_row = max(self.last_row, last)

    def note(self, problem: Problem) -> None:
        """Keep a problem with a row; of very many of one kind their number."""
        if sum(known.kind == problem.kind for known in self.problems) < MOST_BAD_ROWS:
            self.problems.append(problem)
        else:
            self.untold[problem.kind] += 1


def scan_unit(
    source: Source,
    parts: Sequence[Part],
    matcher: Matcher,
    config: ScanConfig,
    on_bytes: Callable[[int], None] = lambda size: None,
    small: bool = False,
) -> UnitResult:
    """Scan parts of one shard; a part that cannot be read is a problem in the result, not an error.

    With `small`, in small batches from the start: the second try of a unit that took its process down.
    """
    scanned = _Scanned()
    for part in parts:
        scanned.add(_scan_part(source, part, matcher, config, on_bytes, (True,) if small else (False, True)))
    table = result_table(source, scanned.parts, matcher, config.max_excerpt)
    return UnitResult(table, scanned.counts, scanned.rows_read, scanned.problems, scanned.origins)


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
    source: Source,
    part: Part,
    matcher: Matcher,
    config: ScanConfig,
    on_bytes: Callable[[int], None],
    tries: Sequence[bool],
) -> _Scanned:
    """One part; tried a second time in small batches when it does not fit into memory."""
    decoder = source.options.decoder
    for small in tries:
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
            problem = Problem(source.name, part.row_group, None, "memory", f"out of memory: {error}")
        except ShardError as error:
            problem = Problem(
                source.name, part.row_group, max(part.first_row, result.last_row + 1), "unreadable", str(error)
            )
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
    return Problem(source.name, part.row_group, None, "tokenizer", reason)


def _scan_batch(source: Source, batch: Batch, matcher: Matcher, config: ScanConfig, result: _Scanned) -> int:
    """Scan all columns of a batch into the result; returns the bytes of text that were scanned.

    A row is one document, however many texts it has.
    """
    for bad in batch.bad:
        result.note(Problem(source.name, batch.row_group, bad.row, bad.kind, bad.reason))
    rows = batch.rows.size
    with_text, unread, matched = (np.zeros(rows, dtype=np.bool_) for _ in range(3))
    total, row_bytes = Counts(), np.zeros(rows, dtype=np.int64)
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
        row_bytes += np.bincount(owners, np.where(long, 0, sizes), rows).astype(np.int64)
        unread[owners[long]] = True
        if counts.nulls < len(texts):
            with_text[owners[texts.is_valid().to_numpy(zero_copy_only=False)] if counts.nulls else owners] = True
        if found.documents.size:
            matched[owners[found.documents]] = True
            result.parts.append(located(source, batch, column, owners, found, config.max_excerpt))
    unread |= np.isin(batch.rows, [bad.row for bad in batch.bad])  # in formats that number them all the same
    total.documents = rows - int(np.count_nonzero(unread & ~with_text))
    total.nulls = rows - int(np.count_nonzero(unread | with_text))
    total.documents_matched = int(np.count_nonzero(matched))
    result.counts.add(total)
    result.origins.add(batch.origins, row_bytes, with_text, matched)
    result.rows_read += rows
    result.pass_rows(batch)
    return total.text_bytes


def _note_long(source: Source, batch: Batch, row: int, size: int, config: ScanConfig, result: _Scanned) -> None:
    reason = (
        f"row {row} of shard {source.name} has {size} bytes, more than {config.max_row_bytes}: "
        "not scanned; see --max-row-bytes"
    )
    result.note(Problem(source.name, batch.row_group, row, "row too long", reason))
