"""Makes real files of every format from one list of paragraphs."""

from __future__ import annotations

import html
import io
import json
import random
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from fpdf import FPDF

from provenance.readers.books import Book, Reading, read_books
from provenance.readers.limits import Limits

CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
XHTML = (
    '<?xml version="1.0" encoding="utf-8"?>\n<html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head>'
)
NAV = XHTML + "<body><nav><ol><li><a href='c0.xhtml'>Contents that must not be read</a></li></ol></nav></body></html>"
FACTS = (
    '<dc:title>A Title</dc:title><dc:creator opf:role="aut">A. Writer</dc:creator>'
    '<dc:creator opf:role="ill">A. Painter</dc:creator><dc:language>en</dc:language>'
    "<dc:publisher>A House</dc:publisher><dc:date>1999-04-01</dc:date><dc:rights>CC0</dc:rights>"
    "<dc:identifier>urn:isbn:0-306-40615-2</dc:identifier>"
)


def paragraphs_of(seed: int, paragraphs: int = 40, length: int = 60) -> list[str]:
    """Paragraphs of words with accents, quotes and hyphens."""
    rng = random.Random(seed)
    marks = ["", "", "", ",", ";", "’s", " —", "&"]
    return [
        " ".join(
            rng.choice("bdfglmnprst") + rng.choice("aeiouéüœ") + rng.choice("bdfglmnprst") * rng.randrange(3)
            + str(rng.randrange(400)) + rng.choice(marks)
            for _ in range(length)
        )
        for _ in range(paragraphs)
    ]  # fmt: skip


def as_html(paragraphs: list[str]) -> str:
    body = "".join(f"<p>{html.escape(text)}</p>\n" for text in paragraphs)
    head = "<head><meta charset=utf-8><title>A Title</title><script>var no = 'no'</script></head>"
    return f"<!DOCTYPE html>\n<html lang=en>{head}<body><nav>Skip this menu</nav>{body}</body></html>"


def as_epub(paragraphs: list[str], chapters: int = 3, extra: dict[str, str] | None = None, facts: str = FACTS) -> bytes:
    """An EPUB 3; `extra` members are added, or take the place of those of the same name."""
    per = -(-len(paragraphs) // chapters)
    names = [f"c{number}.xhtml" for number in range(chapters)]
    items = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in names)
    items += '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
    spine = '<itemref idref="nav"/>' + "".join(f'<itemref idref="{name}"/>' for name in names)
    package = (
        '<?xml version="1.0"?><package version="3.0" xmlns="http://www.idpf.org/2007/opf">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:opf="http://www.idpf.org/2007/opf">'
        f"{facts}</metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    members = {"META-INF/container.xml": CONTAINER, "OEBPS/content.opf": package, "OEBPS/nav.xhtml": NAV}
    for number, name in enumerate(names):
        body = "".join(f"<p>{html.escape(text)}</p>" for text in paragraphs[number * per : (number + 1) * per])
        members[f"OEBPS/{name}"] = f"{XHTML}<body>{body}</body></html>"
    return as_zip({"mimetype": "application/epub+zip", **members, **(extra or {})})


def as_zip(members: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content, zipfile.ZIP_STORED if name == "mimetype" else None)
    return out.getvalue()


def as_tar(members: dict[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def as_jsonl(rows: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def as_parquet(path: Path, rows: list[dict[str, object]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


def as_pdf(paragraphs: list[str], head: str = "", password: str = "", blank_pages: int = 0) -> bytes:
    """A PDF of many pages; `head` stands on each of them, with its number below. Its font knows Latin-1 only."""

    class Pages(FPDF):
        def header(self) -> None:
            if head:
                self.cell(0, 10, f"{head} {self.page_no()}", new_x="LMARGIN", new_y="NEXT")

        def footer(self) -> None:
            if head:
                self.set_y(-15)
                self.cell(0, 10, str(self.page_no()))

    file = Pages()
    file.set_font("Times", size=12)
    for _ in range(blank_pages):
        file.add_page()
    if paragraphs:
        file.add_page()
    for text in paragraphs:
        file.multi_cell(0, 6, text.encode("latin-1", "ignore").decode("latin-1"), new_x="LMARGIN", new_y="NEXT")
    if password:
        file.set_encryption(owner_password=password, user_password=password)
    return bytes(file.output())


def read(*sources: Path, **options: object) -> tuple[list[Book], Reading]:
    """Every book of the sources, and what became of each file."""
    reading = Reading(**options)  # type: ignore[arg-type]
    return list(read_books(list(sources), reading)), reading


def only(data: bytes, path: Path, **limits: object) -> Book:
    """The one book of a file with these bytes."""
    path.write_bytes(data)
    books, reading = read(path, limits=Limits(**limits))  # type: ignore[arg-type]
    assert len(books) == 1, reading.outcomes
    return books[0]


def failure(data: bytes, path: Path, **limits: object) -> str:
    """Why the file with these bytes failed."""
    path.write_bytes(data)
    books, reading = read(path, limits=Limits(**limits))  # type: ignore[arg-type]
    assert books == []
    assert [outcome.outcome for outcome in reading.outcomes] == ["failed"], reading.outcomes
    return reading.outcomes[0].reason
