"""Writes the tables of an index from sorted sources, and reads them back as a source."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from provenance.index import format as names
from provenance.index.postings import BYTES_A_POSTING, Source, U64s, merged
from provenance.kernels.probe import (
    FEWEST_BUCKET_BITS,
    PRECISION,
    bucket_bits,
    bucket_starts,
    fill_filter,
    filter_shape,
    largest_value,
)
from provenance.kernels.sorting import count_distinct

GRANULE_BITS = PRECISION - FEWEST_BUCKET_BITS  # the finest cut through values that splits no bucket of any table
WIDE_WORDS = 1 << 32  # so many words need a fifth byte for their positions


def write_tables(
    folder: Path, sources: list[Source], words: int, max_kept: int, memory: int, wide_words: int = WIDE_WORDS
) -> dict[str, Any]:
    """Write fingerprints, postings, buckets and filter; returns what the manifest must say of them."""
    postings, most = sum(source.size for source in sources), largest_value(max_kept)
    bits, wide = bucket_bits(postings), words > wide_words
    granules = (most >> GRANULE_BITS) + 1
    cuts = np.linspace(0, granules, max(1, -(-postings * BYTES_A_POSTING // memory)) + 1).astype(np.int64)
    bucket_dtype = "<u4" if postings < 1 << 32 else "<u8"
    distinct, done, values = 0, 0, np.empty(0, dtype=np.uint64)
    with (
        (folder / names.FINGERPRINTS).open("wb") as entries,
        (folder / names.POSTINGS).open("wb") as low_words,
        (folder / names.POSTINGS_HIGH).open("wb") as high_bytes,
        (folder / names.BUCKETS).open("wb") as buckets,
    ):
        for first, last in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            values, places = merged(sources, first << GRANULE_BITS, last << GRANULE_BITS)
            _put(entries, values & np.uint64((1 << (PRECISION - bits)) - 1), "<u4")
            _put(low_words, places & np.uint64(0xFFFFFFFF), "<u4")
            if wide:
                _put(high_bytes, places >> np.uint64(32), "u1")
            coarse = bits - FEWEST_BUCKET_BITS
            end = min(last << coarse, (most >> PRECISION - bits) + 1)
            _put(buckets, bucket_starts(values, first << coarse, end, bits) + done, bucket_dtype)
            distinct += count_distinct(values)
            done += values.size
        _put(buckets, np.array([done]), bucket_dtype)
    if not wide:
        (folder / names.POSTINGS_HIGH).unlink()
    blocks, scale = filter_shape(distinct, most)
    filled = _map_filter(folder, blocks)
    if len(cuts) == 2:  # all values are at hand
        fill_filter(values, scale, filled)
    else:
        table = Table(folder, postings, bits, bucket_dtype)
        for first, last in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            fill_filter(table.values(first << GRANULE_BITS, last << GRANULE_BITS)[0], scale, filled)
    filled.flush()
    return {
        "bucket_bits": bits,
        "bucket_dtype": bucket_dtype,
        "wide_postings": wide,
        "filter_scale": scale,
        "distinct_fingerprints": distinct,
        "postings": postings,
    }


def _put(file: IO[bytes], column: npt.NDArray[Any], dtype: str) -> None:
    file.write(np.ascontiguousarray(column.astype(dtype, copy=False)).data)


def _map_filter(folder: Path, blocks: int) -> np.memmap[Any, np.dtype[np.uint64]]:
    """An empty filter, mapped: it is filled from front to back, so that only a part of it is in memory at a time."""
    with (folder / names.FILTER).open("wb") as file:
        file.truncate(blocks * 8)
    return np.memmap(folder / names.FILTER, dtype="<u8", mode="r+")


class Table:
    """The tables of an index as a source; places can be shifted, to stand behind those of another index."""

    def __init__(
        self, folder: Path, postings: int, bits: int, bucket_dtype: str, wide: bool = False, shift: int = 0
    ) -> None:
        self.size = postings
        self._bits, self._shift = bits, shift
        self._entries = names.mapped(folder / names.FINGERPRINTS, "<u4")
        self._postings = names.mapped(folder / names.POSTINGS, "<u4")
        self._high = names.mapped(folder / names.POSTINGS_HIGH, "u1") if wide else None
        self._buckets = names.mapped(folder / names.BUCKETS, bucket_dtype)

    def values(self, low: int, high: int) -> tuple[U64s, slice]:
        """The values from `low` to below `high`, both at the edge of a granule, and where they stand."""
        rest = PRECISION - self._bits
        first, last = min(low >> rest, self._buckets.size - 1), min(high >> rest, self._buckets.size - 1)
        starts = self._buckets[first : last + 1].astype(np.int64)
        rows = slice(int(starts[0]), int(starts[-1]))
        tops = np.repeat(np.arange(first, last, dtype=np.uint64) << np.uint64(rest), np.diff(starts))
        values: U64s = np.bitwise_or(tops, self._entries[rows].astype(np.uint64))
        return values, rows

    def between(self, low: int, high: int) -> tuple[U64s, U64s]:
        """See `Source`."""
        values, rows = self.values(low, high)
        places = self._postings[rows].astype(np.uint64)
        if self._high is not None:
            places |= self._high[rows].astype(np.uint64) << np.uint64(32)
        return values, places + np.uint64(self._shift)
