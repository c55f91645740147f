"""Books made to harm who indexes them: all in one directory, with a good one that is indexed all the same."""

from __future__ import annotations

import io
import json
import stat
import time
import warnings
import zipfile
import zlib
from dataclasses import dataclass

import pytest

from provenance.index.opening import Index
from tests.fuzz.book_targets import parquet_book
from tests.readers.making import XHTML, as_epub, as_zip, paragraphs_of
from tests.threats.running import run_measured

SECRET = "this secret stands in a file outside of every book"
ZEROS = bytes(64 << 20)
FIRST = "OEBPS/c0.xhtml"


def epub_with(*members: tuple[zipfile.ZipInfo, str]) -> bytes:
    """A good EPUB with more members, of whatever kind."""
    out = io.BytesIO(as_epub(paragraphs_of(1, 3)))
    with zipfile.ZipFile(out, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there already
        for info, content in members:
            archive.writestr(info, content)
    return out.getvalue()


def linked(name: str, target: str) -> tuple[zipfile.ZipInfo, str]:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info, target


def as_zip_of(*members: tuple[zipfile.ZipInfo, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for info, content in members:
            archive.writestr(info, content)
    return out.getvalue()


def with_linked_chapter(target: str) -> bytes:
    """An EPUB whose first chapter is a symbolic link."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(as_epub(paragraphs_of(1, 3)))) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            new.writestr(*(linked(info.filename, target) if info.filename == FIRST else (info, old.read(info))))
    return out.getvalue()


def overlapping() -> bytes:
    """A zip of two members whose bytes are the same bytes of the file, as the smallest of bombs are made."""
    data = bytearray(as_zip({"a.txt": "a few words\n" * 9999, "b.txt": "a few words\n" * 9999}))
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[second + 42 : second + 46] = bytes(4)  # it begins where the first one does
    return bytes(data)


def xml(doctype: str, body: str) -> bytes:
    chapter = f'<?xml version="1.0"?><!DOCTYPE html [{doctype}]><html><body><p>{body}</p></body></html>'
    return as_epub(paragraphs_of(1, 3), extra={FIRST: chapter})


LAUGHS = '<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghij", "bcdefghijk", strict=True)
)


def pdf(*objects: bytes, trailer: bytes = b"/Root 1 0 R") -> bytes:
    """A PDF of these objects, numbered from 1."""
    out, places = bytearray(b"%PDF-1.5\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(
        b"%010d 00000 n \n" % at for at in places
    )
    trailer = trailer.replace(b"ITSELF", b"%d" % table)
    out += b"trailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, table)
    return bytes(out)


CATALOG, PAGE = b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"


def deflated_often() -> bytes:
    """Some hundred bytes that are 128 MB when they were inflated three times."""
    data = ZEROS * 2
    for _ in range(3):
        data = zlib.compress(data, 1)
    stream = b"<< /Length %d /Filter [/FlateDecode /FlateDecode /FlateDecode] >>\nstream\n%s\nendstream"
    return pdf(CATALOG, PAGES, PAGE, stream % (len(data), data))


def many_pages() -> bytes:
    """Seven levels of pages, of which each names the next ten times."""
    nodes = [b"<< /Type /Pages /Count %d /Kids [%s] >>" % (10 ** (7 - n), b"%d 0 R " % (n + 3) * 10) for n in range(7)]
    return pdf(CATALOG, *nodes, b"<< /Type /Page /Parent 8 0 R >>")


@dataclass(frozen=True)
class Built:
    """What became of the directory: the books that were indexed, and why the other files were not."""

    editions: list[str]
    text: str
    failed: dict[str, str]


@pytest.fixture(scope="module")
def built(books, tmp_path_factory) -> Built:
    """One `index build` of all of it, in bounded time and memory, that touches nothing outside."""
    folder = tmp_path_factory.mktemp("threats")
    source = folder / "books"
    source.mkdir()
    (folder / "secret.txt").write_text(SECRET)
    hostile = {
        "a good one.txt": books["book0"].encode(),
        "slip.epub": as_epub(paragraphs_of(1, 3), extra={"../../outside.xhtml": "x"}),
        "slip.zip": as_zip({"good.txt": "x", "C:\\outside.txt": "y"}),
        "link.epub": with_linked_chapter(str(folder / "secret.txt")),
        "link.zip": as_zip_of(linked("link.txt", str(folder / "secret.txt"))),
        "twice.epub": epub_with((zipfile.ZipInfo(FIRST), "another")),
        "bomb.zip": as_zip({"bomb.txt": ZEROS}),
        "bomb.epub": as_epub(paragraphs_of(1, 3), extra={FIRST: ZEROS.decode()}),
        "nested.zip": as_zip({"inner.zip": as_zip({"bomb.txt": ZEROS})}),
        "overlapping.zip": overlapping(),
        "laughs.epub": xml(LAUGHS, "&k;"),
        "quadratic.epub": xml(f'<!ENTITY a "{"ha" * 50_000}">', "&a;" * 50_000),
        "outside.epub": xml(f'<!ENTITY x SYSTEM "{(folder / "secret.txt").as_uri()}">', "&x;"),
        "outside-dtd.epub": xml(
            f'<!ENTITY % x SYSTEM "{(folder / "secret.txt").as_uri()}"> %x;', "a book of few words"
        ),
        "deep.epub": as_epub(paragraphs_of(1, 3), extra={FIRST: f"{XHTML}<body>{'<b>' * 1_000_000}</body></html>"}),
        "deep.html": b"<!DOCTYPE html><p>" + b"<div>" * 1_000_000,
        "surrogate.jsonl": json.dumps({"id": "\ud800", "title": "\udfff", "text": "a book of few words"}).encode(),
        "column.parquet": parquet_book().replace(b"\x05title", b"\x05tit\xffe"),
        "name\udcff.txt": b"the name of its file is no UTF-8",
        "deep.jsonl": b'{"text": ' + b"[" * 1_000_000 + b"\n",
    }
    if has_pdfium():
        hostile["often.pdf"] = deflated_often()
        hostile["loop.pdf"] = pdf(CATALOG, PAGES, PAGE, trailer=b"/Root 1 0 R /Prev ITSELF")
        hostile["pages.pdf"] = many_pages()
    for name, data in hostile.items():
        (source / name).write_bytes(data)
    begun = time.monotonic()
    done, memory = run_measured("index", "build", source, "--out", folder / "index", "--workers", 1, "--json")
    assert time.monotonic() - begun < 60
    assert memory < 1 << 30  # of the largest of its processes
    assert done.returncode == 3
    assert {path.name for path in folder.iterdir()} == {"books", "index", "secret.txt"}
    assert {path.name for path in source.iterdir()} == set(hostile)
    sources = [(source["path"].partition("/books/")[2], source) for source in json.loads(done.stdout)["sources"]]
    failed = {name: source["reason"] for name, source in sources if source["outcome"] == "failed"}
    index = Index(folder / "index")
    texts = [index.texts.text(number) for number in range(index.editions.num_rows)]
    return Built(index.edition_ids, b"\n".join(texts).decode(), failed)


def has_pdfium() -> bool:
    try:
        import pypdfium2  # noqa: F401
    except ImportError:
        return False
    return True


def test_the_good_book_is_indexed_and_every_other_file_has_failed_with_a_reason(built):
    assert set(built.editions) == {"a good one", "overlapping/a", "\\ud800"}
    assert all(built.failed.values())


REASONS = {
    "zip-slip": {"slip.epub": "points out of the archive", "slip.zip": "points out of the archive"},
    "symbolic links": {"link.epub": "symbolic link", "link.zip!link.txt": "symbolic link"},
    "two members of one name": {"twice.epub": "one name"},
    "zip bomb": {"bomb.zip!bomb.txt": "as a bomb does", "bomb.epub": "as a bomb does"},
    "nested zip bomb": {"nested.zip!inner.zip": "an archive within an archive"},
    "overlapping zip bomb": {"overlapping.zip!b.txt": "damaged"},
    "XML entity bomb": {"laughs.epub": "declares entities", "quadratic.epub": "declares entities"},
    "XML external entity": {"outside.epub": "declares entities", "outside-dtd.epub": "declares entities"},
    "names that are no UTF-8": {"name\udcff.txt": "rename it", "column.parquet": "can't decode"},
    "deep nesting": {
        "deep.epub": "elements open at once",
        "deep.html": "elements open at once",
        "deep.jsonl": "recursion depth",
    },
}


@pytest.mark.parametrize("threat", REASONS)
def test_it_costs_its_own_file_and_says_why(threat, built):
    for name, reason in REASONS[threat].items():
        assert reason in built.failed[name]


def test_nothing_outside_of_a_book_is_read_into_it(built):
    assert SECRET not in built.text
    assert SECRET not in str(built.failed)


@pytest.mark.skipif(not has_pdfium(), reason="PDFium is not installed")
def test_a_pdf_bomb_costs_its_own_file(built):
    assert {"often.pdf", "loop.pdf", "pages.pdf"} <= set(built.failed)
