"""Text in any encoding becomes the same UTF-8, and Project Gutenberg's own words are cut off."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from making import as_epub, as_html, only, paragraphs_of

from provenance.errors import BookError
from provenance.readers.document import Document
from provenance.readers.gutenberg import without_gutenberg
from provenance.readers.text import to_utf8

FRENCH = "L’élève a déjà été à l’école où l’on apprend « le français » — c’est ça. " * 30
GERMAN = "Die größte Überraschung war für mich, daß die Mädchen schön sangen. " * 30
ENGLISH = "He said “it’s fine” — and went home to the old house by the sea. " * 30
POLISH = "Wszystkie szczęśliwe rodziny są do siebie podobne, każda nieszczęśliwa na swój sposób, źródło. " * 30
RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. " * 30
GREEK = "Όλες οι ευτυχισμένες οικογένειες μοιάζουν μεταξύ τους και κάθε μία είναι με τον τρόπο της. " * 30
JAPANESE = "幸福な家庭はすべて互いに似かよったものであり、不幸な家庭はどこもその不幸のおもむきが異なっている。" * 30
CHINESE = "幸福的家庭都是相似的,不幸的家庭各有各的不幸。奥布浪斯基家里一切都混乱了。" * 30
KOREAN = "행복한 가정은 모두 모습이 비슷하고, 불행한 가정은 모두 제각각의 불행을 안고 있다. " * 30


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "cp1252"), (FRENCH, "mac_roman"), (GERMAN, "cp1252"), (ENGLISH, "cp1252"), (POLISH, "cp1250"),
        (RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"), (GREEK, "cp1253"), (JAPANESE, "cp932"), (JAPANESE, "euc_jp"),
        (CHINESE, "gb18030"), (KOREAN, "cp949"), (ENGLISH, "utf-16-le"), (ENGLISH, "utf-16-be"),
    ],
)  # fmt: skip
def test_an_encoding_that_is_not_told_is_guessed(text, encoding):
    assert to_utf8(text.encode(encoding)) == (text.encode(), f"{encoding} (guessed)")


@given(st.text(), st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
def test_a_byte_order_mark_decides(text, encoding):
    assume(not (encoding == "utf-16" and text.startswith("\0")))  # the same bytes as in UTF-32: see below
    decoded, told = to_utf8(text.encode(encoding))
    assert decoded == text.encode()
    assert told == f"{encoding.removesuffix('-sig')} (byte order mark)"


def test_a_mark_of_utf16_before_a_zero_is_that_of_utf32():
    """They are the same four bytes, and no text begins with a zero."""
    assert codecs.BOM_UTF16_LE + "\0".encode("utf-16-le") == codecs.BOM_UTF32_LE
    assert to_utf8(codecs.BOM_UTF32_LE) == (b"", "utf-32 (byte order mark)")
    assert to_utf8(codecs.BOM_UTF32_LE + "a".encode("utf-32-le")) == (b"a", "utf-32 (byte order mark)")


@given(st.text(st.characters(codec="utf-8", min_codepoint=32)))
def test_utf8_stays_as_it_is(text):
    data = ("Überall " + text).encode()
    assert to_utf8(data, "iso-8859-1") == (data, "utf-8 (strict)")


def outcome(data: bytes) -> str:
    """What becomes of bytes; raises what nobody foresaw."""
    try:
        text, encoding = to_utf8(data)
    except BookError as error:
        return "no text" if "no text" in str(error) else str(error)
    try:
        text.decode()
    except UnicodeDecodeError:
        return "some bytes invalid" if (text, encoding) == (data, "utf-8 (some bytes invalid)") else encoding
    return "text"


@given(st.binary())
def test_no_bytes_break_it(data):
    assert outcome(data) in ("text", "some bytes invalid", "no text")


def test_a_declared_encoding_is_taken_where_it_fits():
    assert to_utf8("Привет".encode("koi8_r"), "KOI8-R") == ("Привет".encode(), "koi8-r (declared)")
    assert to_utf8("it’s café".encode("cp1252"), "ISO-8859-1") == ("it’s café".encode(), "cp1252 (declared)")
    for nonsense in ("utf-7", "no such", "unicode_escape", "\0", "hex"):
        assert to_utf8(b"plain +AGE- \\u0041", nonsense) == (b"plain +AGE- \\u0041", "utf-8 (strict)")


def test_utf8_with_a_few_bad_bytes_is_not_taken_for_something_else():
    data = GERMAN.encode() + b"\xff\xfe caf\xe9 " + GERMAN.encode()
    assert to_utf8(data) == (data, "utf-8 (some bytes invalid)")


HEADER = """The Project Gutenberg eBook of A Tale, by Someone

