"""The hash functions of words and shingles: a documented contract with golden vectors (`tests/golden.json`).

Only 64-bit low multiplies, shifts, additions and exclusive-ors are used, so that LLVM can vectorise them.
A word is taken in blocks of 16 bytes, each block as two little-endian 64-bit numbers, the last padded with
zeros (folded words hold no NUL, so the padding cannot make two words equal). The constants are those of
MurmurHash3's finalizer and of splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
"""

import numpy as np

from provenance.arrays import U64s
from provenance.kernels.compiling import inlined

U64 = np.uint64
MIX_1 = U64(0x9E3779B97F4A7C15)
MIX_2 = U64(0xBF58476D1CE4E5B9)
FMIX_1 = U64(0xFF51AFD7ED558CCD)
FMIX_2 = U64(0xC4CEB9FE1A85EC53)
S29, S32, S33 = U64(29), U64(32), U64(33)


def derive_keys(seed: int) -> U64s:
    """`[word key, shingle key, shingle multiplier (odd)]`, three outputs of splitmix64 started at the 64-bit seed."""
    mask, state, keys = (1 << 64) - 1, seed, []
    for _ in range(3):
        state = state + 0x9E3779B97F4A7C15 & mask
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        keys.append(z ^ z >> 31)
    keys[2] |= 1
    return np.array(keys, dtype=np.uint64)


@inlined
def mix_block(state: np.uint64, low: np.uint64, high: np.uint64) -> np.uint64:
    """Take 16 bytes into the state of a word hash. The first shift carries the last letters below the multiply."""
    x = state ^ low
    x = (x ^ (x >> S32)) * MIX_1
    x = (x ^ (x >> S29)) + high
    x = (x ^ (x >> S32)) * MIX_2
    return x ^ (x >> S32)


@inlined
def finish_shingle(x: np.uint64) -> np.uint64:
    """MurmurHash3's 64-bit finalizer: makes the kept part `h < 2^64 / scale` a fair sample."""
    x = (x ^ (x >> S33)) * FMIX_1
    x = (x ^ (x >> S33)) * FMIX_2
    return x ^ (x >> S33)


@inlined
def power_of_two(least: int) -> int:
    """The smallest power of two that is not below `least`."""
    power = 1
    while power < least:
        power *= 2
    return power
