"""Exact blocks of a chain: maximal runs of equal words around its hits, on both sides at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from provenance.kernels.compiling import kernel


@kernel
def exact_blocks(
    doc: npt.NDArray[np.uint64],
    ref: npt.NDArray[np.uint64],
    doc_hits: npt.NDArray[np.int64],
    ref_hits: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Blocks `(doc begin, ref begin, words)`, shape (blocks, 3), rising and disjoint on both sides.

    `doc` and `ref` are word hashes; the hits are word positions in them, rising on both sides. Each hit is grown
    left to the block before it and right as far as the words agree.
    """
    out = np.empty((doc_hits.size, 3), dtype=np.int64)
    count, doc_end, ref_end = 0, 0, 0
    for h in range(doc_hits.size):
        q, r = doc_hits[h], ref_hits[h]
        if q < doc_end or r < ref_end or q >= doc.size or r >= ref.size or doc[q] != ref[r]:
            continue
        begin, end = q, q + 1
        while begin > doc_end and begin - q + r > ref_end and doc[begin - 1] == ref[begin - 1 - q + r]:
            begin -= 1
        while end < doc.size and end - q + r < ref.size and doc[end] == ref[end - q + r]:
            end += 1
        out[count, 0], out[count, 1], out[count, 2] = begin, begin - q + r, end - begin
        count += 1
        doc_end, ref_end = end, end - q + r
    return out[:count]
