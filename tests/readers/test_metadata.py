"""What is known of a book: flags go before a metadata file, and that before the book's own word; ISBNs are checked."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import as_epub, as_jsonl, as_pdf, only, paragraphs_of, read

from provenance.errors import MetadataError
from provenance.readers.metadata import isbn13, read_metadata

TEXT = " ".join(paragraphs_of(1))


@pytest.mark.parametrize(
    "text", ["0306406152", "0-306-40615-2", "ISBN 0 306 40615 2", "9780306406157", "urn:isbn:978-0-306-40615-7"]
)
def test_every_way_to_write_an_isbn_gives_its_thirteen_digits(text):
    assert isbn13(text) == "9780306406157"


@pytest.mark.parametrize("text", ["0306406153", "9780306406158", "123", "", "97803064061570", "X306406152"])
def test_what_is_no_isbn_or_has_a_wrong_check_digit_gives_nothing(text):
    assert isbn13(text) == ""


def test_a_check_digit_of_ten_is_an_x():
    assert isbn13("080442957X") == isbn13("0-8044-2957-x") == "9780804429573"


@given(st.integers(0, 10**9 - 1), st.integers(0, 9), st.integers(0, 9))
def test_one_wrong_digit_is_always_noticed(number, place, digit):
    nine = f"{number:09}"
    total = sum((10 - at) * int(d) for at, d in enumerate(nine))
    right = nine + "0123456789X"[-total % 11]
    wrong = right[:place] + str(digit) + right[place + 1 :]
    assert isbn13(right).startswith("978" + nine)
    assert wrong == right or isbn13(wrong) == ""


def csv(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_row_is_found_by_id_by_file_and_by_isbn(tmp_path):
    table = csv(
        tmp_path / "works.csv",
        "id,file,isbn,title,year,rights_holder,registration,licence\n"
        "one,,,First,1850,Heirs,TX0001,PD\n,two.txt,,Second,,,,\n,,0-306-40615-2,Third,c. 1999,,,\n",
    )
    (tmp_path / "one.txt").write_text(TEXT)
    (tmp_path / "two.txt").write_text(TEXT + " 2")
    (tmp_path / "three.epub").write_bytes(as_epub(paragraphs_of(2)))
    sources = [tmp_path / name for name in ("one.txt", "two.txt", "three.epub")]
    metadata = read_metadata(table)
    books, _ = read(*sources, metadata=metadata)
    assert [book.title for book in books] == ["First", "Second", "Third"]
    assert (books[0].rights_holder, books[0].registration, books[0].licence, books[0].year) == (
        "Heirs", "TX0001", "PD", "1850",
    )  # fmt: skip
    assert (books[2].isbn, books[2].year, books[2].author) == ("9780306406157", "1999", "A. Writer")
    assert metadata.unused == []


def test_a_parquet_file_of_metadata_says_the_same(tmp_path):
    pq.write_table(pa.table({"id": ["book"], "title": ["T"], "year": [1999], "isbn": [None]}), tmp_path / "m.parquet")
    (tmp_path / "book.txt").write_text(TEXT)
    (book,), _ = read(tmp_path / "book.txt", metadata=read_metadata(tmp_path / "m.parquet"))
    assert (book.title, book.year, book.isbn) == ("T", "1999", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id,titel\na,b\n", "columns id, titel"),
        ("title\nb\n", "needs id or file or isbn"),
        ("id,title\na,b\na,c\n", "line 3: a twice"),
        ("id,title\n,b\n", "line 2: no id"),
        ("id,isbn\na,0306406153\n", "line 2: '0306406153' is no ISBN"),
        ("id,year\na,soon\n", "line 2: 'soon' is no year"),
        ("isbn,title\n0306406152,a\n978-0-306-40615-7,b\n", "9780306406157 twice"),
    ],
)
def test_a_metadata_file_that_makes_no_sense_is_refused_with_its_line(tmp_path, text, expected):
    with pytest.raises(MetadataError) as error:
        read_metadata(csv(tmp_path / "m.csv", text))
    assert expected in str(error.value)
    assert "m.csv" in str(error.value)


def test_a_metadata_file_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "m.csv").write_bytes(b"id\n\xff\xfe\n")
    (tmp_path / "m.parquet").write_bytes(b"nothing")
    for name in ("m.csv", "m.parquet", "none.csv"):
        with pytest.raises(MetadataError, match=name):
            read_metadata(tmp_path / name)


def test_an_epub_tells_all_it_knows(tmp_path):
    book = only(as_epub(paragraphs_of(1)), tmp_path / "a.epub")
    assert (book.title, book.author, book.language, book.publisher) == ("A Title", "A. Writer", "en", "A House")
    assert (book.isbn, book.year, book.licence, book.format) == ("9780306406157", "1999", "CC0", "epub")


def test_a_false_isbn_of_a_book_is_noted_and_left_out(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(as_jsonl([{"id": "x", "text": TEXT, "isbn": "0306406153", "publisher": "P", "author": None}]))
    (book,), _ = read(path)
    assert (book.isbn, book.publisher, book.author) == ("", "P", "")
    assert book.notes == ("'0306406153' is no ISBN",)


def test_flags_go_before_the_metadata_file_and_that_before_the_book(tmp_path):
    (tmp_path / "a.epub").write_bytes(as_epub(paragraphs_of(1)))
    metadata = read_metadata(csv(tmp_path / "m.csv", "id,title,author\na,Table,Table\n"))
    (book,), _ = read(tmp_path / "a.epub", metadata=metadata, described={"title": "Flag"})
    assert (book.title, book.author, book.publisher) == ("Flag", "Table", "A House")


def test_a_book_without_a_title_is_named_by_its_file(tmp_path):
    assert only(as_pdf(paragraphs_of(1, 2)), tmp_path / "My Book.v2.pdf").title == "My Book.v2"


@pytest.mark.parametrize("line", ["book.txt,Alpha, the first,A. Lpha", "book.txt,Alpha", 'book.txt,"Alpha,A. Lpha'])
def test_a_line_of_other_length_than_the_header_is_refused(line, tmp_path):
    (tmp_path / "m.csv").write_text(f"file,title,author\n{line}\n")
    with pytest.raises(MetadataError):
        read_metadata(tmp_path / "m.csv")
