"""Scans one unit: parts of one shard in; matches, counts and exceptions out. Every engine runs this function."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pyarrow as pa

from provenance.errors import ShardError
from provenance.index.opening import Index
from provenance.matching.common import common_text_of, joined
from provenance.matching.counts import Counts
from provenance.matching.matcher import Matcher
from provenance.matching.table import as_arrow
from provenance.shards.opening import open_shard
from provenance.shards.shard import Batch, Part, Shard
from provenance.shards.tokens import Health
from provenance.units.config import ScanConfig
from provenance.units.located import RESULT_SCHEMA, Located, Source, located, result_table
from provenance.units.messages import Problem
from provenance.units.origins import Tally
from provenance.units.payloads import empty_table

MOST_BAD_ROWS = 100  # of a part and a kind that are named one by one

LEARNED_SCHEMA = pa.schema([("fingerprint", pa.uint64()), ("documents", pa.int64())])
"""Rising fingerprints, and in how many documents each stands."""


@dataclass
class UnitResult:
    """What became of a part or a unit: matches, what was examined, and what was not."""

    matches: pa.Table = field(default_factory=lambda: empty_table(RESULT_SCHEMA))  # of all parts at once: see scan_unit
    parts: list[Located] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    rows_read: int = 0
    problems: list[Problem] = field(default_factory=list)
    origins: Tally = field(default_factory=Tally)
    last_row: int = -1  # that was read, bad ones included
    unnamed: Counter[str] = field(default_factory=Counter)  # problems beyond the first MOST_BAD_ROWS of a kind

    def add(self, other: Self) -> None:
        """Sum in place."""
        self.parts += other.parts
        self.counts += other.counts
        self.rows_read += other.rows_read
        self.problems += other.problems
        self.origins.merge(other.origins)

    def note(self, problem: Problem) -> None:
        """Keep a problem with a row; of very many of one kind their number."""
        if sum(noted.kind == problem.kind for noted in self.problems) < MOST_BAD_ROWS:
            self.problems.append(problem)
        else:
            self.unnamed[problem.kind] += 1


def scan_unit(
    source: Source,
    parts: Sequence[Part],
    matcher: Matcher,
    config: ScanConfig,
    on_bytes: Callable[[int], None] = lambda size: None,
    small: bool = False,
    opened: Shard | None = None,
) -> UnitResult:
    """Scan parts of one shard; a part that cannot be read is a problem in the result, not an error.

    With `small`, in small batches from the start: the second try of a unit that took its process down. `opened` is the
    shard, if it is already.
    """
    result = UnitResult()
    for part in parts:
        result.add(_scan_part(source, part, matcher, config, on_bytes, small, opened))
    result.matches, result.parts = result_table(result.parts, matcher, config.max_excerpt), []
    return result


def _scan_part(
    source: Source,
    part: Part,
    matcher: Matcher,
    config: ScanConfig,
    on_bytes: Callable[[int], None],
    small: bool,
    opened: Shard | None,
) -> UnitResult:
    """One part; tried a second time in small batches when it does not fit into memory."""
    decoder = source.options.decoder
    for in_small in (True,) if small else (False, True):
        result = UnitResult()
        if decoder is not None:
            decoder.health = Health()
        try:
            with nullcontext(opened) if opened else open_shard(source.path, source.name, source.options) as shard:
                for batch in shard.batches(part, source.columns, in_small):
                    on_bytes(_scan_batch(source, batch, matcher, config, result))
            problem = _tokenizer_problem(source, part)
            break
        except MemoryError as error:
            problem = Problem(source.name, part.row_group, None, "memory", f"out of memory: {error}")
        except ShardError as error:
            row = max(part.first_row, result.last_row + 1)
            problem = Problem(source.name, part.row_group, row, "unreadable", str(error))
            break
    for kind, count in sorted(result.unnamed.items()):
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
    reason = f"shard {source.name} was probably not made with tokenizer {decoder.path}: {complaint}"
    return Problem(source.name, part.row_group, None, "tokenizer", f"{reason}; what was decoded is not its text")


def _scan_batch(source: Source, batch: Batch, matcher: Matcher, config: ScanConfig, result: UnitResult) -> int:
    """Scan all columns of a batch into the result; returns the bytes of text that were scanned.

    A row is one document, however many texts it has.
    """
    for bad in batch.bad:
        result.note(Problem(source.name, batch.row_group, bad.row, bad.kind, bad.reason))
    rows = batch.rows.size
    with_text, unread, matched = (np.zeros(rows, dtype=np.bool_) for _ in range(3))
    counts, row_bytes = Counts(), np.zeros(rows, dtype=np.int64)
    for column in batch.fields:
        owners = np.arange(rows) if column.owners is None else column.owners
        long = column.documents.sizes > config.max_row_bytes
        for text in np.flatnonzero(long).tolist():
            result.note(_too_long(source, batch, int(batch.rows[owners[text]]), column.documents.sizes[text], config))
        documents = column.documents.without(long)
        matches, counted = matcher.find(documents)
        counts += counted
        unread[owners[long]] = True
        with_text[owners[~documents.nulls]] = True
        row_bytes += np.bincount(owners, documents.sizes, rows).astype(np.int64)
        if matches.documents.size:
            matched[owners[matches.documents]] = True
            result.parts.append(located(source, batch, column, owners, matches, config.max_excerpt))
    unread |= np.isin(batch.rows, [bad.row for bad in batch.bad])  # in formats that number them all the same
    counts.documents = rows - int(np.count_nonzero(unread & ~with_text))
    counts.nulls = rows - int(np.count_nonzero(unread | with_text))
    counts.documents_matched = int(np.count_nonzero(matched))
    result.counts += counts
    result.origins.add(batch.origins, row_bytes, with_text, matched)
    result.rows_read += rows
    result.last_row = max([result.last_row, *batch.rows[-1:].tolist(), *(bad.row for bad in batch.bad)])
    return counts.text_bytes


def _too_long(source: Source, batch: Batch, row: int, size: int, config: ScanConfig) -> Problem:
    reason = (
        f"row {row} of shard {source.name} has {size} bytes, more than {config.max_row_bytes}: "
        "not scanned; see --max-row-bytes"
    )
    return Problem(source.name, batch.row_group, row, "row too long", reason)


def learn_unit(source: Source, parts: Sequence[Part], index: Index) -> tuple[pa.Table, int]:
    """Fingerprints of the index in parts of a shard of ordinary text, as LEARNED_SCHEMA; and how many documents it has.

    Raises ShardError for one that cannot be read.
    """
    background, documents = joined([]), 0
    for part in parts:
        learned = [background]
        with open_shard(source.path, source.name, source.options) as shard:
            for batch in shard.batches(part, source.columns):
                if batch.bad:
                    raise ShardError(batch.bad[0].reason)
                learned += [common_text_of(index, field.documents) for field in batch.fields]
                documents += sum(len(field.documents) for field in batch.fields)
        background = joined(learned)
    return pa.table([as_arrow(column) for column in background], schema=LEARNED_SCHEMA), documents
