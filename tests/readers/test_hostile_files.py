"""Files made to do harm end as failed, with a reason, in bounded time and memory; the books beside them are read."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from making import (
    CONTAINER,
    XHTML,
    as_epub,
    as_html,
    as_jsonl,
    as_pdf,
    as_tar,
    as_zip,
    failure,
    only,
    paragraphs_of,
    read,
)

from provenance.isolation.child import carry_out
from provenance.isolation.framing import encode
from provenance.isolation.supervisor import Role
from provenance.isolation.tasks import Answer
from provenance.readers import parsing, process
from provenance.readers.document import BookColumns, Read, ReadAnswer
from provenance.readers.formats import format_of
from provenance.readers.limits import Limits

TEXT = "\n\n".join(paragraphs_of(3, 4))
ZEROS = bytes(64 << 20)
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)


pytestmark = pytest.mark.usefixtures("bounded")


def test_an_epub_that_is_a_bomb_is_refused(tmp_path):
    reason = failure(as_epub(paragraphs_of(1, 3), extra={"OEBPS/c1.xhtml": ZEROS.decode()}), tmp_path / "bomb.epub")
    assert "as a bomb does" in reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("member", ["OEBPS/content.opf", "OEBPS/c0.xhtml", "META-INF/container.xml"])
def test_xml_that_declares_entities_is_refused(tmp_path, member, encoding):
    for laughs in (LAUGHS + "<p>&i;</p>", '<!DOCTYPE p [<!ENTITY a "ha">]><p>&a;</p>'):
        data = laughs.replace('version="1.0"', f'version="1.0" encoding="{encoding}"').encode(encoding)
        assert "declares entities" in failure(
            as_epub(paragraphs_of(1, 3), extra={member: data}), tmp_path / "laughs.epub"
        )


def test_an_external_entity_is_not_fetched(tmp_path):
    evil = '<?xml version="1.0"?><!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><html><p>&x;</p></html>'
    reason = failure(as_epub(paragraphs_of(1, 3), extra={"OEBPS/c0.xhtml": evil}), tmp_path / "xxe.epub")
    assert "declares entities" in reason


@pytest.mark.parametrize("tag", ["div", "b", "table", "x", "a", "svg"])
def test_markup_of_a_hundred_thousand_levels_ends_soon(tmp_path, tag):
    deep = f"<{tag}>" * 100_000 + "end"
    (tmp_path / "deep.html").write_text(f"<!DOCTYPE html><p>{deep}")
    (tmp_path / "deep.epub").write_bytes(as_epub(paragraphs_of(1, 3), extra={"OEBPS/c0.xhtml": f"{XHTML}<body>{deep}"}))
    _, reading = read(tmp_path / "deep.html", tmp_path / "deep.epub", limits=Limits(seconds=15))
    assert [outcome.outcome for outcome in reading.outcomes] == ["failed", "failed"]
    assert all("open at once" in outcome.reason for outcome in reading.outcomes)


def test_a_package_file_of_a_hundred_thousand_levels_is_refused(tmp_path):
    deep = "<a>" * 100_000 + "</a>" * 100_000
    assert "no XML" in failure(as_epub(paragraphs_of(1, 3), extra={"OEBPS/content.opf": deep}), tmp_path / "deep.epub")


@pytest.mark.parametrize("name", ["META-INF/rights.xml", "META-INF/sinf.xml", "META-INF/license.lcpl"])
def test_drm_is_said_by_its_file(tmp_path, name):
    reason = failure(as_epub(paragraphs_of(1, 3), extra={name: "<rights/>"}), tmp_path / "drm.epub")
    assert "DRM" in reason
    assert name in reason


def encryption(algorithm: str, uri: str) -> str:
    return (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:e="http://www.w3.org/2001/04/xmlenc#">'
        f'<e:EncryptedData><e:EncryptionMethod Algorithm="{algorithm}"/><e:CipherData>'
        f'<e:CipherReference URI="{uri}"/></e:CipherData></e:EncryptedData></encryption>'
    )


def test_encrypted_chapters_are_drm_and_obfuscated_fonts_are_not(tmp_path):
    name = "META-INF/encryption.xml"
    aes, font = "http://www.w3.org/2001/04/xmlenc#aes128-cbc", "http://www.idpf.org/2008/embedding"
    drm = as_epub(paragraphs_of(1, 3), extra={name: encryption(aes, "OEBPS/c1.xhtml")})
    assert "DRM" in failure(drm, tmp_path / "drm.epub")
    fonts = as_epub(paragraphs_of(1, 3), extra={name: encryption(font, "OEBPS/font.otf")})
    assert only(fonts, tmp_path / "fonts.epub").format == "epub"


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"META-INF/container.xml": CONTAINER.replace("content.opf", "../../x.opf")}, "no package file"),
        ({"OEBPS/content.opf": "<package/>"}, "lists no chapter"),
        ({"OEBPS/content.opf": "not XML"}, "no XML"),
    ],
)
def test_a_broken_epub_says_what_is_broken(tmp_path, extra, expected):
    assert expected in failure(as_epub(paragraphs_of(1, 3), extra=extra), tmp_path / "broken.epub")


def test_a_pdf_without_text_says_that_ocr_is_needed_and_one_with_some_says_how_many_pages(tmp_path):
    assert "no text layer" in failure(as_pdf([], blank_pages=3), tmp_path / "scan.pdf")
    book = only(as_pdf(paragraphs_of(1, 2), blank_pages=3), tmp_path / "some.pdf")
    assert book.notes == ("3 of 4 pages have no text",)


def test_an_encrypted_or_damaged_pdf_is_told(tmp_path):
    whole = as_pdf(paragraphs_of(1, 3))
    assert "encrypted" in failure(as_pdf(paragraphs_of(1, 3), password="secret"), tmp_path / "locked.pdf")
    assert "PDFium cannot read it" in failure(b"%PDF-1.7\nnonsense", tmp_path / "nonsense.pdf")
    assert "PDFium" in failure(whole[: len(whole) // 3], tmp_path / "cut.pdf")


def test_a_pdf_that_claims_millions_of_pages_is_bounded(tmp_path):
    many = as_pdf(paragraphs_of(1, 100))
    assert "pages; at most 2 are read" in failure(many, tmp_path / "many.pdf", pages=2)
    lies = many.replace(b"/Count ", b"/Count 9000")
    assert "9000" in failure(lies, tmp_path / "lies.pdf").replace(",", "")


def test_a_parser_that_takes_too_long_is_ended_and_the_next_file_is_read(tmp_path):
    (tmp_path / "a.pdf").write_bytes(as_pdf(paragraphs_of(1, 3)))
    (tmp_path / "b.txt").write_text(TEXT * 1000)
    begin = time.monotonic()
    books, reading = read(tmp_path, limits=Limits(seconds=0.001))
    assert time.monotonic() - begin < 5
    assert [o.reason for o in reading.failed] == ["parsing it took more than 0.001 seconds"] * 2
    assert books == []


def test_memory_is_bounded(tmp_path):
    markup = as_html(paragraphs_of(1, 20_000, 20)).encode()
    assert "memory" in failure(markup, tmp_path / "large.html", memory=120 << 20)


def test_a_parser_that_crashes_costs_the_file_in_hand_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]))
    monkeypatch.setattr(parsing, "READER", Role("tests.readers.crasher"))
    (tmp_path / "a.pdf").write_bytes(as_pdf(paragraphs_of(1, 3)))
    (tmp_path / "b.txt").write_text(TEXT)
    books, reading = read(tmp_path)
    assert [book.edition_id for book in books] == ["b"]
    assert [o.reason for o in reading.failed] == ["the process that parsed it died (signal 11)"]


def test_a_parser_can_write_no_file(tmp_path):
    code = (
        "from provenance.isolation.child import confine; confine(1 << 30, writes_files=False)\n"
        f"with open({str(tmp_path / 'out')!r}, 'w') as file: file.write('x' * 100)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "File too large" in result.stderr
    assert (tmp_path / "out").stat().st_size == 0


SEEDS = {
    "a.epub": as_epub(paragraphs_of(1, 2)),
    "a.html": as_html(paragraphs_of(1, 2)).encode(),
    "a.txt": TEXT.encode("cp1252", "ignore"),
    "a.jsonl": as_jsonl([{"id": 1, "text": "abc é"}] * 3),
    "a.zip": as_zip({"a.txt": TEXT, "b.html": as_html(paragraphs_of(1, 1)), "c.epub": as_epub(paragraphs_of(1, 1))}),
    "a.tar": as_tar({"a.txt": TEXT.encode(), "b.txt": b"y"}),
    "a.tar.gz": as_tar({"a.txt": TEXT.encode()}, "w:gz"),
    "a.tar.xz": as_tar({"a.txt": TEXT.encode()}, "w:xz"),
}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_bytes_of_a_file_are_changed_it_is_read_or_refused_with_a_reason(tmp_path, data):
    name = data.draw(st.sampled_from(sorted(SEEDS)))
    changed = bytearray(SEEDS[name])
    for _ in range(data.draw(st.integers(1, 8))):
        begin = data.draw(st.integers(0, len(changed)))
        changed[begin : begin + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=20))
    (tmp_path / name).write_bytes(changed)
    task = Read(name, os.fsencode(tmp_path / name), format_of(name), BookColumns())
    sent: list[Answer] = []

    def send(answer: Answer, text: bytes) -> None:
        encode(answer)
        sent.append(answer)

    last = carry_out(task, lambda task: process.read(task, Limits(), send), send)
    assert last is sent[-1]
    assert isinstance(last, ReadAnswer) or last.error_kind == "unreadable", last


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (bytes(range(256)) * 50, "control characters"),
        (b"\x00\x01\x02" * 999, "control characters"),
        (b"%PDF-1.4 and so on", "a PDF"),
        (as_zip({"a": "b"}), "a zip file"),
        (gzip.compress(b"hello", mtime=0), "a gzip file"),
    ],
)
def test_what_is_no_text_is_refused_as_text(tmp_path, data, expected):
    assert expected in failure(data, tmp_path / "book.txt")


def test_a_file_that_is_too_large_is_refused(tmp_path):
    assert "more than 1,000 bytes" in failure(TEXT.encode(), tmp_path / "book.txt", file_bytes=1000)
    assert "line of more than" in failure(b"[" * (1 << 20), tmp_path / "b.jsonl", line_bytes=1000)


def test_a_pipe_among_the_books_is_passed_over(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.txt")
    _, reading = read(tmp_path)
    assert [o.reason for o in reading.outcomes] == ["not a plain file"]
