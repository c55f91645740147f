"""Fingerprints of shingles, and the FracMinHash sketch of a batch of documents in one pass."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from provenance.kernels.compiling import as_int, inlined, kernel
from provenance.kernels.hashing import finish_shingle
from provenance.kernels.words import Rules, cut_words, text_rules

Item = TypeVar("Item", bound=np.generic)


class Sketches(NamedTuple):
    """Kept fingerprints of a batch, in order of document and position; and what was counted on the way."""

    documents: npt.NDArray[np.int64]  # (kept,) index of the document in the batch
    positions: npt.NDArray[np.uint32]  # (kept,) word position of the shingle's first word
    fingerprints: npt.NDArray[np.uint64]  # (kept,)
    words: npt.NDArray[np.int64]  # (documents,)
    invalid: npt.NDArray[np.int64]  # (documents,) invalid UTF-8 sequences


@kernel
def hash_shingles(
    hashes: npt.NDArray[np.uint64], count: int, shingle: int, keys: npt.NDArray[np.uint64], out: npt.NDArray[np.uint64]
) -> int:
    """Fingerprints of all shingles of `hashes[:count]` into `out`: a polynomial in the keyed multiplier, then mixed.

    Returns how many there are: `max(0, count - shingle + 1)`.
    """
    shingles = max(0, count - shingle + 1)
    start, multiplier = keys[1], keys[2]
    for i in range(shingles):
        x = start
        for k in range(shingle):
            x = x * multiplier + hashes[i + k]
        out[i] = finish_shingle(x)
    return shingles


@kernel
def keep_smallest(
    hashes: npt.NDArray[np.uint64],
    count: int,
    max_kept: np.uint64,
    positions: npt.NDArray[np.uint32],
    kept_hashes: npt.NDArray[np.uint64],
) -> int:
    """Copy the hashes <= max_kept and where they stood. No branch: always write, advance when kept."""
    kept = 0
    for i in range(count):
        positions[kept], kept_hashes[kept] = i, hashes[i]
        kept += as_int(hashes[i] <= max_kept)
    return kept


@inlined
def grown(array: npt.NDArray[Item], room: int) -> npt.NDArray[Item]:
    """A copy with room for at least `room` items."""
    larger = np.empty(max(room, 2 * array.size), dtype=array.dtype)
    larger[: array.size] = array
    return larger


@kernel
def sketch_documents(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    text: Rules,
    shingle: int,
    max_kept: np.uint64,
    keys: npt.NDArray[np.uint64],
    room: int,
) -> tuple[
    npt.NDArray[np.int64],
    npt.NDArray[np.uint32],
    npt.NDArray[np.uint64],
    npt.NDArray[np.int64],
    npt.NDArray[np.int64],
]:
    """Sketch documents `data[offsets[d]:offsets[d + 1]]`: shingles whose fingerprint is <= max_kept. See `Sketches`."""
    count = offsets.size - 1
    longest = 0
    for d in range(count):
        longest = max(longest, offsets[d + 1] - offsets[d])
    scratch = np.empty((longest + 1) // 2, dtype=np.uint64)
    nothing = np.empty(0, dtype=np.uint32)
    words, invalid = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    documents, positions = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.uint32)
    fingerprints = np.empty(room, dtype=np.uint64)
    kept = 0
    for d in range(count):
        words[d], invalid[d] = cut_words(data, offsets[d], offsets[d + 1], text, keys[0], scratch, nothing, nothing)
        shingles = hash_shingles(scratch, words[d], shingle, keys, scratch)
        if kept + shingles > fingerprints.size:
            documents = grown(documents, kept + shingles)
            positions = grown(positions, kept + shingles)
            fingerprints = grown(fingerprints, kept + shingles)
        new = keep_smallest(scratch, shingles, max_kept, positions[kept:], fingerprints[kept:])
        documents[kept : kept + new] = d
        kept += new
    return documents[:kept], positions[:kept], fingerprints[:kept], words, invalid


def sketch_batch(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    shingle: int,
    max_kept: int,
    keys: npt.NDArray[np.uint64],
) -> Sketches:
    """FracMinHash sketches of a batch; `offsets` has one item more than there are documents."""
    size = int(offsets[-1] - offsets[0]) if offsets.size else 0
    expected = int(size / 5 * (max_kept / 2**64) * 1.2) + 1024
    return Sketches(*sketch_documents(data, offsets, text_rules(), shingle, np.uint64(max_kept), keys, expected))


def fingerprints_of(
    hashes: npt.NDArray[np.uint64], shingle: int, keys: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint64]:
    """Fingerprints of all shingles of one text, unsampled, in order."""
    out = np.empty(max(0, hashes.size - shingle + 1), dtype=np.uint64)
    hash_shingles(hashes, hashes.size, shingle, keys, out)
    return out
