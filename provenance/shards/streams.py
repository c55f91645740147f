"""Bytes of a file, decompressed where its name or its first bytes say so, and cut into whole lines. Bounded memory."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from provenance.errors import ShardError, first_line
from provenance.files.closing import Closing
from provenance.shards.shard import Options, Part

SUFFIXES = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bz2", ".lz4": "lz4"}
MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\x04\x22\x4d\x18": "lz4"}
EXPANSION = 3  # text of a compressed file for each of its bytes, about
BLOCK = 4 << 20  # bytes
FREE_BYTES = 1 << 30  # may come out of any file; beyond, `Options.max_ratio` holds


class Stream(Closing):
    """A file as one stream of bytes; every error is a ShardError that names the file and the place."""

    def __init__(self, path: str, name: str, options: Options, begin: int = 0, end: int | None = None) -> None:
        """Open the file. `begin` and `end` are a range of its bytes, for files that are not compressed."""
        self.name, self.compression = name, compression_of(path)
        self._left = None if end is None else end - begin
        self._begin, self.read_bytes = begin, 0
        size = Path(path).stat().st_size
        self._most = max(FREE_BYTES, options.max_ratio * size) if self.compression else None
        self._ratio = options.max_ratio
        try:
            file = pa.OSFile(path)
            if begin:
                file.seek(begin)
            self._file = pa.CompressedInputStream(file, self.compression) if self.compression else file
        except (pa.ArrowException, OSError) as error:
            raise ShardError(f"shard {name} cannot be opened: {first_line(error)}") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def begins_file(self, size: int) -> bool:
        """Whether the last `size` bytes that were read are the first of the file."""
        return self._begin == 0 and self.read_bytes == size

    def tell(self) -> int:
        """Bytes that were read."""
        return self.read_bytes

    def seek(self, offset: int, whence: int = 0) -> int:
        """Refused: a stream has no way back."""
        raise io.UnsupportedOperation("seek")

    @property
    def closed(self) -> bool:
        """Whether it is closed; Arrow asks."""
        return bool(self._file.closed)

    def read(self, size: int = BLOCK) -> bytes:
        """The next bytes, none at the end."""
        if size < 0:
            size = BLOCK
        if self._left is not None:
            size = min(size, self._left)
        try:
            block: bytes = self._file.read(size) if size else b""
        except pa.ArrowMemoryError:
            raise
        except (pa.ArrowException, OSError) as error:
            raise ShardError(
                f"shard {self.name} cannot be read beyond {self.read_bytes:,} bytes of its content: {first_line(error)}"
            ) from error
        self.read_bytes += len(block)
        if self._left is not None:
            self._left -= len(block)
        if self._most is not None and self.read_bytes > self._most:
            raise ShardError(
                f"shard {self.name} gives more than {self._ratio} bytes for each of its own: it looks like a bomb, "
                f"the rest was not scanned; see --max-ratio"
            )
        return block


class Lines(NamedTuple):
    """Whole lines."""

    first: int  # number of the first, from 0
    data: bytes
    lines: int


class LongLine(NamedTuple):
    """A line that is longer than may be held in memory, and was passed over."""

    number: int
    size: int


def lines_of(stream: Stream, most: int, first: int = 0) -> Iterator[Lines | LongLine]:
    """The lines of a stream in blocks; a line of more than `most` bytes is passed over and named."""
    number, rest = first, b""
    while block := stream.read():
        if stream.begins_file(len(block)):
            block = block.removeprefix(codecs.BOM_UTF8)
        cut = block.rfind(b"\n") + 1
        if not cut:
            rest += block
            if len(rest) > most:
                size, after = _pass_over(stream, len(rest))
                yield LongLine(number, size)
                number, rest = number + 1, after
            continue
        data = rest + block[:cut]
        count = data.count(b"\n")
        yield Lines(number, data, count)
        number, rest = number + count, block[cut:]
    if rest:
        yield Lines(number, rest, 1)


def _pass_over(stream: Stream, size: int) -> tuple[int, bytes]:
    """Read to the end of a line; returns its whole size, and what was read of the next."""
    while block := stream.read():
        if (end := block.find(b"\n")) >= 0:
            return size + end, block[end + 1 :]
        size += len(block)
    return size, b""


def whole_part(path: str) -> Part:
    """The only part of a file that has to be read from its start."""
    size = Path(path).stat().st_size
    return Part(0, 0, None, EXPANSION * size if compression_of(path) else size, 0, size)


def compression_of(path: str) -> str | None:
    """How a file is compressed, by its first bytes; the name is believed only where these say nothing."""
    with Path(path).open("rb") as file:
        head = file.read(4)
    for magic, name in MAGIC.items():
        if head.startswith(magic):
            return name
    return SUFFIXES.get(Path(path).suffix.lower()) if not head else None
