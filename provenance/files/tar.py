"""The members of tar files in a stream, one archive behind another; damage anywhere is an error.

Python's `tarfile` takes a header that it cannot read for the end, unless it is the first.
"""

import tarfile
from collections.abc import Iterator
from typing import IO, Any, NamedTuple, Protocol, Self, cast

BLOCK = tarfile.BLOCKSIZE
DAMAGE = (tarfile.TarError, EOFError, ValueError, OverflowError)  # what reading a broken archive raises


class Reads(Protocol):
    """What an archive is read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class Member(NamedTuple):
    """Something in an archive; to be read before the next is asked for."""

    info: tarfile.TarInfo
    archive: tarfile.TarFile

    def open(self) -> IO[bytes]:
        """What a regular file holds."""
        return cast(IO[bytes], self.archive.extractfile(self.info))


class _Told(tarfile.TarInfo):
    """Leaves word with its archive of what ended the headers: why no more members came."""

    @classmethod
    def fromtarfile(cls, tarfile: Any) -> Self:  # noqa: ANN401  (so named and untyped in the library)
        try:
            return super().fromtarfile(tarfile)
        except Exception as error:
            tarfile.ended_by = type(error).__name__
            raise


class _Rest:
    """A stream with some of its bytes put back."""

    def __init__(self, put_back: bytes, rest: Reads) -> None:
        self._put_back, self._rest = put_back, rest

    def read(self, size: int, /) -> bytes:
        if self._put_back:
            data, self._put_back = self._put_back[:size], self._put_back[size:]
            return data
        return self._rest.read(size)


def members_of(stream: Reads) -> Iterator[Member]:
    """Everything in order; raises one of DAMAGE where an archive is damaged or ends without its mark."""
    source: Reads | None = stream
    while source is not None:
        file = cast(IO[bytes], source)
        with tarfile.open(fileobj=file, mode="r|", errors="surrogateescape", tarinfo=_Told) as archive:
            for info in archive:
                archive.members = []  # type: ignore[attr-defined]  # it would keep them all
                yield Member(info, archive)
            if (ended_by := getattr(archive, "ended_by", "")) != "EOFHeaderError":
                raise tarfile.ReadError(f"it ends without the mark of an end, or a header is damaged ({ended_by})")
            source = _behind(cast(Reads, archive.fileobj))


def _behind(rest: Reads) -> _Rest | None:
    """What follows the end of an archive, if it is more than padding: archives may be joined by `cat`."""
    while block := rest.read(BLOCK):
        if block.strip(b"\0"):
            return _Rest(block, rest)
    return None
