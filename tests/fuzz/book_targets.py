"""Targets that read books, one a format, and what is known of them."""

from __future__ import annotations

import contextlib
import gzip
import os
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec.json import Decoder

from provenance.errors import MetadataError
from provenance.isolation.child import carry_out
from provenance.isolation.framing import encode
from provenance.isolation.tasks import Answer, Failed
from provenance.readers.document import BookColumns, Document, Member, Read, ReadAnswer, RefusedBook
from provenance.readers.formats import format_of
from provenance.readers.limits import Limits
from provenance.readers.metadata import read_metadata
from provenance.readers.process import read
from tests.fuzz.target import Attempt, Target
from tests.readers import making

PARAGRAPHS = making.paragraphs_of(3, 2, 20)
TEXT = "\n\n".join(PARAGRAPHS).encode()
LINES = making.as_jsonl([{"id": n, "title": "t", "text": "abc é"} for n in range(3)])
HTML = making.as_html(PARAGRAPHS).encode()
PACKED = {"gz": "w:gz", "bz2": "w:bz2", "xz": "w:xz"}


def book(*named: tuple[str, Callable[[], bytes]]) -> Target:
    """A target of books: an input is the number of a name, and the bytes of a file so named."""

    def seeds(folder: Path) -> list[bytes]:
        return [bytes([number]) + make() for number, (_, make) in enumerate(named)]

    def attempt(folder: Path) -> Attempt:
        def one(data: bytes) -> None:
            path = folder / named[data[0] % len(named) if data else 0][0]
            path.write_bytes(data[1:])
            task = Read(path.name, os.fsencode(path), format_of(path.name), BookColumns())
            decoder = Decoder(Member | RefusedBook | Document | ReadAnswer | Failed)

            def send(answer: Answer, text: bytes | memoryview) -> None:
                assert decoder.decode(encode(answer)) == answer

            last = carry_out(task, lambda task: read(task, Limits(file_bytes=1 << 24), send), send)
            assert getattr(last, "error_kind", "") != "fault", last

        return one

    return Target(seeds, attempt)


def parquet_book() -> bytes:
    out = BytesIO()
    pq.write_table(pa.Table.from_pylist([{"id": "a", "title": "t", "text": "abc é"}]), out, compression="none")
    return out.getvalue()


def metadata_attempt(folder: Path) -> Attempt:
    def one(data: bytes) -> None:
        path = folder / ("m.parquet" if data[:1] == b"P" else "m.csv")
        path.write_bytes(data)
        with contextlib.suppress(MetadataError):
            read_metadata(path)

    return one


def metadata_seeds(folder: Path) -> list[bytes]:
    out = BytesIO()
    row = {"id": "a", "title": "T", "author": "A", "isbn": "0-306-40615-2", "year": "1999"}
    pq.write_table(pa.Table.from_pylist([row]), out, compression="none", use_dictionary=False)
    return [out.getvalue(), b'id,title,author,isbn,year\na,"T, the first",A,0-306-40615-2,1999\nb,U,B,,\n']


TARGETS = {
    "metadata": Target(metadata_seeds, metadata_attempt),
    "book-epub": book(("b.epub", lambda: making.as_epub(PARAGRAPHS, 2))),
    "book-html": book(("b.html", lambda: HTML)),
    "book-pdf": book(("b.pdf", lambda: making.as_pdf(PARAGRAPHS, "A Title"))),
    "book-txt": book(
        ("b.txt", lambda: TEXT), ("c.txt", lambda: TEXT.decode().encode("utf-16")), ("unknown.xyz", lambda: TEXT)
    ),
    "book-rows": book(
        ("b.jsonl", lambda: LINES), ("b.jsonl.gz", lambda: gzip.compress(LINES)), ("b.parquet", parquet_book)
    ),
    "book-zip": book(("b.zip", lambda: making.as_zip({"a.txt": TEXT, "b.html": HTML, "c.jsonl": LINES}))),
    "book-tar": book(
        ("b.tar", lambda: making.as_tar({"a.txt": TEXT, "b.html": HTML})),
        *((f"b.tar.{end}", partial(making.as_tar, {"a.txt": TEXT}, mode)) for end, mode in PACKED.items()),
    ),
}
