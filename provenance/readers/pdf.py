"""PDF, through PDFium: lines of its text layer, without running heads and page numbers."""

from __future__ import annotations

import re
from typing import Any

from provenance.errors import BookError, MissingExtraError
from provenance.process.extras import pypdfium2
from provenance.readers.document import Document
from provenance.readers.isbn import isbn13
from provenance.readers.limits import Limits
from provenance.readers.running_heads import without_running_heads

PdfFile = Any  # PDFium's binding has no types
_LEADERS = re.compile(r"(?:\s?[.\u2024\u2026_·]){4,}\s*(?:\d+|[ivxlcdm]+)?$", re.IGNORECASE)  # of a table of contents
_HYPHEN = re.compile("-?[\ufffe\x02](?:\r?\n)?")  # PDFium's mark for a hyphen at the end of a line
_CODES = {1: "unknown error", 2: "file error", 3: "it is no PDF, or damaged", 4: "password", 5: "encryption", 6: "page"}


def read_pdf(data: bytes, limits: Limits) -> Document:
    """Text page by page; raises BookError for a PDF that is damaged, encrypted or has no text layer."""
    try:
        file = pypdfium2.PdfDocument(data)
    except MissingExtraError as error:
        raise BookError(str(error)) from error
    except pypdfium2.PdfiumError as error:
        code = getattr(error, "err_code", 0)
        if code in (4, 5):
            raise BookError("it is encrypted: save it without its password first") from error
        raise BookError(f"PDFium cannot read it: {_CODES.get(code, str(error))}") from error
    try:
        return _document(file, limits)
    except pypdfium2.PdfiumError as error:
        raise BookError(f"PDFium cannot read it: {error}") from error
    finally:
        file.close()


def _document(file: PdfFile, limits: Limits) -> Document:
    count = len(file)
    if count > limits.pages:
        raise BookError(f"it has {count:,} pages; at most {limits.pages:,} are read")
    pages: list[list[str]] = []
    unreadable = size = 0
    for number in range(count):
        lines = _lines(file, number)
        unreadable += lines is None
        pages.append(lines or [])
        size += sum(map(len, pages[-1]))
        if size > limits.text_bytes:
            raise BookError(f"it has more than {limits.text_bytes:,} bytes of text: cut it into volumes")
    empty = sum(not lines for lines in pages) - unreadable
    if unreadable == count and count:
        raise BookError("PDFium can read none of its pages")
    if empty == count - unreadable:
        raise BookError("it has no text layer: scanned pages need OCR first")
    notes = [f"{empty:,} of {count:,} pages have no text"] if empty else []
    notes += [f"{unreadable:,} of {count:,} pages cannot be read"] if unreadable else []
    text = "\n".join("\n".join(lines) for lines in without_running_heads(pages) if lines) + "\n"
    return Document(text.encode(errors="replace"), "pdf", "", _facts(file), tuple(notes))


def _lines(file: PdfFile, number: int) -> list[str] | None:
    """Lines of a page that are not blank, or None where it cannot be read."""
    try:
        page = file[number]
        text_page = page.get_textpage()
        text = str(text_page.get_text_range(errors="replace"))
        text_page.close()
        page.close()
    except pypdfium2.PdfiumError:
        return None
    text = _HYPHEN.sub("-\n", text).replace("\r\n", "\n").replace("\0", "")
    lines = (_LEADERS.sub("", line.strip()) for line in text.split("\n"))
    return [line for line in lines if line]


def _facts(file: PdfFile) -> dict[str, str]:
    """The info dictionary. Its dates say when the file was made, not when the book was."""
    info = file.get_metadata_dict(skip_empty=True)
    facts = {"title": info.get("Title", ""), "author": info.get("Author", "")}
    facts["isbn"] = next((number for name in ("Subject", "Keywords") if (number := isbn13(info.get(name, "")))), "")
    return {name: value.strip() for name, value in facts.items() if value.strip()}