This ebook is for the use of anyone anywhere.

Title: A Tale
       of Two Lines

Author: Some One

Translator: Another

Release date: June 17, 2008 [eBook #1234]

Language: English

Character set encoding: {encoding}

"""
BODY = "\n\n".join(paragraphs_of(5))
BOTH = (
    ("*** START OF THE PROJECT GUTENBERG EBOOK A TALE ***", "*** END OF THE PROJECT GUTENBERG EBOOK A TALE ***"),
    (
        "*** START OF THIS PROJECT GUTENBERG EBOOK A TALE\nOF TWO LINES ***",
        "End of the Project Gutenberg EBook of A Tale",
    ),
    ("***START OF THE PROJECT GUTENBERG EBOOK A TALE***", "End of Project Gutenberg's A Tale, by Some One"),
    (
        "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
        "End of The Project Gutenberg Etext of A Tale",
    ),
    (
        "*** START OF THE PROJECT GUTENBERG EBOOK A TALE ***\n\n\nProduced by A Volunteer and\nthe Team\n\n\n",
        "*** END OF THE PROJECT GUTENBERG EBOOK A TALE ***",
    ),
)  # fmt: skip


@pytest.mark.parametrize(("start", "end"), BOTH)
def test_header_and_licence_are_cut_and_counted(tmp_path, start, end):
    front, back = HEADER.format(encoding="UTF-8") + start, end + "\n\nUpdated editions will replace\n" + "law " * 3000
    data = (front + "\n\n" + BODY + "\n\n" + back).replace("\n", "\r\n").encode()
    book = only(data, tmp_path / "pg1234.txt")
    assert book.text.strip() == BODY.replace("\n", "\r\n").encode()
    assert book.cut_front + len(book.text) + book.cut_back == len(data)
    assert data[book.cut_front :].startswith(book.text)
    assert (book.title, book.author, book.language) == ("A Tale of Two Lines", "Some One", "English")
    assert (book.year, book.publisher, book.licence) == ("2008", "Project Gutenberg", "Project Gutenberg License")
    assert book.notes == ("translator: Another",)


def test_the_encoding_that_a_gutenberg_header_declares_is_used(tmp_path):
    text = HEADER.format(encoding="ISO-8859-1") + BOTH[0][0] + "\n\nUn été à la campagne\n\n" + BOTH[0][1]
    book = only(text.encode("latin-1"), tmp_path / "a.txt")
    assert book.encoding == "cp1252 (declared)"
    assert book.text.strip() == "Un été à la campagne".encode()


def test_gutenberg_is_cut_from_html_and_epub_too(tmp_path):
    paragraphs = [
        *HEADER.format(encoding="UTF-8").split("\n\n"),
        BOTH[0][0],
        *paragraphs_of(5),
        BOTH[0][1],
        "law " * 99,
    ]
    for data, name in ((as_html(paragraphs).encode(), "a.html"), (as_epub(paragraphs), "a.epub")):
        book = only(data, tmp_path / name)
        assert b"Gutenberg" not in book.text
        assert book.text.split() == BODY.encode().split()
        assert book.cut_front > 0
        assert book.cut_back > 0


@given(st.binary(max_size=300))
def test_a_text_without_those_lines_is_not_touched(text):
    document = Document(text, "txt")
    assert without_gutenberg(document) is document or b"utenberg" in text.lower() or b"small print" in text.lower()


def test_a_book_that_only_speaks_of_project_gutenberg_is_not_touched(tmp_path):
    text = "I found it at Project Gutenberg. " + BODY + "\nAt the end of Project Gutenberg's list it stood.\n"
    book = only(text.encode(), tmp_path / "a.txt")
    assert book.text == text.encode()
    assert (book.cut_front, book.cut_back) == (0, 0)
