"""The files of books: which there are, what format each has, and under which id its book goes.

The format is told by the name, and by the first bytes where a file was named without a known suffix.
"""

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path, PurePosixPath

from provenance.errors import UsageError
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
TEXT_IN = {"epub": 3.0, "pdf": 0.3, "html": 0.8, "zip": 3.0, "parquet": 2.0}  # bytes of text a byte of file, about
PACKED = 3.0  # the same for what is packed as a whole


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
    if name == "txt":
        from provenance.readers.text import read_text

        return without_gutenberg(read_text(data))
    document: Document = getattr(import_module(f"provenance.readers.{name}"), f"read_{name}")(data, limits)
    return document if name == "pdf" else without_gutenberg(document)


@dataclass(frozen=True)
class SourceFile:
    """One file."""

    path: Path
    edition_id: str  # of its book; before the ids of its members where it is an archive; unused for collections
    format: Format
    outcome: str = ""  # skipped | failed, where it is settled without opening the file
    reason: str = ""


def find_files(sources: Sequence[Path]) -> list[SourceFile]:
    """Every file of the sources, in their order and sorted within each; raises UsageError for one that is not there.

    A book's id is its path within its source, without suffix; with it where another file would have the same id.
    """
    files: list[SourceFile] = []
    for source in sources:
        if not source.exists():
            raise UsageError(f"no such book or directory: {source}")
        files += _walk(source) if source.is_dir() else [_file(source, source.name, named=True)]
    books = [file for file in files if file.format.name in SINGLE + ARCHIVES + (UNKNOWN,) and not file.outcome]
    taken = Counter(_stem(file) for file in books)
    taken.update({folder.as_posix() for file in files for folder in Path(file.edition_id).parents})
    for place, file in enumerate(files):
        name = file.edition_id if taken[_stem(file)] > 1 else _stem(file)
        if file.format.name in ARCHIVES:  # is like a folder: named alone, it adds nothing to ids within it
            name = "" if list(sources) == [file.path] else f"{name}/"
        files[place] = replace(file, edition_id=name)
    return files


def _stem(file: SourceFile) -> str:
    return file.edition_id.removesuffix(file.format.suffix)


def _walk(source: Path) -> Iterator[SourceFile]:
    unreadable: list[OSError] = []
    for folder, folders, names in os.walk(source, onerror=unreadable.append):
        folders.sort()
        for name in folders:
            if Path(folder, name).is_symlink():
                reason = "a link to a directory, not followed: name it to read it"
                yield SourceFile(Path(folder, name), "", Format(UNKNOWN, "", ""), "skipped", reason)
        for name in sorted(names):
            path = Path(folder, name)
            yield _file(path, path.relative_to(source).as_posix(), named=False)
    for error in unreadable:
        path = Path(os.fsdecode(error.filename))
        yield SourceFile(path, "", Format(UNKNOWN, "", ""), "failed", f"cannot be listed: {error.strerror}")


def _file(path: Path, name: str, named: bool) -> SourceFile:
    """A file by its name; one that was named itself may have any suffix."""
    format = format_of(path.name)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return SourceFile(path, name, format, "skipped", "not a plain file")
        str(path).encode()
    except OSError as error:
        return SourceFile(path, name, format, "failed", f"cannot be read: {error.strerror}")
    except UnicodeEncodeError:
        return SourceFile(path, name, format, "failed", "its name is no UTF-8: rename it")
    if format.name == UNKNOWN and not named:
        reason = f"not a book: {format.suffix or 'no suffix'}; known are {KNOWN}"
        return SourceFile(path, name, format, "skipped", reason)
    return SourceFile(path, name, format)


def size_of(sources: Sequence[Path]) -> int:
    """Bytes of text in the sources, about: by the sizes of files alone. Not even a footer is parsed in this process: a
    hostile one can end it.
    """
    size = 0.0
    for file in find_files([source for source in sources if source.exists()]):
        packed = PACKED if file.format.compression else 1.0
        with suppress(OSError):  # reading it will tell what is wrong
            size += 0 if file.outcome else file.path.stat().st_size * TEXT_IN.get(file.format.name, 1.0) * packed
    return int(size)
