"""Looks a batch's fingerprints up in the index, and tells which of those that are there are common text."""

from typing import NamedTuple

import numpy as np

from provenance.arrays import Bools, Integers, U64s
from provenance.index.opening import Index
from provenance.kernels.fingerprints import Sketches
from provenance.kernels.probe import Runs


class Lookup(NamedTuple):
    """The fingerprints of a batch that stand in the index, in order of document and word."""

    runs: Runs
    places: Integers  # of each, `document << 32 | word`, rising
    common: Bools  # whether it is common text


def look_up(index: Index, sketches: Sketches, max_works: int, background: U64s) -> Lookup:
    """Find a batch's fingerprints in the index.

    Common text is what more than `max_works` works have, and what is in `background`, fingerprints that rise.
    """
    runs = index.find(sketches.fingerprints)
    common = index.in_many_works(runs, max_works)
    if background.size:
        common |= _is_in(background, sketches.fingerprints[runs.queries])
    places = sketches.documents[runs.queries].astype(np.int64) << 32 | sketches.positions[runs.queries]
    return Lookup(runs, places, common)


def _is_in(rising: U64s, values: U64s) -> Bools:
    places = np.minimum(np.searchsorted(rising, values), rising.size - 1)
    return np.asarray(rising[places] == values, dtype=np.bool_)
