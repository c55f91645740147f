"""Shards of nothing but token ids: NumPy arrays, and what Megatron reads."""

import struct
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from provenance.arrays import Integers
from provenance.errors import ShardError, TextColumnError, first_line
from provenance.shards.columns import Columns
from provenance.shards.fields import decoded_field
from provenance.shards.shard import BATCH_BYTES, Batch, Field, Options, Part, Shard, chunks
from provenance.shards.tokens import Decoder, Ids

BYTES_A_TOKEN = 4  # of English text, about
BATCH_TOKENS = BATCH_BYTES // BYTES_A_TOKEN
LONGEST = 1 << 24  # tokens of a document in a long sequence; a longer one is cut

MAGIC = b"MMIDIDX\x00\x00"  # of Megatron's indexes
HEADER = struct.Struct("<9sQBQQ")
TYPES = {1: "<u1", 2: "<i1", 3: "<i2", 4: "<i4", 5: "<i8", 8: "<u2"}  # codes of Megatron's DType; 6 and 7 are floats


class TokenShard(Shard):
    """What shards have in common that hold nothing but token ids."""

    _schema = pa.schema([("tokens", pa.list_(pa.int64()))])

    def choose_columns(self) -> Columns:
        """The one column; raises TextColumnError without a tokenizer or when another is asked for."""
        if self.options.decoder is None:
            raise TextColumnError(f"shard {self.name} holds token ids: pass --tokenizer tokenizer.json to decode them")
        return super().choose_columns()

    @property
    def decoder(self) -> Decoder:
        """The tokenizer; `choose_columns` has seen to it that there is one."""
        return cast(Decoder, self.options.decoder)

    def _field(self, rows: list[Ids], columns: Columns) -> Field:
        return decoded_field(columns.texts[0], self.decoder, rows)


