"""One book in every format: the same words, the same fingerprints, the same work."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from making import as_epub, as_html, as_jsonl, as_parquet, as_pdf, as_tar, as_zip, paragraphs_of, read

import provenance
from provenance.kernels.fingerprints import kept_shingles
from provenance.kernels.words import words_of
from provenance.readers.books import Book
from provenance.sketch import FracMinHash, Key

PARAGRAPHS = paragraphs_of(1)
PLAIN = "\n\n".join(PARAGRAPHS)


def fingerprints(text: bytes) -> np.ndarray:
    """All of a text's, none left out."""
    hashes = words_of(np.frombuffer(text, dtype=np.uint8), Key().keys).hashes
    return np.unique(kept_shingles(hashes, 5, FracMinHash(scale=1).max_kept, Key().keys)[1])


def write_all(folder: Path) -> list[Path]:
    """The book in every format but PDF, whose fonts know fewer letters."""
    row = {"id": "book", "title": "A Title", "text": PLAIN, "isbn": "0306406152", "year": "1999"}
    files = {
        "book.txt": PLAIN.encode(),
        "utf16.txt": PLAIN.encode("utf-16"),
        "book.html": as_html(PARAGRAPHS).encode(),
        "book.epub": as_epub(PARAGRAPHS),
        "book.jsonl": as_jsonl([row]),
        "book.jsonl.gz": gzip.compress(as_jsonl([{**row, "n": 1}])),
        "book.jsonl.zst": pa.compress(as_jsonl([{**row, "n": 2}]), codec="zstd", asbytes=True),
        "book.zip": as_zip({"in/b.txt": PLAIN + "\n"}),
        "book.tar": as_tar({"in/b.html": as_html([*PARAGRAPHS, ""]).encode()}),
        "book.tar.gz": as_tar({"in/b.epub": as_epub(PARAGRAPHS, chapters=2)}, "w:gz"),
        "book.tar.xz": as_tar({"in/b.txt": PLAIN.encode() + b"\n\n"}, "w:xz"),
        "book.tar.bz2": as_tar({"in/b.txt": PLAIN.encode() + b"\n\n\n"}, "w:bz2"),
        "book.tar.zst": pa.compress(as_tar({"in/b.txt": PLAIN.encode() + b" \n"}), codec="zstd", asbytes=True),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    as_parquet(folder / "book.parquet", [row])
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def books(tmp_path_factory) -> dict[str, Book]:
    found = {}
    for path in write_all(tmp_path_factory.mktemp("formats")):
        read_here, reading = read(path)
        assert len(read_here) == 1, reading.outcomes
        found[path.name] = read_here[0]
    return found


def test_every_format_gives_the_same_words(books):
    expected = fingerprints(PLAIN.encode())
    assert expected.size > 2000
    assert len(books) == 14
    for name, book in books.items():
        assert np.array_equal(fingerprints(book.text), expected), name


def test_every_book_says_what_it_was_read_from(books):
    assert {name: book.format for name, book in books.items() if "." in name} == {
        "book.txt": "txt", "utf16.txt": "txt", "book.html": "html", "book.epub": "epub", "book.jsonl": "jsonl",
        "book.jsonl.gz": "jsonl", "book.jsonl.zst": "jsonl", "book.zip": "txt", "book.tar": "html",
        "book.tar.gz": "epub", "book.tar.xz": "txt", "book.tar.bz2": "txt", "book.tar.zst": "txt",
        "book.parquet": "parquet",
    }  # fmt: skip
    assert books["utf16.txt"].encoding == "utf-16 (byte order mark)"
    assert books["book.zip"].source.endswith("book.zip!in/b.txt")
    assert books["book.zip"].edition_id == "in/b"
    assert (books["book.parquet"].isbn, books["book.jsonl"].year) == ("9780306406157", "1999")


def test_all_formats_are_editions_of_one_work(books, tmp_path):
    (tmp_path / "books").mkdir()
    write_all(tmp_path / "books")
    for extra in ("book.jsonl.gz", "book.jsonl.zst", "book.parquet"):  # whose book has the same id
        (tmp_path / "books" / extra).unlink()
    report = provenance.build_index([tmp_path / "books"], tmp_path / "index")
    assert (report.editions, report.works) == (11, 1)
    assert report.outcomes == {"read": 17, "skipped": 0, "failed": 0}  # six archives, and what is in each
    manifest = json.loads((tmp_path / "index" / "index.json").read_text())
    assert len(manifest["sources"]["read"]) == 17


def test_a_pdf_of_many_pages_contains_the_book_without_its_running_heads(tmp_path):
    plain = [text.encode("latin-1", "ignore").decode("latin-1") for text in PARAGRAPHS]
    (tmp_path / "book.pdf").write_bytes(as_pdf(plain, head="A Title of a Book, page"))
    (book,), _ = read(tmp_path / "book.pdf")
    assert b"A Title of a Book" not in book.text
    assert np.array_equal(fingerprints(book.text), fingerprints("\n\n".join(plain).encode()))
