"""Banded MinHash over word windows, with signatures equal bit for bit to datasketch's scheme `affine32`.

datasketch (2.0) mixes a 32-bit hash with MurmurHash3's 32-bit finalizer and takes, for each permutation,
the minimum of `a * h + b mod 2^32`. The band hashes go into the same table as the FracMinHash fingerprints.
"""

from typing import NamedTuple

import numpy as np

from provenance.arrays import Bytes, Integers, U32s, U64s
from provenance.kernels.compiling import inlined, kernel
from provenance.kernels.cutting import Rules
from provenance.kernels.fingerprints import Sketches, grown, hash_shingles, low_halves
from provenance.kernels.hashing import U64, finish_shingle
from provenance.kernels.words import cut_words, most_words

U32 = np.uint32


@inlined
def premix(h: np.uint32) -> np.uint32:
    """MurmurHash3's 32-bit finalizer."""
    h ^= h >> U32(16)
    h = U32(h * U32(0x85EBCA6B))
    h ^= h >> U32(13)
    h = U32(h * U32(0xC2B2AE35))
    return U32(h ^ (h >> U32(16)))


@kernel
def signature_of(shingles: U32s, a: U32s, b: U32s) -> U32s:
    """Signature (num_perm,) of a set of 32-bit shingle hashes; all 2^32 - 1 for the empty set, as in datasketch."""
    signature = np.full(a.size, U32(0xFFFFFFFF), np.uint32)
    for i in range(shingles.size):
        h = premix(shingles[i])
        for k in range(a.size):
            value = U32(U32(a[k] * h) + b[k])
            signature[k] = min(signature[k], value)
    return signature


@kernel
def hash_bands(signature: U32s, bands: int, rows: int, key: np.uint64, out: U64s) -> None:
    """Fingerprint of each band: a polynomial of its rows and its number, mixed, so equal rows of two bands differ."""
    for band in range(bands):
        x = key ^ U64(band)
        for row in range(rows):
            x = x * U64(0x9E3779B97F4A7C15) + U64(signature[band * rows + row])
        out[band] = finish_shingle(x)


@inlined
def windows_in(words: int, window: int, stride: int, shingle: int) -> int:
    """How many windows cover a text: one for a short text, then one per stride until the end is covered."""
    if words < shingle:
        return 0
    return 1 if words <= window else 1 + (words - window + stride - 1) // stride


class Bands(NamedTuple):
    """How texts are cut into windows, and signatures into bands."""

    shingle: int  # words
    window: int  # words
    stride: int  # words
    bands: int
    rows: int


@kernel
def band_documents(data: Bytes, offsets: Integers, text: Rules, shape: Bands, a: U32s, b: U32s, keys: U64s) -> Sketches:
    """Band fingerprints of every window of every document; the last window ends with the text."""
    shingle, window, stride, bands, rows = shape
    count = offsets.size - 1
    longest, most = 0, 0
    for d in range(count):
        size = offsets[d + 1] - offsets[d]
        longest = max(longest, size)
        most += windows_in((size + 1) // 2, window, stride, shingle) * bands
    scratch, nothing = np.empty(most_words(longest), np.uint64), np.empty(0, np.uint32)
    words, invalid = np.zeros(count, np.int64), np.zeros(count, np.int64)
    documents, positions, fingerprints = np.empty(most, np.int32), np.empty(most, np.uint32), np.empty(most, np.uint64)
    low = np.empty(window, np.uint32)
    hashes, used = np.empty((offsets[-1] - offsets[0]) // 5, np.uint32), 0
    filled = 0
    for d in range(count):
        words[d], invalid[d] = cut_words(data, offsets[d], offsets[d + 1], text, keys[0], scratch, nothing, nothing)
        hashes = grown(hashes, used + words[d])
        low_halves(scratch, hashes[used : used + words[d]])
        used += words[d]
        hash_shingles(scratch, words[d], shingle, keys, scratch)
        for w in range(windows_in(words[d], window, stride, shingle)):
            first = max(0, min(w * stride, words[d] - window))
            inside = min(window, words[d]) - shingle + 1
            for i in range(inside):
                low[i] = U32(scratch[first + i] & U64(0xFFFFFFFF))
            signature = signature_of(low[:inside], a, b)
            hash_bands(signature, bands, rows, keys[1], fingerprints[filled : filled + bands])
            for k in range(filled, filled + bands):
                documents[k], positions[k] = d, first
            filled += bands
    return Sketches(documents[:filled], positions[:filled], fingerprints[:filled], words, invalid, hashes[:used])
