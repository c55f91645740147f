"""Gathers postings in bounded memory: what does not fit is sorted and put aside on disk, and merged in the end."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from provenance.kernels.sorting import sort_postings

U64s = npt.NDArray[np.uint64]

BYTES_A_POSTING = 48  # of memory, while it is gathered, joined and sorted: value and place, three times


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
    """Takes postings in order of place; `sources` are sorted runs of them, each earlier one with smaller places."""

    def __init__(self, folder: Path, memory: int, threads: int) -> None:
        self._folder, self._threads = folder, threads
        self._most = max(1, memory // BYTES_A_POSTING)
        self._values: list[U64s] = []
        self._places: list[U64s] = []
        self._held = 0
        self._runs: list[Source] = []

    @property
    def spilled(self) -> int:
        """How many runs went to disk."""
        return len(self._runs)

    def add(self, values: U64s, places: U64s) -> None:
        """Add postings whose places are all greater than those before."""
        if self._held and self._held + values.size > self._most:
            self._spill()
        self._values.append(values)
        self._places.append(places)
        self._held += values.size

    def sources(self) -> list[Source]:
        """All that was added, as sources in order of place."""
        return [*self._runs, SortedRun(*self._sorted())]

    def _sorted(self) -> tuple[U64s, U64s]:
        nothing = np.empty(0, dtype=np.uint64)
        values, places = np.concatenate([nothing, *self._values]), np.concatenate([nothing, *self._places])
        self._values, self._places, self._held = [], [], 0
        return sort_postings(values, places, self._threads)

    def _spill(self) -> None:
        values, places = self._sorted()
        paths = [self._folder / f"run{len(self._runs)}.{side}" for side in ("values", "places")]
        for path, column in zip(paths, (values, places), strict=True):
            column.tofile(path)
        mapped = [np.memmap(path, dtype=np.uint64, mode="r") for path in paths]
        self._runs.append(SortedRun(mapped[0], mapped[1]))


def merged(sources: list[Source], low: int, high: int) -> tuple[U64s, U64s]:
    """Postings of all sources with values from `low` to below `high`, sorted; equal values in order of source."""
    parts = [source.between(low, high) for source in sources]
    values = np.concatenate([values for values, _ in parts])
    places = np.concatenate([places for _, places in parts])
    return (values, places) if len(sources) == 1 else sort_postings(values, places)