class NumpyShard(TokenShard):
    """A `.npy` file, mapped; never one with pickled objects.

    In one of two dimensions a row is a row; one of one dimension is a long sequence, whose rows are the documents
    between end-of-text ids, and whose token offsets are those in the file.
    """

    kind = "npy"

    def __init__(self, path: str, name: str, options: Options) -> None:
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
            cuts = [*range(0, len(self._array), max(1, count // max(1, width))), len(self._array)]
            return [
                Part(n, low, high - low, (high - low) * width * BYTES_A_TOKEN, low, high)
                for n, (low, high) in enumerate(pairwise(cuts))
            ]
        parts: list[Part] = []
        begin = first = rows = 0
        for _, high in self._documents(0, self._array.size):
            rows += 1
            if high - begin >= count:
                parts.append(Part(len(parts), first, rows, (high - begin) * BYTES_A_TOKEN, begin, high))
                begin, first, rows = high, first + rows, 0
        if rows:
            end = self._array.size
            parts.append(Part(len(parts), first, rows, (end - begin) * BYTES_A_TOKEN, begin, end))
        return parts

    def _documents(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """Where documents begin and end in a range of a long sequence that begins with one."""
        at = begin
        for low in range(begin, end, BATCH_TOKENS):
            block = self._array[low : min(low + BATCH_TOKENS, end)]
            for stop in (low + np.flatnonzero(np.isin(block, self.decoder.end_of_text))).tolist():
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
        row, documents = part.first_row, self._documents(part.begin, part.end)
        for taken in chunks(documents, 1 if small else BATCH_TOKENS, lambda span: (span[1] - span[0]) * BYTES_A_TOKEN):
            yield self._batch(row, taken, columns)
            row += len(taken)

    def _batch(self, row: int, spans: list[tuple[int, int]], columns: Columns) -> Batch:
        field = self._field([np.asarray(self._array[low:high]) for low, high in spans], columns)
        begins: Integers = np.array([low for low, _ in spans], dtype=np.int64)
        owners = field.owners if field.owners is not None else np.arange(len(spans))
        first = begins[owners] + (0 if field.first_tokens is None else field.first_tokens)
        return Batch(None, np.arange(row, row + len(spans)), [replace(field, first_tokens=first)], None)


def _cut(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """A document in pieces that are not too long; none of an empty one."""
    for at in range(begin, end, LONGEST):
        yield at, min(at + LONGEST, end)


class MegatronShard(TokenShard):
    """Megatron's `.bin` with its `.idx`: token ids of many sequences, and where each begins. A row is a sequence.

    Layout of the index (Megatron-LM, `megatron/core/datasets/indexed_dataset.py`), little-endian: MAGIC, version (u64,
    1), code of the type of ids (u8), number of sequences and of document bounds (u64 each), then for each sequence its
    length (i32) and its place in bytes (i64), then the document bounds (i64).
    """

    kind = "megatron"

    def __init__(self, path: str, name: str, options: Options) -> None:
        super().__init__(path, name, options)
        index = Path(path).with_suffix(".idx")
        try:
            raw = index.read_bytes()
            size = Path(path).stat().st_size
        except OSError as error:
            raise ShardError(f"shard {name} cannot be opened: {index.name}: {error.strerror}") from error
        try:
            magic, version, code, sequences, documents = HEADER.unpack_from(raw)
            if magic != MAGIC or version != 1 or code not in TYPES:
                raise ValueError(f"not an index of version 1 of known type: {magic!r}, version {version}, type {code}")
            if len(raw) < HEADER.size + 12 * sequences + 8 * documents:
                raise ValueError(f"{len(raw)} bytes are too few for {sequences} sequences and {documents} bounds")
            self._sizes = np.frombuffer(raw, "<i4", sequences, HEADER.size)
            self._places = np.frombuffer(raw, "<i8", sequences, HEADER.size + 4 * sequences)
            dtype = np.dtype(TYPES[code])
            latest = size - self._sizes.astype(np.int64) * dtype.itemsize  # a sum with the places could overflow
            if sequences and (self._sizes.min() < 0 or self._places.min() < 0 or np.any(self._places > latest)):
                raise ValueError(f"it points outside the {size} bytes of {Path(name).name}")
            if np.any(self._places % dtype.itemsize):
                raise ValueError("it points into the middle of a token id")
        except (struct.error, ValueError) as error:
            raise ShardError(f"shard {name} has a damaged {index.name}: {first_line(error)}") from error
        usable = size - size % dtype.itemsize
        self._ids: np.ndarray[Any, np.dtype[Any]] = (
            np.memmap(path, dtype, mode="r", shape=(usable // dtype.itemsize,)) if usable else np.empty(0, dtype)
        )
        self._width = dtype.itemsize
        self.rows = int(sequences)

    def parts(self, columns: Columns) -> list[Part]:
        """Ranges of sequences."""
        tokens = np.concatenate([[0], np.cumsum(self._sizes.astype(np.int64))])
        step = max(1, self.options.unit_bytes // BYTES_A_TOKEN)
        inner = np.searchsorted(tokens, np.arange(0, tokens[-1], step)).clip(max=self._sizes.size)
        cuts = np.unique(np.concatenate([[0], inner, [self._sizes.size]]))
        return [
            Part(n, low, high - low, int(tokens[high] - tokens[low]) * BYTES_A_TOKEN, low, high)
            for n, (low, high) in enumerate(pairwise(cuts.tolist()))
        ]

    def batches(self, part: Part, columns: Columns, small: bool = False) -> Iterator[Batch]:
        """The sequences of a part in order."""
        sequences, most = range(part.begin, part.end), 1 if small else BATCH_TOKENS
        for numbers in chunks(sequences, most, lambda number: int(self._sizes[number]) * BYTES_A_TOKEN):
            firsts, sizes = self._places[numbers] // self._width, self._sizes[numbers]
            rows = [self._ids[f : f + n] for f, n in zip(firsts.tolist(), sizes.tolist(), strict=True)]
            yield Batch(None, np.array(numbers), [self._field(rows, columns)], None)
