"""Postings: gathered and sorted in bounded memory, written as the tables of an index, and read back from those.

What does not fit into memory is sorted and put aside on disk, and merged in the end.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from provenance.arrays import Bytes, Integers, U32s, U64s
from provenance.index import format as names
from provenance.kernels import probe
from provenance.kernels.probe import FEWEST_BUCKET_BITS, PRECISION
from provenance.kernels.sorting import sort_postings
from provenance.process.threads import in_order

BYTES_A_POSTING = 24  # of memory: value and place, and room for what is in work
CHUNK = 1 << 17  # postings sorted at once
GRANULE_BITS = PRECISION - FEWEST_BUCKET_BITS  # the finest cut through values that splits no bucket of any table
PIECE = 1 << 18  # postings made ready at once
AHEAD = 4  # pieces
WIDE_WORDS = 1 << 32  # so many words need a fifth byte for their positions


class Source(Protocol):
    """Postings in order of stored value, then place."""

    size: int

    def between(self, low: int, high: int) -> tuple[U64s, U64s]:
        """Values and places of the postings whose value is at least `low` and below `high`."""


class SortedRun:
    """A source in two arrays, in memory or mapped from files."""

    def __init__(self, values: U64s, places: U64s) -> None:
        self._values, self._places = values, places
        self.size = values.size

    def between(self, low: int, high: int) -> tuple[U64s, U64s]:
        """See `Source`."""
        first, last = np.searchsorted(self._values, np.array([low, high], dtype=np.uint64))
        return np.asarray(self._values[first:last]), np.asarray(self._places[first:last])


class Gatherer:
    """Takes postings in order of place, and sorts them in chunks that fit a cache, by threads, while more come.

    `sources` are sorted runs, each earlier one with smaller places: those that memory could not hold, on disk, then
    the chunks.
    """

    def __init__(self, folder: Path, memory: int, threads: ThreadPoolExecutor) -> None:
        self._folder, self._threads = folder, threads
        self._most = max(1, memory // BYTES_A_POSTING)
        self._waiting: list[tuple[U64s, U64s]] = []  # of a chunk
        self._waiting_size = 0
        self._chunks: list[Future[SortedRun]] = []
        self._held = 0
        self._runs: list[Source] = []

    def add(self, values: U64s, places: U64s) -> None:
        """Add postings whose places are all greater than those before."""
        if self._held and self._held + values.size > self._most:
            self._spill()
        self._waiting.append((values, places))
        self._waiting_size += values.size
        self._held += values.size
        if self._waiting_size >= CHUNK:
            self._sort_waiting()

    def sources(self) -> list[Source]:
        """All that was added, as sources in order of place."""
        return [*self._runs, *self._sorted_chunks()]

    def _sort_waiting(self) -> None:
        self._chunks.append(self._threads.submit(_sorted_run, self._waiting))
        self._waiting, self._waiting_size = [], 0

    def _sorted_chunks(self) -> list[Source]:
        self._sort_waiting()
        return [chunk.result() for chunk in self._chunks]

    def _spill(self) -> None:
        """Write all that is held as one run."""
        chunks = self._sorted_chunks()
        paths = [self._folder / f"run{len(self._runs)}.{side}" for side in ("values", "places")]
        cuts = np.linspace(0, 1 << PRECISION, self._held // CHUNK + 2).astype(np.int64).tolist()
        with paths[0].open("wb") as values, paths[1].open("wb") as places:
            for low, high in pairwise(cuts):
                piece = merged(chunks, low, high)
                values.write(piece[0].data)
                places.write(piece[1].data)
        self._runs.append(SortedRun(*(np.memmap(path, dtype=np.uint64, mode="r") for path in paths)))
        self._chunks, self._held = [], 0


def _sorted_run(parts: list[tuple[U64s, U64s]]) -> SortedRun:
    nothing = np.empty(0, dtype=np.uint64)
    sides = [np.concatenate([nothing, *(part[side] for part in parts)]) for side in range(2)]
    return SortedRun(*sort_postings(sides[0], sides[1]))


def merged(sources: Sequence[Source], low: int, high: int) -> tuple[U64s, U64s]:
    """Postings of all sources with values from `low` to below `high`, sorted; equal values in order of source."""
    parts = [source.between(low, high) for source in sources]
    values = np.concatenate([values for values, _ in parts])
    places = np.concatenate([places for _, places in parts])
    return (values, places) if len(sources) == 1 else sort_postings(values, places)


class TablePart(NamedTuple):
    """What a range of values gives the tables."""

    values: U64s
    entries: U32s
    low_words: U32s
    high_bytes: Bytes  # empty unless postings are wide
    buckets: Integers  # where those of this range begin, in this piece
    distinct: int


@dataclass(frozen=True)
class Means:
    """What building may use: bytes of memory for postings, and threads."""

    memory: int
    threads: ThreadPoolExecutor
    workers: int = 2
    wide_words: int = WIDE_WORDS  # from so many words on postings take eight bytes


def write_tables(folder: Path, sources: Sequence[Source], words: int, most_hidden: int, means: Means) -> dict[str, Any]:
    """Write fingerprints, postings, buckets and filter; returns what the manifest must say of them.

    The range of values is cut into pieces that fit a cache; threads make them, and they are written in order.
    """
    postings, most = sum(source.size for source in sources), probe.largest_value(most_hidden)
    bits, wide = probe.bucket_bits(postings), words > means.wide_words
    granules = (most >> GRANULE_BITS) + 1
    wanted = max(-(-postings // PIECE), -(-postings * BYTES_A_POSTING // means.memory), 1)
    cuts = np.unique(np.linspace(0, granules, min(wanted, granules) + 1).astype(np.int64)).tolist()
    bucket_dtype = "<u4" if postings < 1 << 32 else "<u8"
    blocks, scale = probe.filter_shape(postings, most)
    # mapped, and filled from front to back, so that only a part of it is in memory at a time
    filled = np.memmap(folder / names.FILTER, dtype="<u8", mode="w+", shape=(blocks,))
    distinct = done = 0

    def make(first: int, last: int) -> TablePart:
        values, places = merged(sources, first << GRANULE_BITS, last << GRANULE_BITS)
        coarse = bits - FEWEST_BUCKET_BITS
        end = min(last << coarse, (most >> PRECISION - bits) + 1)
        return TablePart(
            values,
            (values & np.uint64((1 << (PRECISION - bits)) - 1)).astype("<u4"),
            (places & np.uint64(0xFFFFFFFF)).astype("<u4"),
            (places >> np.uint64(32)).astype("u1") if wide else np.empty(0, dtype="u1"),
            probe.bucket_starts(values, first << coarse, end, bits),
            values.size and 1 + int(np.count_nonzero(np.diff(values))),
        )

    with (
        (folder / names.FINGERPRINTS).open("wb") as entries,
        (folder / names.POSTINGS).open("wb") as low_words,
        (folder / names.POSTINGS_HIGH).open("wb") as high_bytes,
        (folder / names.BUCKETS).open("wb") as buckets,
    ):
        for piece in in_order(((0, means.threads.submit(make, *cut)) for cut in pairwise(cuts)), AHEAD):
            entries.write(piece.entries.data)
            low_words.write(piece.low_words.data)
            high_bytes.write(piece.high_bytes.data)
            buckets.write((piece.buckets + done).astype(bucket_dtype).data)
            probe.fill_filter(piece.values, scale, filled)
            distinct, done = distinct + piece.distinct, done + piece.values.size
        buckets.write(np.array([done]).astype(bucket_dtype).data)
    filled.flush()
    if not wide:
        (folder / names.POSTINGS_HIGH).unlink()
    return {
        "bucket_bits": bits,
        "bucket_dtype": bucket_dtype,
        "wide_postings": wide,
        "filter_scale": scale,
        "distinct_fingerprints": distinct,
        "postings": postings,
    }


class Table:
    """The tables of an index as a source; places can be shifted, to stand behind those of another index."""

    def __init__(self, folder: Path, manifest: dict[str, Any], shift: int = 0) -> None:
        self.size: int = manifest["counts"]["postings"]
        self._bits, self._shift = manifest["bucket_bits"], shift
        self._entries = names.mapped(folder / names.FINGERPRINTS, "<u4")
        self._postings = names.mapped(folder / names.POSTINGS, "<u4")
        self._high = names.mapped(folder / names.POSTINGS_HIGH, "u1") if manifest["wide_postings"] else None
        self._buckets = names.mapped(folder / names.BUCKETS, manifest["bucket_dtype"])

    def between(self, low: int, high: int) -> tuple[U64s, U64s]:
        """See `Source`; both numbers are at the edge of a granule."""
        rest = PRECISION - self._bits
        first, last = min(low >> rest, self._buckets.size - 1), min(high >> rest, self._buckets.size - 1)
        starts = self._buckets[first : last + 1].astype(np.int64)
        rows = slice(int(starts[0]), int(starts[-1]))
        tops = np.repeat(np.arange(first, last, dtype=np.uint64) << np.uint64(rest), np.diff(starts))
        values: U64s = np.bitwise_or(tops, self._entries[rows].astype(np.uint64))
        places = self._postings[rows].astype(np.uint64)
        if self._high is not None:
            places |= self._high[rows].astype(np.uint64) << np.uint64(32)
        return values, places + np.uint64(self._shift)
