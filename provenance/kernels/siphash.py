"""SipHash-2-4 of fingerprints (Aumasson, Bernstein: SipHash, a fast short-input PRF, 2012), for keyed indexes.

The hash of a shingle is made for speed: who knows a text that is in an index can solve for its keys. So the table of a
keyed index does not hold fingerprints, but a pseudorandom function of each: nothing can be solved for there.
"""

import numpy as np

from provenance.arrays import U64s
from provenance.kernels.compiling import inlined, kernel

U64 = np.uint64
START = (U64(0x736F6D6570736575), U64(0x646F72616E646F6D), U64(0x6C7967656E657261), U64(0x7465646279746573))
LENGTH = U64(8 << 56)  # what closes a message of eight bytes
END = U64(0xFF)

State = tuple[np.uint64, np.uint64, np.uint64, np.uint64]


@inlined
def rotated(x: np.uint64, bits: int) -> np.uint64:
    """`x` rotated to the left."""
    return x << U64(bits) | x >> U64(64 - bits)


@inlined
def sip_round(a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64) -> State:
    """One SipRound; `a` to `d` are v0 to v3 of the paper."""
    a, c = a + b, c + d
    b, d = rotated(b, 13) ^ a, rotated(d, 16) ^ c
    a = rotated(a, 32)
    c, a = c + b, a + d
    b, d = rotated(b, 17) ^ c, rotated(d, 21) ^ a
    return a, b, rotated(c, 32), d


@kernel
def siphash(fingerprints: U64s, first: np.uint64, second: np.uint64) -> U64s:
    """SipHash-2-4 of each fingerprint, as eight little-endian bytes, under a key of 128 bits in two halves."""
    out = np.empty(fingerprints.size, np.uint64)
    for i in range(fingerprints.size):
        a, b, c, d = first ^ START[0], second ^ START[1], first ^ START[2], second ^ START[3]
        d ^= fingerprints[i]
        for _ in range(2):
            a, b, c, d = sip_round(a, b, c, d)
        a, d = a ^ fingerprints[i], d ^ LENGTH
        for _ in range(2):
            a, b, c, d = sip_round(a, b, c, d)
        a, c = a ^ LENGTH, c ^ END
        for _ in range(4):
            a, b, c, d = sip_round(a, b, c, d)
        out[i] = a ^ b ^ c ^ d
    return out
