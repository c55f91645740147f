"""Zip files and compressed streams, read under limits: what they say of their own sizes is not trusted."""

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Any

from provenance.errors import BookError
from provenance.readers.limits import BLOCK, Limits, read_whole

BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, NotImplementedError, OSError)
BAD_STREAM = (lzma.LZMAError, EOFError, ValueError, NotImplementedError, OSError)  # pyarrow's errors are such


class Budget:
    """Counts what is unpacked from one file, and refuses a bomb while it goes off."""

    def __init__(self, packed: int, limits: Limits) -> None:
        self._packed, self._limits, self.unpacked = packed, limits, 0

    def spend(self, size: int) -> None:
        """Count bytes; raises BookError when they are too many."""
        self.unpacked += size
        if self.unpacked > self._limits.archive_bytes:
            raise BookError(f"it unpacks to more than {self._limits.archive_bytes:,} bytes")
        if self.unpacked > max(self._limits.ratio_from, self._packed * self._limits.ratio):
            times = f"{self._limits.ratio} times its {self._packed:,} bytes"
            raise BookError(f"it unpacks to more than {times}, as a bomb does")


class SafeZip:
    """A zip file whose members are read by name into memory; nothing is ever written to a disk."""

    def __init__(self, file: IO[bytes], size: int, limits: Limits) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except BAD_ZIP as error:
            raise BookError(f"it is no zip file that can be read: {error}") from error
        self._limits, self._budget = limits, Budget(size, limits)
        self._members = {info.filename: info for info in self._zip.infolist()}
        if (count := len(self._zip.infolist())) > limits.members:
            raise BookError(f"it has {count:,} members; at most {limits.members:,} are read")
        if count != len(self._members):
            raise BookError("two of its members have one name")
        for name in self._members:
            refuse_path(name)

    @property
    def names(self) -> list[str]:
        """Names of its files, in their order, without directories."""
        return [name for name in self._members if not name.endswith("/")]

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        """All of a member; raises BookError for what is encrypted, a link, damaged or a bomb."""
        info = self._members[name]
        if info.flag_bits & 0x1:
            raise BookError("it is encrypted: unpack it with its password first")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise BookError("it is a symbolic link: links are not followed")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BookError(f"it is compressed by method {info.compress_type}: only deflate is read")
        try:
            with self._zip.open(info) as member:
                return read_whole(member, self._limits, self._budget.spend)
        except BAD_ZIP as error:
            raise BookError(f"it is damaged: {error}") from error


class Unpacked:
    """A stream of what a compressed file holds, for one reading from front to end, under a budget."""

    def __init__(self, file: IO[bytes], compression: str, budget: Budget) -> None:
        self._budget = budget
        self._stream: Any = file
        if compression == "xz":
            self._stream = lzma.LZMAFile(file)  # noqa: SIM115
        elif compression:
            import pyarrow as pa  # here, because most files do without it

            self._stream = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), compression)

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; raises BookError for damage and for bombs."""
        try:
            block = bytes(self._stream.read(BLOCK if size < 0 else min(size, BLOCK)))
        except BAD_STREAM as error:
            raise BookError(f"it cannot be unpacked: {error}") from error
        self._budget.spend(len(block))
        return block

    def lines(self, limits: Limits) -> Iterator[bytes]:
        """Its lines without their ends; raises BookError for one that is too long."""
        rest = bytearray()
        while block := self.read():
            rest += block
            if b"\n" in block:
                *whole, last = rest.split(b"\n")
                yield from map(bytes, whole)
                rest = bytearray(last)
            if len(rest) > limits.line_bytes:
                raise BookError(f"it has a line of more than {limits.line_bytes:,} bytes")
        if rest:
            yield bytes(rest)


def refuse_path(name: str) -> None:
    """Raise BookError for a member that would be put outside its archive's folder, were it unpacked by name."""
    path = name.replace("\\", "/")
    if path.startswith("/") or path[1:2] == ":" or "\0" in path or ".." in PurePosixPath(path).parts:
        raise BookError(f"its member {name!r} points out of the archive")
