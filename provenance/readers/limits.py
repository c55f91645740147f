"""How much of anything a file may hold before it is refused: a book is never that large, a bomb always is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Everything is measured while it is read: what a file says of itself is not trusted."""

    file_bytes: int = 1 << 30  # of one file that is read whole; collections and archives are streamed
    text_bytes: int = 1 << 30  # of one book's text; offsets of words are 32 bits
    archive_bytes: int = 16 << 30  # of everything that is unpacked from one archive
    ratio: int = 200  # unpacked to packed; text packs 3 to 20 times
    ratio_from: int = 32 << 20  # unpacked bytes from which the ratio counts: what is small may be empty
    members: int = 200_000  # of one archive
    depth: int = 5_000  # of elements within one another; real books have some 30
    pages: int = 100_000  # of a PDF
    line_bytes: int = 256 << 20  # of JSON lines
    seconds: float = 300.0  # without a sign of life while a file, or a member of an archive, is parsed
    memory: int = 3 << 30  # bytes of private memory of the process that parses
