"""Tells fingerprints that are common, because many works have them: boilerplate, turns of speech, much quoted lines."""

from __future__ import annotations

import numpy as np

from provenance.arrays import Bools, Integers
from provenance.kernels.compiling import kernel
from provenance.kernels.probe import Postings, Runs, edition_at, place_of

MOST_EXAMINED = 1 << 14  # postings of one fingerprint; with more of them it is common whoever has them


@kernel
def in_many_works(runs: Runs, postings: Postings, works: Integers, most: int) -> Bools:
    """For each run of postings, whether they lie in more than `most` works; `works` are those of the editions.

    A run of no more than `most` postings needs no look.
    """
    many = np.zeros(runs.firsts.size, dtype=np.bool_)
    met = np.empty(most + 1, dtype=np.int64)
    for run in range(runs.firsts.size):
        first, length = runs.firsts[run], runs.lengths[run]
        if length <= most:
            continue
        count = 0
        for entry in range(first, first + min(length, MOST_EXAMINED)):
            work = works[edition_at(postings, place_of(postings, entry))]
            again = False
            for k in range(count):
                again = again or met[k] == work
            if not again:
                met[count] = work
                count += 1
                if count > most:
                    break
        many[run] = count > most or length > MOST_EXAMINED
    return many
