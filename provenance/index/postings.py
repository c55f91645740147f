"""Gathers postings in bounded memory: what does not fit is sorted and put aside on disk, and merged in the end."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from provenance.arrays import U64s
from provenance.kernels.probe import PRECISION
from provenance.kernels.sorting import sort_postings

BYTES_A_POSTING = 24  # of memory: value and place, and room for what is in work
CHUNK = 1 << 17  # postings sorted at once


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
