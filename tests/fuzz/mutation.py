"""Bytes that are nearly valid: some known ones, flipped, cut, spliced, repeated, or with numbers that overflow."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

MOST = 1 << 18  # bytes of an input

NUMBERS = [
    0,
    1,
    -1,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    65536,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    2**62,
    2**63 - 1,
]
INTEGERS = sorted(
    {
        (number % 2 ** (8 * size)).to_bytes(size, order)
        for number in [*NUMBERS, 2**63, 2**64 - 1]
        for size in (1, 2, 4, 8)
        for order in ("little", "big")
    }
)
WORDS = [
    *(str(number).encode() for number in [*NUMBERS, 2**64, 10**30]),
    *(
        b"null",
        b"true",
        b"[]",
        b"{}",
        b'""',
        b"1e999",
        b"NaN",
        b"\\ud800",
        b"\\u0000",
        b"..",
        b"/",
        b"\n",
        b"\r\n",
        b"\0",
    ),
    *(b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xae", b"\x1b[2J", b"<!ENTITY", b"[" * 50, b"<a>" * 50),
]


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds after a few changes, each where it may be anything."""
    data = bytearray(draw(st.sampled_from(list(seeds))))
    for _ in range(draw(st.integers(1, 5))):
        size = len(data)
        # the ends of files say where the rest is, so they are changed as often as all between
        at = draw(st.one_of(st.integers(0, size), st.integers(0, min(size, 64)), st.integers(max(0, size - 200), size)))
        end = min(size, at + draw(st.sampled_from([1, 1, 2, 4, 8, 16, 100, 1000])))
        kind = draw(
            st.sampled_from(["flip", "number", "overwrite", "word", "cut", "head", "splice", "repeat", "bytes"])
        )
        if kind == "flip" and at < size:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "number":
            number = draw(st.sampled_from(INTEGERS))
            data[at : at + len(number)] = number
        elif kind == "overwrite" and at < size:
            data[at] = draw(st.integers(0, 255))
        elif kind == "word":
            data[at : at + draw(st.integers(0, 8))] = draw(st.sampled_from(WORDS))
        elif kind == "cut":
            del data[at:end]
        elif kind == "head":
            del data[at:]
        elif kind == "splice":
            other = draw(st.sampled_from(list(seeds)))
            begin = draw(st.integers(0, len(other)))
            data[at:end] = other[begin : begin + draw(st.sampled_from([1, 4, 16, 100, 1000]))]
        elif kind == "repeat":
            data[at:at] = data[at:end] * draw(st.sampled_from([1, 2, 10, 1000]))
        elif kind == "bytes":
            data[at:at] = draw(st.binary(max_size=16))
        del data[MOST:]
    return bytes(data)


def inputs(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Mostly changed seeds, and sometimes bytes that have nothing of them."""
    changed = mutated(seeds)
    return st.one_of(changed, changed, changed, changed, changed, changed, changed, st.binary(max_size=300))
