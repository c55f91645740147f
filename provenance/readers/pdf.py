"""PDF, through PDFium: lines of its text layer, without running heads and page numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from provenance.errors import BookError
from provenance.readers.document import Document
from provenance.readers.isbn import isbn13
from provenance.readers.limits import Limits

PdfFile = Any  # PDFium's binding has no types
EDGE = 2  # lines at the top and at the bottom of a page among which heads and numbers are looked for
REPEATS = 3  # pages with the same line there, digits aside, make it a running head
FEWEST_PAGES = 3
LONGEST_HEAD = 120  # characters

_LEADERS = re.compile(r"(?:\s?[.\u2024\u2026_·]){4,}\s*(?:\d+|[ivxlcdm]+)?$", re.IGNORECASE)  # of a table of contents
_END_NUMBERS = re.compile(r"^\d+(?=\s)|(?<=\s)\d+$|^\d+$")
_DIGITS = re.compile(r"\d+")
_NUMBER = re.compile(r"[\s\W]*(?:page\s*)?(?:\d{1,5}|[ivxlcdm]{1,8})(?:\s*(?:/|of)\s*\d{1,5})?[\s\W]*", re.IGNORECASE)
_HYPHEN = re.compile("-?[\ufffe\x02](?:\r?\n)?")  # PDFium's mark for a hyphen at the end of a line
_CODES = {1: "unknown error", 2: "file error", 3: "it is no PDF, or damaged", 4: "password", 5: "encryption", 6: "page"}


def read_pdf(data: bytes, limits: Limits) -> Document:
    """Text page by page; raises BookError for a PDF that is damaged, encrypted or has no text layer."""
    try:
        import pypdfium2  # type: ignore[import-untyped]
    except ImportError as error:
        raise BookError("PDFium is not installed: pip install 'provenance-scanner[pdf]'") from error
    try:
        file = pypdfium2.PdfDocument(data)
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
    import pypdfium2

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


def without_running_heads(pages: Sequence[Sequence[str]]) -> list[list[str]]:
    """The pages without page numbers and running heads at their edges.

    A running head repeats on other pages, digits aside, or has the number of its page at one end.
    """
    if len(pages) < FEWEST_PAGES:
        return [list(lines) for lines in pages]
    shapes: Counter[str] = Counter()
    for lines in pages:
        shapes.update({_shape(lines[place]) for place in _edges(lines)})
    first = _first_number(pages)
    kept = []
    for index, lines in enumerate(pages):
        number = None if first is None else first + index
        begin, end = 0, len(lines)
        while begin < min(EDGE, end) and _is_head(lines[begin], shapes, number):
            begin += 1
        while end > max(begin, len(lines) - EDGE) and _is_head(lines[end - 1], shapes, number):
            end -= 1
        kept.append(list(lines[begin:end]))
    return kept


def _first_number(pages: Sequence[Sequence[str]]) -> int | None:
    """What the first page would be numbered, by most of those pages that have a number at the end of an edge line."""
    votes = Counter(
        number - index for index, lines in enumerate(pages) for place in _edges(lines) for number in _ends(lines[place])
    )
    first, count = max(votes.items(), key=lambda vote: (vote[1], -abs(vote[0])), default=(0, 0))
    return first if count >= max(REPEATS, len(pages) // 4) else None


def _ends(line: str) -> set[int]:
    """Numbers at the begin and at the end of a line."""
    return {int(digits) for found in _END_NUMBERS.finditer(line) if len(digits := found.group()) < 6}


def _edges(lines: Sequence[str]) -> set[int]:
    return set(range(min(EDGE, len(lines)))) | set(range(max(0, len(lines) - EDGE), len(lines)))


def _shape(line: str) -> str:
    return _DIGITS.sub("#", line).casefold()


def _is_head(line: str, shapes: Counter[str], number: int | None) -> bool:
    return (
        shapes[_shape(line)] >= REPEATS
        or _NUMBER.fullmatch(line) is not None
        or (number is not None and len(line) <= LONGEST_HEAD and number in _ends(line))
    )


def _facts(file: PdfFile) -> dict[str, str]:
    """The info dictionary. Its dates say when the file was made, not when the book was."""
    info = file.get_metadata_dict(skip_empty=True)
    facts = {"title": info.get("Title", ""), "author": info.get("Author", "")}
    facts["isbn"] = next((number for name in ("Subject", "Keywords") if (number := isbn13(info.get(name, "")))), "")
    return {name: value.strip() for name, value in facts.items() if value.strip()}
