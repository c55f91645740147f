"""What parent and child processes say to one another: a JSON header and a payload, each with its length before it.

Never pickle: a hostile file that took over a child must not reach the parent through it.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

MOST_HEADER = 1 << 28  # bytes; a header says how long it is before it is read


class Reads(Protocol):
    """What a message is read from."""

    def read(self, size: int, /) -> bytes | None:
        """At most `size` bytes; nothing at the end of the stream."""


class Writes(Protocol):
    """What a message is written to."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Write all of `data`."""

    def flush(self) -> None:
        """Let nothing wait in a buffer."""


def write_message(file: Writes, header: dict[str, Any], payload: bytes | memoryview = b"") -> None:
    """Write one message and flush it."""
    encoded = json.dumps(header).encode()
    file.write(len(encoded).to_bytes(8, "little") + len(payload).to_bytes(8, "little") + encoded)
    file.write(payload)
    file.flush()


def read_message(file: Reads, most_payload: int | None = None) -> tuple[dict[str, Any], bytes] | None:
    """The next message, or None at the end of the stream, even in the middle of a message, or where it is too long.

    `file` must not buffer: a message left in a buffer would never wake a `select` on the file.
    """
    lengths = _read_exactly(file, 16)
    if lengths is None:
        return None
    header_size, payload_size = int.from_bytes(lengths[:8], "little"), int.from_bytes(lengths[8:], "little")
    if header_size > MOST_HEADER or (most_payload is not None and payload_size > most_payload):
        return None
    header = _read_exactly(file, header_size)
    payload = None if header is None else _read_exactly(file, payload_size)
    return None if header is None or payload is None else (json.loads(header), payload)


def _read_exactly(file: Reads, size: int) -> bytes | None:
    """`size` bytes, or None where the stream ends before."""
    pieces, missing = [], size
    while missing:
        piece = file.read(min(missing, 1 << 20))
        if not piece:
            return None
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
