"""Real books that Debian ships in several formats contain one another, whatever format each was read from.

`tests/readers/fetch_books.sh` fetches them. Their texts differ a little by themselves: footnotes stand at the end of a
page, a chapter or the book, and one edition prints where its links lead and another does not.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from making import read

from provenance.index.works import mutual_containment
from provenance.kernels.fingerprints import kept_shingles
from provenance.kernels.words import words_of
from provenance.sketch import FracMinHash, Key

FOLDER = Path(os.environ.get("PROVENANCE_REAL_BOOKS", Path(__file__).parents[2] / ".real-books"))
POLICY = "debian-policy/usr/share/doc/debian-policy/policy"
REFERENCE = "developers-reference/usr/share/developers-reference/developers-reference"
FAQ = "debian-faq/usr/share/doc/debian/FAQ/debian-faq.en"

pytestmark = pytest.mark.skipif(
    not (FOLDER / "debian-policy").is_dir(), reason="no real books here: run tests/readers/fetch_books.sh"
)


@cache
def text_of(name: str) -> bytes:
    """The text of a file, or of all HTML files of a folder, joined."""
    path = FOLDER / name
    if not path.is_dir():
        (book,), _ = read(path)
        return book.text
    books, reading = read(*sorted(path.glob("*.html")))
    assert reading.failed == []
    return b"\n".join(book.text for book in books)


@cache
def sketch(name: str) -> np.ndarray:
    """Every fingerprint of the text."""
    hashes = words_of(np.frombuffer(text_of(name), dtype=np.uint8), Key().keys).hashes
    return np.unique(kept_shingles(hashes, 5, FracMinHash(scale=1).max_kept, Key().keys)[1])


def contained(part: str, whole: str) -> float:
    """The share of the fingerprints of one that the other has."""
    return np.intersect1d(sketch(part), sketch(whole)).size / sketch(part).size


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{POLICY}.txt", f"{POLICY}.epub"),
        (f"{POLICY}.txt", f"{POLICY}.html"),
        (f"{POLICY}.epub", f"{POLICY}.html"),
        (f"{REFERENCE}.txt", str(Path(REFERENCE).parent)),
        (f"{REFERENCE}.txt", f"{REFERENCE}.pdf"),
    ],
)
def test_one_book_in_two_formats_contains_one_another(one, other):
    assert sketch(one).size > 20_000
    assert mutual_containment(sketch(one), sketch(other)) >= 0.98


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        (f"{REFERENCE}.txt", f"{REFERENCE}.epub"),  # the EPUB prints the addresses of its links
        (str(Path(REFERENCE).parent), f"{REFERENCE}.epub"),
        (f"{REFERENCE}.pdf", str(Path(REFERENCE).parent)),  # the HTML has an index page
    ],
)
def test_where_one_has_more_it_contains_the_other(part, whole):
    assert contained(part, whole) >= 0.98


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{POLICY}.txt", f"{POLICY}.pdf"),  # numbers 400 sections of its appendices otherwise
        (f"{POLICY}.epub", f"{POLICY}.pdf"),
        (f"{FAQ}.txt", f"{FAQ}.pdf"),  # footnotes in the middle of paragraphs
        (f"{REFERENCE}.epub", f"{REFERENCE}.pdf"),
    ],
)
def test_a_printed_edition_with_other_numbers_and_notes_still_has_nearly_all(one, other):
    assert mutual_containment(sketch(one), sketch(other)) >= 0.96


@pytest.mark.parametrize("name", [f"{POLICY}.pdf", f"{REFERENCE}.pdf"])
def test_no_page_of_a_pdf_leaves_its_number_or_running_head(name):
    text = text_of(name).decode()
    alone = re.findall(r"^\d{1,3}$", text, re.MULTILINE)
    assert [number for number in alone if int(number) > 20] == []  # lower ones are those of footnotes
    assert not re.search(r"^(?:\d+ )?Chapter \d+\. .{0,80}$", text, re.MULTILINE | re.IGNORECASE)
    assert ". . . ." not in text


@pytest.mark.parametrize("name", [f"{POLICY}.epub", f"{POLICY}.html", f"{REFERENCE}.epub", f"{REFERENCE}.pdf"])
def test_nothing_of_markup_is_left_and_words_are_not_joined(name):
    text = text_of(name).decode()
    assert "¶" not in text
    assert not re.search(r"</?(?:p|div|span|em|a)\b", text)
    assert not re.search(r"&(?:amp|nbsp|lt|gt|#\d+);[a-z ]", text.replace("&amp;", "&amp ;"))
    prose = re.findall(r"[a-z]+", text)
    assert sum(len(word) > 22 for word in prose) < len(prose) / 5000


def test_what_the_files_say_of_themselves_is_known():
    (book,), _ = read(FOLDER / f"{POLICY}.epub")
    assert (book.title, book.language, book.year) == ("Debian Policy Manual", "en", "2022")
    (book,), _ = read(FOLDER / f"{REFERENCE}.pdf")
    assert book.title == "Debian Developer's Reference"
    assert book.notes == ("1 of 114 pages have no text",)
