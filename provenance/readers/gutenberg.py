"""Project Gutenberg's own words around its books: facts are read from them, then they are cut off."""

import re

from msgspec.structs import replace

from provenance.readers.document import Document
from provenance.readers.metadata import year_in

FRONT = 64 << 10  # bytes in which the header ends: the longest, of the nineties, has some 20 kB
BACK = 64 << 10  # bytes in which the licence begins: it has 19 kB

# Newest first; the small print of the nineties comes whole before the book. A long title wraps.
_START = re.compile(
    rb"\*\*\*[ \t]*START[ \t]+OF[ \t]+(?:THE|THIS)[ \t]+(?:COPYRIGHTED[ \t]+)?PROJECT[ \t]+GUTENBERG[^*]{0,600}\*\*\*"
    rb"|\*END\*?[ \t]*THE SMALL PRINT![^\n]*"
    rb"|\*SMALL PRINT! (?:Ver|for)[^\n]*\*END\*",
    re.IGNORECASE,
)
_END = re.compile(
    rb"\*\*\*[ \t]*END[ \t]+OF[ \t]+(?:THE|THIS)[ \t]+(?:COPYRIGHTED[ \t]+)?PROJECT[ \t]+GUTENBERG"
    rb"|^[ \t]*\**[ \t]*End[ \t]+of[ \t]+(?:the[ \t]+|this[ \t]+)?Project[ \t]+Gutenberg"
    rb"(?:'s|\xe2\x80\x99s|[ \t]+e-?(?:text|book))",
    re.IGNORECASE | re.MULTILINE,
)
_CREDITS = re.compile(
    rb"\s*(?:\[?(?:this[ \t]+)?e-?(?:text|book)[ \t]+(?:was[ \t]+)?(?:prepared|produced|transcribed)|"
    rb"(?:produced|prepared|transcribed|scanned)[ \t]+(?:and[ \t]+\w+[ \t]+)?by)\b.{0,1500}?(?:\r?\n[ \t]*){2,}",
    re.IGNORECASE | re.DOTALL,
)
_LINE = re.compile(
    r"^[ \t]*(Title|Author|Translator|Editor|Language|Release Date|Posting Date|Original publication)[ \t]*:[ \t]*"
    r"(\S[^\n]*(?:\n[ \t]{4,}\S[^\n]*)*)",
    re.IGNORECASE | re.MULTILINE,
)
_MENTIONED = re.compile(rb"project[ \t\r\n]+gutenberg", re.IGNORECASE)
_DECLARED = re.compile(rb"^[ \t]*Character set encoding:[ \t]*([\w.-]+)", re.IGNORECASE | re.MULTILINE)


def declared_encoding(data: bytes) -> str:
    """The encoding that a header of Project Gutenberg names, or nothing."""
    declared = _DECLARED.search(data[:FRONT]) if _MENTIONED.search(data[:FRONT]) else None
    return declared.group(1).decode() if declared else ""


def without_gutenberg(document: Document) -> Document:
    """The document without header, credits and licence; as it was where it has none of them."""
    text, front = document.text, document.text[:FRONT]
    start = _START.search(front)
    begin = start.end() if start else 0
    if start and (credits := _CREDITS.match(text, begin, begin + 2 * FRONT)):
        begin = credits.end()
    licence = _END.search(text, max(begin, len(text) - BACK)) if start or _MENTIONED.search(front) else None
    end = licence.start() if licence else len(text)
    if begin == 0 and end == len(text):
        return document
    facts, notes = _facts(text[: start.start()].decode(errors="replace") if start else "")
    return replace(
        document,
        text=text[begin:end],
        cut_front=begin,
        cut_back=len(text) - end,
        facts={**document.facts, **facts} if document.format == "html" else {**facts, **document.facts},
        notes=document.notes + tuple(notes),
    )


def _facts(header: str) -> tuple[dict[str, str], list[str]]:
    lines = {name.lower(): " ".join(value.split()) for name, value in _LINE.findall(header.replace("\r\n", "\n"))}
    released = lines.get("release date") or lines.get("posting date", "")
    facts = {name: lines.get(name, "") for name in ("title", "author", "language")}
    facts |= {"year": year_in(released.partition("[")[0])}
    facts |= {"publisher": "Project Gutenberg", "licence": "Project Gutenberg License"}
    notes = [f"{name}: {lines[name]}" for name in ("translator", "editor", "original publication") if name in lines]
    return {name: value for name, value in facts.items() if value}, notes
