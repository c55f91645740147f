"""Undoes what HTTP does to a body: transfer in chunks, and gzip or deflate. One bad body must cost no other."""

from __future__ import annotations

import zlib

GZIP_MAGIC = b"\x1f\x8b"


def decoded(data: bytes, transfer: str, content: str, most: int) -> bytes:
    """The body as it was meant, at most `most` bytes and one more; raises ValueError where it is damaged.

    `transfer` and `content` are the values of Transfer-Encoding and Content-Encoding. Crawlers keep these headers also
    for bodies that they have decoded: what does not look encoded is taken as it is.
    """
    if "chunked" in transfer.lower() and _begins_chunk(data):
        data = _unchunked(data)
    for encoding in reversed([name.strip().lower() for name in content.split(",") if name.strip()]):
        if encoding in ("gzip", "x-gzip"):
            data = _inflated(data, 31, most) if data.startswith(GZIP_MAGIC) else data
        elif encoding == "deflate":
            data = _inflated(data, 15 if data[:1] == b"\x78" else -15, most)
        elif encoding != "identity":
            raise ValueError(f"it is encoded as {encoding}, which is not read")
    return data


def _inflated(data: bytes, window: int, most: int) -> bytes:
    engine = zlib.decompressobj(window)
    try:
        plain = engine.decompress(data, most + 1)
    except zlib.error as error:
        raise ValueError(f"its compressed body is damaged: {error}") from error
    if not engine.eof and len(plain) <= most:
        raise ValueError("its compressed body is cut short")
    return plain


def _begins_chunk(data: bytes) -> bool:
    size = data[:16].partition(b"\r\n")[0].partition(b";")[0].strip()
    return bool(size) and all(digit in b"0123456789abcdefABCDEF" for digit in size)


def _unchunked(data: bytes) -> bytes:
    pieces, at = list[bytes](), 0
    while True:
        end = data.find(b"\r\n", at)
        try:
            size = int(data[at : max(end, at)].partition(b";")[0], 16)
        except ValueError:
            raise ValueError("its chunks are damaged") from None
        if size == 0:
            return b"".join(pieces)
        if size < 0 or end + 2 + size > len(data):
            raise ValueError("its chunks are cut short")
        pieces.append(data[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
