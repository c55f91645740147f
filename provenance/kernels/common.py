"""Tells fingerprints that are common, because many works have them: boilerplate, turns of speech, much quoted lines."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from provenance.kernels.compiling import kernel
from provenance.kernels.probe import edition_at, place_of

Integers = npt.NDArray[np.int64]

MOST_EXAMINED = 1 << 14  # postings of one fingerprint; with more of them it is common whoever has them


@kernel
def in_many_works(
    firsts: Integers,
    lengths: Integers,
    postings: npt.NDArray[np.uint32],
    high_bytes: npt.NDArray[np.uint8],
    first_words: Integers,
    hints: Integers,
    hint_shift: int,
    works: Integers,
    most: int,
) -> npt.NDArray[np.bool_]:
    """For each run of postings, whether they lie in more than `most` works; `works` are those of the editions.

    The other arguments are those of `expand_runs`. A run of no more than `most` postings needs no look.
    """
    many = np.zeros(firsts.size, dtype=np.bool_)
    met = np.empty(most + 1, dtype=np.int64)
    for run in range(firsts.size):
        if lengths[run] <= most:
            continue
        count = 0
        for entry in range(firsts[run], firsts[run] + min(lengths[run], MOST_EXAMINED)):
            work = works[edition_at(place_of(postings, high_bytes, entry), first_words, hints, hint_shift)]
            known = False
            for k in range(count):
                known = known or met[k] == work
            if not known:
                met[count] = work
                count += 1
                if count > most:
                    break
        many[run] = count > most or lengths[run] > MOST_EXAMINED
    return many
