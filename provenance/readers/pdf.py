"""PDF, through PDFium: lines of its text layer, without running heads and page numbers."""

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from provenance.errors import BookError, MissingExtraError
from provenance.process.extras import pypdfium2
from provenance.readers.document import Document
from provenance.readers.limits import Limits
from provenance.readers.metadata import isbn13

PdfFile = Any  # PDFium's binding has no types
_LEADERS = re.compile(r"(?:\s?[.\u2024\u2026_·]){4,}\s*(?:\d+|[ivxlcdm]+)?$", re.IGNORECASE)  # of a table of contents
_HYPHEN = re.compile("-?[\ufffe\x02](?:\r?\n)?")  # PDFium's mark for a hyphen at the end of a line
_CODES = {1: "unknown error", 2: "file error", 3: "it is no PDF, or damaged", 4: "password", 5: "encryption", 6: "page"}

EDGE = 2  # lines at the top and at the bottom of a page among which they are looked for
REPEATS = 3  # pages with the very same line there make it a running head
FEWEST_PAGES = 3
LONGEST = 150  # characters of a running head
NEAR = 2  # pages: left and right ones have different heads
BEGIN_WORDS = 3  # of a head that ends with the section of its page

_DIGITS = re.compile(r"\d+")
_ARABIC = re.compile(r"\W*(?:page\s*)?\d{1,5}(?:\s*(?:/|of)\s*\d{1,5})?\W*", re.IGNORECASE)
_ROMAN = re.compile(r"\W*[ivxlc]{1,8}\W*", re.IGNORECASE)


def read_pdf(data: bytes, limits: Limits) -> Document:
    """Text page by page; raises BookError for a PDF that is damaged, encrypted or has no text layer."""
    try:
        with closing(pypdfium2.PdfDocument(data)) as file:
            return _document(file, limits)
    except MissingExtraError as error:
        raise BookError(str(error)) from error
    except pypdfium2.PdfiumError as error:
        code = getattr(error, "err_code", 0)
        if code in (4, 5):
            raise BookError("it is encrypted: save it without its password first") from error
        raise BookError(f"PDFium cannot read it: {_CODES.get(code, str(error))}") from error


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
        limits.check_text(size)
    empty = sum(not lines for lines in pages) - unreadable
    if unreadable == count and count:
        raise BookError("PDFium can read none of its pages")
    if empty == count - unreadable:
        raise BookError("it has no text layer: scanned pages need OCR first")
    notes = [f"{empty:,} of {count:,} pages have no text"] if empty else []
    notes += [f"{unreadable:,} of {count:,} pages cannot be read"] if unreadable else []
    text = "\n".join("\n".join(lines) for lines in _without_running_heads(pages) if lines) + "\n"
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


def _without_running_heads(pages: Sequence[Sequence[str]]) -> list[list[str]]:
    """The lines of each page without running heads and page numbers at its edges."""
    if len(pages) < FEWEST_PAGES:
        return [list(lines) for lines in pages]
    heads = _Heads(pages)
    lines_left = []
    for index, lines in enumerate(pages):
        begin, end = 0, len(lines)
        while begin < min(EDGE, end) and heads.has(index, lines[begin], top=True):
            begin += 1
        while end > max(begin, len(lines) - EDGE) and heads.has(index, lines[end - 1], top=False):
            end -= 1
        lines_left.append(list(lines[begin:end]))
    return lines_left


class _Heads:
    """What is known of the edges of all pages together."""

    def __init__(self, pages: Sequence[Sequence[str]]) -> None:
        edges = [lines if len(lines) <= 2 * EDGE else [*lines[:EDGE], *lines[-EDGE:]] for lines in pages]
        self._lines = Counter(line for lines in edges for line in lines)
        self._shapes = Counter(shape for lines in edges for shape in set(map(_shape, lines)))
        tops, bottoms = ([_begin(lines[at]) if lines else "" for lines in pages] for at in (0, -1))
        self._begins = {True: tops, False: bottoms}  # by whether it is the top
        self._first = _first_number(edges)

    def has(self, index: int, line: str, top: bool) -> bool:
        """Whether a line at the edge of a page is none of its text."""
        if len(line) > LONGEST:
            return False
        number = None if self._first is None else self._first + index
        numbers = _numbers(line)
        if _ARABIC.fullmatch(line):
            return not top or number in numbers  # on top it may be the number of a chapter
        if _ROMAN.fullmatch(line):
            return number is not None and number < 1  # a preface has such; within the book it may be a chapter
        if self._lines[line] >= REPEATS or number in _ends(line):
            return True
        if number in numbers and self._shapes[_shape(line)] >= REPEATS:
            return True
        begins, begin = self._begins[top], _begin(line)  # `Chapter 3. Choosing`, and then the section of the page
        return begin != "" and begin in begins[max(0, index - NEAR) : index] + begins[index + 1 : index + 1 + NEAR]


def _first_number(edges: Sequence[Sequence[str]]) -> int | None:
    """What the first page would be numbered, as most of the pages with a number in a short edge line have it."""
    votes: Counter[int] = Counter()
    for index, lines in enumerate(edges):
        votes.update({number - index for line in lines if len(line) <= LONGEST for number in _numbers(line)})
    first, count = max(votes.items(), key=lambda vote: (vote[1], -abs(vote[0])), default=(0, 0))
    return first if count >= max(REPEATS, len(edges) // 4) else None


def _numbers(line: str) -> set[int]:
    return {int(digits) for digits in _DIGITS.findall(line) if len(digits) < 6}


def _ends(line: str) -> set[int]:
    """Numbers that are the first or the last word of a line."""
    words = line.split()
    return {int(word) for word in (words[0], words[-1]) if word.isascii() and word.isdigit() and len(word) < 6}


def _shape(line: str) -> str:
    return _DIGITS.sub("#", line).casefold()


def _begin(line: str) -> str:
    words = line.casefold().split()
    return " ".join(words[:BEGIN_WORDS]) if len(words) > BEGIN_WORDS else ""
