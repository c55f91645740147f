"""NumPy arrays of token ids. In one of two dimensions a row is a row; one of one dimension is a long sequence, whose
rows are the documents between end-of-text ids, and whose token offsets are those in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pyarrow as pa

from provenance.errors import ShardError, TextColumnError, first_line
from provenance.shards.columns import Columns
from provenance.shards.fields import decoded_field
from provenance.shards.shard import BATCH_BYTES, Batch, Field, Integers, Options, Part, Shard
from provenance.shards.tokens import Decoder, Ids

BYTES_A_TOKEN = 4  # of English text, about
BATCH_TOKENS = BATCH_BYTES // BYTES_A_TOKEN
LONGEST = 1 << 24  # tokens of a document in a long sequence; a longer one is cut
COLUMN = "tokens"


class TokenShard(Shard):
    """What shards have in common that hold nothing but token ids."""

    def schema(self) -> pa.Schema:
        """One column."""
        return pa.schema([(COLUMN, pa.list_(pa.int64()))])

    def choose_columns(self) -> Columns:
        """The one column; raises TextColumnError without a tokenizer or when another is asked for."""
        if self.options.decoder is None:
            raise TextColumnError(f"shard {self.name} holds token ids: pass --tokenizer tokenizer.json to decode them")
        return super().choose_columns()

    @property
    def decoder(self) -> Decoder:
        """The tokenizer; `choose_columns` has seen to it that there is one."""
        return cast(Decoder, self.options.decoder)


class NumpyShard(TokenShard):
    """A `.npy` file, mapped; never one with pickled objects."""

    kind = "npy"

    def __init__(self, path: str, name: str, options: Options) -> None:
        """Map the file and look at its header."""
        super().__init__(path, name, options)
        try:
            self._array: np.ndarray[Any, np.dtype[Any]] = np.lib.format.open_memmap(path, mode="r")
        except Exception as error:  # its header is parsed as Python, which can fail in every way that Python has
            raise ShardError(f"shard {name} cannot be opened as a NumPy array: {first_line(error)}") from error
        if self._array.ndim not in (1, 2) or not np.issubdtype(self._array.dtype, np.integer):
            shape = "x".join(str(n) for n in self._array.shape)
            raise ShardError(f"shard {name} holds no token ids: {shape} of {self._array.dtype}")
        if self._array.ndim == 2:
            self.rows = int(self._array.shape[0])

    def parts(self, columns: Columns) -> list[Part]:
        """Ranges of rows, or of tokens that begin behind an end-of-text id, whose rows have to be counted."""
        count = max(1, self.options.unit_bytes // BYTES_A_TOKEN)
        if self._array.ndim == 2:
            width = int(self._array.shape[1])
            step = max(1, count // max(1, width))
            starts = range(0, len(self._array), step)
            ends = [min(start + step, len(self._array)) for start in starts]
            return [
                Part(n, low, high - low, (high - low) * width * BYTES_A_TOKEN, low, high)
                for n, (low, high) in enumerate(zip(starts, ends, strict=True))
            ]
        parts: list[Part] = []
        begin = first = rows = 0
        for _, high in self._documents(0, self._array.size):
            rows += 1
            if high - begin >= count:
                parts.append(Part(len(parts), first, rows, (high - begin) * BYTES_A_TOKEN, begin, high))
                begin, first, rows = high, first + rows, 0
        if rows:
            parts.append(
                Part(len(parts), first, rows, (self._array.size - begin) * BYTES_A_TOKEN, begin, self._array.size)
            )
        return parts

    def _documents(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """Where documents begin and end in a range of a long sequence that begins with one."""
        at = begin
        for low in range(begin, end, BATCH_TOKENS):
            ends = low + np.flatnonzero(
                np.isin(self._array[low : min(low + BATCH_TOKENS, end)], self.decoder.end_of_text)
            )
            for stop in ends.tolist():
                yield from _cut(at, stop)
                at = stop + 1
        yield from _cut(at, end)

    def batches(self, part: Part, columns: Columns, small: bool = False) -> Iterator[Batch]:
        """The rows of a part in order."""
        if self._array.ndim == 2:
            step = 1 if small else max(1, BATCH_TOKENS // max(1, int(self._array.shape[1])))
            for at in range(part.begin, part.end, step):
                rows: list[Ids] = list(np.asarray(self._array[at : min(at + step, part.end)]))
                yield Batch(None, np.arange(at, at + len(rows)), [self._field(rows, columns)], None)
            return
        row, taken = part.first_row, list[tuple[int, int]]()
        for low, high in self._documents(part.begin, part.end):
            taken.append((low, high))
            if small or taken[-1][1] - taken[0][0] >= BATCH_TOKENS:
                yield self._batch(row, taken, columns)
                row, taken = row + len(taken), []
        if taken:
            yield self._batch(row, taken, columns)

    def _batch(self, row: int, spans: list[tuple[int, int]], columns: Columns) -> Batch:
        field = self._field([np.asarray(self._array[low:high]) for low, high in spans], columns)
        begins: Integers = np.array([low for low, _ in spans], dtype=np.int64)
        owners = field.owners if field.owners is not None else np.arange(len(spans))
        first = begins[owners] + (0 if field.first_tokens is None else field.first_tokens)
        return Batch(None, np.arange(row, row + len(spans)), [replace(field, first_tokens=first)], None)

    def _field(self, rows: list[Ids], columns: Columns) -> Field:
        return decoded_field(columns.texts[0], self.decoder.decode(rows), len(rows))


def _cut(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """A document in pieces that are not too long; none of an empty one."""
    for at in range(begin, end, LONGEST):
        yield at, min(at + LONGEST, end)
