"""What parent and child processes say to one another: a JSON header and a payload, each with its length before it.

Never pickle: a hostile file that took over a child must not reach the parent through it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol

MOST_HEADER = 1 << 28  # bytes; a header says how long it is before it is read


class Reads(Protocol):
    """What a message is read from."""

    def read(self, size: int, /) -> bytes | None:
        """At most `size` bytes; nothing at the end of the stream."""


Message = tuple[dict[str, Any], bytes]


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


def read_message(file: Reads, most_payload: int | None = None) -> Message | None:
    """The next message, or None at the end of the stream, even in the middle of a message, or where it is too long.

    Raises ValueError for a header that is no JSON object.

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
    return None if header is None or payload is None else (_parsed(header), payload)


class Inbox:
    """Makes messages of the bytes of a stream as they come: who stops in the middle of one keeps nobody waiting."""

    def __init__(self, most_payload: int) -> None:
        self._held, self._most = bytearray(), most_payload

    def take(self, data: bytes) -> Iterator[Message]:
        """The messages that are whole with these bytes; raises ValueError for what is none, or is too long."""
        self._held += data
        while len(self._held) >= 16:
            header_size, payload_size = (int.from_bytes(self._held[at : at + 8], "little") for at in (0, 8))
            if header_size > MOST_HEADER or payload_size > self._most:
                raise ValueError("it is too long")
            begin, end = 16 + header_size, 16 + header_size + payload_size
            if len(self._held) < end:
                return
            with memoryview(self._held) as view:
                header, payload = bytes(view[16:begin]), bytes(view[begin:end])
            del self._held[:end]
            yield _parsed(header), payload


def _parsed(header: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise ValueError("it is no JSON") from error
    if not isinstance(parsed, dict):
        raise ValueError("it is no JSON object")
    return parsed


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
