"""The members of tar files in a stream, one archive behind another; damage anywhere is an error.

Python's `tarfile` takes a header that it cannot read for the end, unless it is the first.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import IO, Any, NamedTuple, cast

from provenance.shards.streams import Stream

END, EMPTY = tarfile.BLOCKSIZE, b"\0" * tarfile.BLOCKSIZE


class Member(NamedTuple):
    """A file in an archive, to be read before the next is asked for."""

    name: str
    size: int
    archive: tarfile.TarFile
    info: tarfile.TarInfo

    def read(self) -> bytes:
        """What it holds."""
        return cast(IO[bytes], self.archive.extractfile(self.info)).read()


class _Told(tarfile.TarInfo):
    """Leaves word of what ended the headers."""

    @classmethod
    def fromtarfile(cls, tarfile: Any) -> _Told:  # noqa: ANN401  (so named and untyped in the library)
        try:
            return super().fromtarfile(tarfile)
        except Exception as error:
            tarfile.ended_by = type(error).__name__
            raise


class _Archive(tarfile.TarFile):
    """An archive that knows why no more members came."""

    tarinfo = _Told
    ended_by = ""


class _Rest:
    """A stream with some of its bytes put back."""

    def __init__(self, put_back: bytes, rest: Any) -> None:  # noqa: ANN401  (any object that reads)
        self._put_back, self._rest = put_back, rest

    def read(self, size: int) -> bytes:
        if self._put_back:
            data, self._put_back = self._put_back[:size], self._put_back[size:]
            return data
        return cast(bytes, self._rest.read(size))


def members_of(stream: Stream) -> Iterator[Member]:
    """Every regular file, in order; raises TarError where an archive is damaged or ends without its mark."""
    source: Any = stream
    while source is not None:
        with _Archive.open(fileobj=source, mode="r|", errors="surrogateescape") as archive:
            for info in archive:
                archive.members = []  # type: ignore[attr-defined]  # it would keep them all
                if info.isfile():
                    name = info.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                    yield Member(name, info.size, archive, info)
            if archive.ended_by != "EOFHeaderError":
                raise tarfile.ReadError(
                    f"it ends without the mark of an end, or a header is damaged ({archive.ended_by})"
                )
            source = _behind(archive.fileobj)


def _behind(rest: Any) -> _Rest | None:  # noqa: ANN401  (any object that reads)
    """What follows the end of an archive, if it is more than padding: archives may be joined by `cat`."""
    while block := rest.read(END):
        if block != EMPTY[: len(block)]:
            return _Rest(block, rest)
    return None
