"""How messages go through a pipe: a header and a payload, each with its length before it.

Never pickle: a hostile file that took over a child must not reach the parent through it.
"""

import mmap
import os
from collections.abc import Iterator
from typing import IO, NamedTuple

from msgspec.json import Encoder

MOST_HEADER = 1 << 28  # bytes; a frame says how long it is before it is read
MOST_PAYLOAD = 1 << 32
LARGE = 1 << 20  # bytes, from which memory comes as untouched pages: who only claims to send much costs nothing
READS = 64  # at a time: who never stops talking lets others speak

encode = Encoder().encode  # a message as a header

Payload = bytes | memoryview


class Frame(NamedTuple):
    """A message as it came."""

    header: bytes
    payload: memoryview


def write_frame(file: IO[bytes], header: bytes, payload: Payload = b"") -> None:
    """Write one frame and flush it."""
    lengths = len(header).to_bytes(8, "little") + len(payload).to_bytes(8, "little")
    for part in (lengths + header, payload):
        rest = memoryview(part)
        while rest:
            rest = rest[file.write(rest) :]
    file.flush()


def read_frame(handle: int) -> Frame | None:
    """The next frame, or None at the end of the stream, even in the middle of one; raises ValueError for a long one."""
    inbox = Inbox(handle)
    while not inbox.ended:
        for frame in inbox.take():
            return frame
    return None


class Inbox:
    """Makes frames of a pipe as bytes come, and reads no more than their own.

    Where the pipe does not block, who stops in the middle of a frame keeps nobody waiting.
    """

    def __init__(self, handle: int, most_payload: int = MOST_PAYLOAD) -> None:
        self.ended = False
        self._handle = handle
        self._parts = _parts(most_payload)
        self._rest = self._next()

    def take(self) -> Iterator[Frame]:
        """The frames that are whole by now; raises ValueError for one that is too long."""
        for _ in range(READS):
            try:
                size = os.readv(self._handle, [self._rest])
            except BlockingIOError:
                return
            if size == 0:
                self.ended = True
                return
            self._rest = self._rest[size:]
            if self._rest:
                continue
            part = next(self._parts)
            if isinstance(part, Frame):
                yield part
                part = self._next()
            self._rest = part

    def drain(self) -> None:
        """Let go of what is there."""
        try:
            self.ended = not os.read(self._handle, LARGE)
        except BlockingIOError:
            return

    def _next(self) -> memoryview:
        part = next(self._parts)
        assert isinstance(part, memoryview)
        return part


def _parts(most_payload: int) -> Iterator[memoryview | Frame]:
    """Memory to be filled with what comes next; and after the parts of a frame the frame."""
    while True:
        lengths = memoryview(bytearray(16))
        yield lengths
        header_size, payload_size = (int.from_bytes(lengths[at : at + 8], "little") for at in (0, 8))
        if not 0 < header_size <= MOST_HEADER or payload_size > most_payload:
            raise ValueError("it is too long, or has no header")
        header, payload = _memory(header_size), _memory(payload_size)
        yield header
        if payload_size:
            yield payload
        yield Frame(bytes(header), payload)


def _memory(size: int) -> memoryview:
    if size < LARGE:
        return memoryview(bytearray(size))
    try:
        return memoryview(mmap.mmap(-1, size))
    except (OSError, MemoryError) as error:
        raise ValueError("it is longer than memory") from error
