"""The process that parses books, taken over by the second book that it reads."""

from __future__ import annotations

from typing import IO

from provenance.isolation import child
from provenance.readers import process


def main() -> None:
    write_frame, books = child.write_frame, iter(range(1000))

    def garble(file: IO[bytes], header: bytes, payload: bytes) -> None:
        if b'"kind":"document"' in header and next(books) == 1:
            header = header.replace(b'"cut_front":0', b'"cut_front":"?"')
        write_frame(file, header, payload)

    child.write_frame = garble  # type: ignore[assignment]
    process.main()
