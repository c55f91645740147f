"""Which format a file has, by its name, and by its first bytes where it was named without a known suffix."""

from pathlib import PurePosixPath

from provenance.readers.document import Document, Format
from provenance.readers.gutenberg import without_gutenberg
from provenance.readers.limits import Limits

SINGLE = ("txt", "html", "epub", "pdf")  # a file is one book
COLLECTIONS = ("jsonl", "parquet")  # a file has many, with ids of their own
ARCHIVES = ("zip", "tar")  # a file has files
APPLE_DOUBLE = "._"  # begins the names of files that macOS puts beside books, with what it knows of them
UNKNOWN = "unknown"  # by name; the first bytes tell

_NAMED = (  # format, compression of the whole file, suffixes
    ("txt", "", ".txt .text"), ("html", "", ".html .htm .xhtml .xht"), ("epub", "", ".epub"), ("pdf", "", ".pdf"),
    ("jsonl", "", ".jsonl .ndjson"), ("jsonl", "gzip", ".jsonl.gz .ndjson.gz"),
    ("jsonl", "zstd", ".jsonl.zst .ndjson.zst"), ("parquet", "", ".parquet .pq"), ("zip", "", ".zip"),
    ("tar", "", ".tar"), ("tar", "gzip", ".tar.gz .tgz"), ("tar", "bz2", ".tar.bz2 .tbz2"),
    ("tar", "xz", ".tar.xz .txz"), ("tar", "zstd", ".tar.zst"),
)  # fmt: skip
_SUFFIXES = {suffix: (name, packed) for name, packed, suffixes in _NAMED for suffix in suffixes.split()}
KNOWN = ".txt, .html, .epub, .pdf, .jsonl, .parquet, .zip and .tar, the last four also packed"


def format_of(name: str) -> Format:
    """The format by the longest known suffix of a file name."""
    last = PurePosixPath(name).name
    suffix = max((suffix for suffix in _SUFFIXES if last.lower().endswith(suffix)), key=len, default="")
    if not suffix or len(suffix) == len(last) or last.startswith(APPLE_DOUBLE):
        return Format(UNKNOWN, "", PurePosixPath(name).suffix)
    return Format(*_SUFFIXES[suffix], name[len(name) - len(suffix) :])


def sniffed(data: bytes) -> str:
    """The format by a file's first bytes; what is nothing else is taken for text, and may be refused as that."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if data.startswith(b"%PDF-"):
        return "pdf"
    if data.startswith(b"PK\x03\x04") and b"application/epub+zip" in data[:100]:
        return "epub"
    if head.startswith((b"<!doctype html", b"<html")) or (head.startswith(b"<?xml") and b"<html" in head):
        return "html"
    return "txt"


def read_single(data: bytes, name: str, limits: Limits) -> Document:
    """The one book of a file; parsers are imported when a file needs them. Raises BookError."""
    name = sniffed(data) if name == UNKNOWN else name
    if name == "pdf":
        from provenance.readers.pdf import read_pdf

        return read_pdf(data, limits)
    if name == "epub":
        from provenance.readers.epub import read_epub

        return without_gutenberg(read_epub(data, limits))
    if name == "html":
        from provenance.readers.html import read_html

        return without_gutenberg(read_html(data, limits))
    from provenance.readers.text import read_text

    return without_gutenberg(read_text(data))
