r"""Megatron's `.bin` with its `.idx`: token ids of many sequences, and where each begins. A row is a sequence.

Layout of the index (Megatron-LM, `megatron/core/datasets/indexed_dataset.py`), little-endian: `MMIDIDX\0\0`, version
(u64, 1), code of the type of ids (u8), number of sequences and of document bounds (u64 each), then for each sequence
its length (i32) and its place in bytes (i64), then the document bounds (i64).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from provenance.errors import ShardError, first_line
from provenance.shards.arrays import BATCH_TOKENS, BYTES_A_TOKEN, TokenShard
from provenance.shards.columns import Columns
from provenance.shards.fields import decoded_field
from provenance.shards.shard import Batch, Options, Part

MAGIC = b"MMIDIDX\x00\x00"
HEADER = struct.Struct("<9sQBQQ")
TYPES = {1: "<u1", 2: "<i1", 3: "<i2", 4: "<i4", 5: "<i8", 8: "<u2"}  # codes of Megatron's DType; 6 and 7 are floats


class MegatronShard(TokenShard):
    """A pair of files; the shard is the `.bin`."""

    kind = "megatron"

    def __init__(self, path: str, name: str, options: Options) -> None:
        """Map both files; every place is checked once, here."""
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
        at = part.begin
        while at < part.end:
            held, end = 0, at
            while (
                end < part.end
                and (end == at or held + int(self._sizes[end]) <= BATCH_TOKENS)
                and not (small and end > at)
            ):
                held, end = held + int(self._sizes[end]), end + 1
            firsts = self._places[at:end] // self._width
            rows = [self._ids[f : f + n] for f, n in zip(firsts.tolist(), self._sizes[at:end].tolist(), strict=True)]
            field = decoded_field(columns.texts[0], self.decoder.decode(rows), len(rows))
            yield Batch(None, np.arange(at, end), [field], None)
            at = end
