"""Plain Python oracles of the hashes: what `kernels/hashing.py` and `fingerprints.py` promise, on Python integers."""

from __future__ import annotations

from provenance.text.reference import tokenize

MASK = 2**64 - 1


def splitmix64(seed: int, count: int) -> list[int]:
    """The first outputs of splitmix64, as in its authors' C code."""
    out = []
    for i in range(1, count + 1):
        z = (seed + i * 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        out.append(z ^ (z >> 31))
    return out


def keys_of(seed: int) -> tuple[int, int, int]:
    """Word key, shingle key, and the multiplier made odd."""
    word_key, shingle_key, multiplier = splitmix64(seed, 3)
    return word_key, shingle_key, multiplier | 1


def word_hash(folded: bytes, word_key: int) -> int:
    """Blocks of 16 bytes, each as two little-endian numbers, the last padded with zeros."""
    state = word_key
    for at in range(0, len(folded), 16):
        block = folded[at : at + 16].ljust(16, b"\0")
        x = state ^ int.from_bytes(block[:8], "little")
        x = ((x ^ (x >> 32)) * 0x9E3779B97F4A7C15) & MASK
        x = ((x ^ (x >> 29)) + int.from_bytes(block[8:], "little")) & MASK
        x = ((x ^ (x >> 32)) * 0xBF58476D1CE4E5B9) & MASK
        state = x ^ (x >> 32)
    return state


def fmix64(x: int) -> int:
    """MurmurHash3's 64-bit finalizer."""
    x = ((x ^ (x >> 33)) * 0xFF51AFD7ED558CCD) & MASK
    x = ((x ^ (x >> 33)) * 0xC4CEB9FE1A85EC53) & MASK
    return x ^ (x >> 33)


def fingerprints(words: list[int], shingle: int, seed: int) -> list[int]:
    """Fingerprints of all shingles of word hashes: a polynomial in the multiplier, then mixed."""
    _, start, multiplier = keys_of(seed)
    out = []
    for i in range(len(words) - shingle + 1):
        total = start * multiplier**shingle
        total += sum(words[i + k] * multiplier ** (shingle - 1 - k) for k in range(shingle))
        out.append(fmix64(total & MASK))
    return out


def text_fingerprints(data: bytes, shingle: int, seed: int) -> list[int]:
    """Fingerprints of all shingles of a text, cut by the reference tokenizer."""
    return fingerprints([word_hash(w.folded, keys_of(seed)[0]) for w in tokenize(data).words], shingle, seed)


def frac_sketch(documents: list[bytes], shingle: int, scale: int, seed: int) -> list[tuple[int, int, int]]:
    """`(document, position, fingerprint)` of what FracMinHash keeps: `h < 2^64 / scale`."""
    return [
        (d, position, h)
        for d, data in enumerate(documents)
        for position, h in enumerate(text_fingerprints(data, shingle, seed))
        if h * scale < 2**64
    ]
