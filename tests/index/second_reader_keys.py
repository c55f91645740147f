"""What a second reader needs besides for an index with a secret key: keys of a key file, and SipHash-2-4."""

import hmac
import struct

MASK = (1 << 64) - 1


def keys_of(secret: bytes) -> tuple[tuple[int, int, int], tuple[int, int]]:
    made = struct.unpack("<8Q", hmac.digest(secret, b"provenance key v2", "sha512"))
    return (made[0], made[1], made[2] | 1), (made[3], made[4])


def siphash(fingerprint: int, key: tuple[int, int]) -> int:
    v = [
        key[0] ^ 0x736F6D6570736575,
        key[1] ^ 0x646F72616E646F6D,
        key[0] ^ 0x6C7967656E657261,
        key[1] ^ 0x7465646279746573,
    ]
    for block in (fingerprint, 8 << 56):
        v[3] ^= block
        v = rounds(v, 2)
        v[0] ^= block
    v[2] ^= 0xFF
    a, b, c, d = rounds(v, 4)
    return a ^ b ^ c ^ d


def rounds(v: list[int], count: int) -> list[int]:
    a, b, c, d = v
    for _ in range(count):
        a, c = a + b & MASK, c + d & MASK
        b, d = left(b, 13) ^ a, left(d, 16) ^ c
        a = left(a, 32)
        c, a = c + b & MASK, a + d & MASK
        b, d = left(b, 17) ^ c, left(d, 21) ^ a
        c = left(c, 32)
    return [a, b, c, d]


def left(x: int, bits: int) -> int:
    return (x << bits | x >> 64 - bits) & MASK
