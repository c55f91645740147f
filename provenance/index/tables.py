"""Writes the tables of an index from sorted sources, and reads them back as a source."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from provenance.arrays import Bytes, Integers, U32s, U64s
from provenance.index import format as names
from provenance.index.postings import BYTES_A_POSTING, Source, merged
from provenance.kernels import probe
from provenance.kernels.probe import FEWEST_BUCKET_BITS, PRECISION

GRANULE_BITS = PRECISION - FEWEST_BUCKET_BITS  # the finest cut through values that splits no bucket of any table
PIECE = 1 << 18  # postings made ready at once
AHEAD = 4  # pieces
WIDE_WORDS = 1 << 32  # so many words need a fifth byte for their positions


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
        for piece in in_order(means.threads, make, pairwise(cuts)):
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


def in_order(
    threads: ThreadPoolExecutor, work: Callable[[int, int], TablePart], ranges: Iterable[tuple[int, int]]
) -> Iterator[TablePart]:
    """The pieces of all ranges, in order; a few are made ahead."""
    ahead: deque[Future[TablePart]] = deque()
    for low, high in ranges:
        ahead.append(threads.submit(work, low, high))
        if len(ahead) > AHEAD:
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


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
