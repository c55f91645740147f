"""How much of anything a file may hold before it is refused: a book is never that large, a bomb always is."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import IO

from provenance.errors import BookError

BLOCK = 1 << 18  # bytes read, or unpacked, at a time


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

    def check_file(self, size: int) -> None:
        """Raise BookError for a file that is too large to be read whole."""
        if size > self.file_bytes:
            raise BookError(f"it has more than {self.file_bytes:,} bytes: cut it into volumes")

    def check_text(self, size: int) -> None:
        """Raise BookError for more text than one book has."""
        if size > self.text_bytes:
            raise BookError(f"it has more than {self.text_bytes:,} bytes of text: cut it into volumes")


def read_whole(file: IO[bytes], limits: Limits, on_block: Callable[[int], None] = lambda size: None) -> bytes:
    """All bytes of a file; raises BookError for one that is too large, whatever it says of its size."""
    out = BytesIO()
    while block := file.read(BLOCK):
        on_block(len(block))
        out.write(block)
        limits.check_file(out.tell())
    return out.getvalue()
