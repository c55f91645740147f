"""Reads books: every file of the sources becomes books, or is told to be skipped or to have failed, and why."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from provenance.errors import BookError
from provenance.files.digests import file_sha256
from provenance.readers.document import FACTS, BookColumns, Document, RefusedBook
from provenance.readers.formats import COLLECTIONS, SourceFile, find_files, format_of
from provenance.readers.limits import Limits
from provenance.readers.metadata import Metadata, checked_facts
from provenance.readers.parsing import Parser


@dataclass(frozen=True)
class Book:
    """One edition: its text as it was found, byte for byte, and what is known of it."""

    edition_id: str
    title: str
    author: str
    work_id: str  # given by metadata, or empty
    text: bytes  # UTF-8; invalid sequences are kept, counted later
    source: str
    source_sha256: str
    decoy: bool = False  # cannot be in any data: what matches it is an error
    isbn: str = ""  # thirteen digits
    year: str = ""
    publisher: str = ""
    language: str = ""
    rights_holder: str = ""
    registration: str = ""
    licence: str = ""
    format: str = ""
    encoding: str = ""  # of the file, and how it was chosen
    cut_front: int = 0  # bytes of Project Gutenberg's before the text, in UTF-8, that were left out
    cut_back: int = 0
    notes: tuple[str, ...] = ()  # what a reader of the report should know of how it was read


@dataclass(frozen=True)
class SourceOutcome:
    """What became of one file, or member of an archive: it ends as read, skipped or failed, the last two with why."""

    path: str
    outcome: str  # read | skipped | failed
    reason: str
    books: int


@dataclass
class Reading:
    """How sources are to be read, and what has become of them so far."""

    metadata: Metadata = field(default_factory=Metadata)
    columns: BookColumns = field(default_factory=BookColumns)
    described: Mapping[str, str] = field(default_factory=dict)  # facts that go before all others
    strict: bool = False  # stop at the first file that fails
    limits: Limits = field(default_factory=Limits)
    outcomes: list[SourceOutcome] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)  # digests of what was read -> where
    digest_as: Callable[[str], str] = str  # makes of a SHA-256 what the index has in its place

    def note(self, path: str, outcome: str, reason: str, books: int = 0) -> None:
        """Record an outcome; raises BookError for a failure where that is to stop everything."""
        self.outcomes.append(SourceOutcome(path, outcome, reason, books))
        if self.strict and outcome == "failed":
            raise BookError(f"cannot read book {path}: {reason}")

    def is_new(self, sha256: str, path: str) -> bool:
        """Whether these bytes are read for the first time; else that is noted."""
        digest = self.digest_as(sha256)
        if digest in self.seen:
            self.note(path, "skipped", f"same bytes as {self.seen[digest]}")
            return False
        self.seen[digest] = path
        return True

    @property
    def failed(self) -> list[SourceOutcome]:
        """What could not be read."""
        return [outcome for outcome in self.outcomes if outcome.outcome == "failed"]


def read_books(sources: Sequence[Path], reading: Reading) -> Iterator[Book]:
    """Yield every book in order and note each file's outcome; raises UsageError for a source that is not there."""
    with Parser(reading.limits) as parser:
        for file in find_files(sources):
            if file.outcome:
                reading.note(str(file.path), file.outcome, file.reason)
            else:
                yield from _read(file, reading, parser)


def _read(file: SourceFile, reading: Reading, parser: Parser) -> Iterator[Book]:
    path, count = str(file.path), 0
    try:
        sha256 = file_sha256(file.path)
    except OSError as error:
        return reading.note(path, "failed", f"it cannot be read: {error.strerror}")
    if not reading.is_new(sha256, path):
        return
    items = parser.read(file.path, file.format, reading.columns)
    while True:
        try:
            item = next(items, None)
        except BookError as error:
            return reading.note(path, "failed", f"{error}{f' (behind {count:,} books)' if count else ''}", count)
        if item is None:
            return reading.note(path, "read", "", count)
        if isinstance(item, RefusedBook):
            reading.note(f"{path}{item.place}", item.outcome, item.reason)
            continue
        if item.sha256 and not reading.is_new(item.sha256, f"{path}{item.place}"):
            continue
        count += 1
        yield _book(item, file, sha256, reading)
        if item.sha256:
            reading.note(f"{path}{item.place}", "read", "", 1)


def _book(document: Document, file: SourceFile, sha256: str, reading: Reading) -> Book:
    """The book with all that is known of it: flags go before the metadata file, and that before the book's own word."""
    own, problems = checked_facts(document.facts)
    if document.format in COLLECTIONS:
        edition_id, name, title = document.id, "", ""
    elif document.sha256:
        name = PurePosixPath(document.place.removeprefix("!")).name
        edition_id, title = file.edition_id + document.id, name.removesuffix(format_of(name).suffix)
    else:
        edition_id, name, title = file.edition_id, file.path.name, file.path.name.removesuffix(file.format.suffix)
    described = reading.metadata.of(edition_id, name, own.get("isbn", ""))
    facts = {"title": title, **own, **described, **reading.described}
    all_facts: dict[str, Any] = {name: facts.get(name, "") for name in FACTS}
    return Book(
        edition_id=edition_id,
        text=document.text,
        source=f"{file.path}{document.place}",
        source_sha256=document.sha256 or sha256,
        format=document.format,
        encoding=document.encoding,
        cut_front=document.cut_front,
        cut_back=document.cut_back,
        notes=document.notes + tuple(problems),
        **all_facts,
    )
