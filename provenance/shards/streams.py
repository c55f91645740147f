"""Bytes of a file, decompressed where its name or its first bytes say so, and cut into whole lines. Bounded memory."""

import codecs
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from provenance.errors import ShardError
from provenance.shards.columns import Columns
from provenance.shards.shard import Options, Part, Shard, read_errors

SUFFIXES = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bz2", ".lz4": "lz4"}
MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\x04\x22\x4d\x18": "lz4"}
EXPANSION = 3  # text of a compressed file for each of its bytes, about
BLOCK = 4 << 20  # bytes
FREE_BYTES = 1 << 30  # may come out of any file; beyond, `Options.max_ratio` holds


class Stream(io.RawIOBase):
    """A file as one stream of bytes; every error is a ShardError that names the file and the place."""

    def __init__(self, path: str, name: str, options: Options, begin: int = 0, end: int | None = None) -> None:
        """Open the file. `begin` and `end` are a range of its bytes, for files that are not compressed."""
        self.name, self.begin, self.read_bytes, compression = name, begin, 0, compression_of(path)
        self._left = None if end is None else end - begin
        self._ratio = options.max_ratio
        self._most = max(FREE_BYTES, self._ratio * Path(path).stat().st_size) if compression else None
        with read_errors(f"shard {name} cannot be opened"):
            file = pa.OSFile(path)
            file.seek(begin)
            self._file = pa.CompressedInputStream(file, compression) if compression else file

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def readable(self) -> bool:
        """It is; Arrow asks."""
        return True

    def tell(self) -> int:
        """Bytes that were read. There is no way back to them."""
        return self.read_bytes

    def read(self, size: int = BLOCK) -> bytes:
        """The next bytes, none at the end."""
        if size < 0:
            size = BLOCK
        if self._left is not None:
            size = min(size, self._left)
        with read_errors(f"shard {self.name} cannot be read beyond {self.read_bytes:,} bytes of its content"):
            block: bytes = self._file.read(size) if size else b""
        self.read_bytes += len(block)
        if self._left is not None:
            self._left -= len(block)
        if self._most is not None and self.read_bytes > self._most:
            growth = f"gives more than {self._ratio} bytes for each of its own: it looks like a bomb"
            raise ShardError(f"shard {self.name} {growth}, the rest was not scanned; see --max-ratio")
        return block


class StreamShard(Shard):
    """A shard that is read from its start, and may be compressed."""

    def parts(self, columns: Columns) -> list[Part]:
        """The whole file: where a row begins is known only by reading from the start."""
        size = Path(self.path).stat().st_size
        return [Part(0, 0, None, EXPANSION * size if compression_of(self.path) else size, 0, size)]

    def stream(self, begin: int = 0, end: int | None = None) -> Stream:
        """Its bytes, or some of them, for one reading."""
        return Stream(self.path, self.name, self.options, begin, end)


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
        if stream.begin == 0 and stream.read_bytes == len(block):
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


def compression_of(path: str) -> str | None:
    """How a file is compressed, by its first bytes; the name is believed only where these say nothing."""
    with io.FileIO(path) as file:  # many small files open in half the time
        head = file.read(4)
    named = None if head else SUFFIXES.get(Path(path).suffix.lower())
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), named)
