"""What a parser gets out of a file: text and facts. What it cannot read it refuses with a BookError that says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from provenance.isolation.tasks import Answer, Number

FACTS = (
    "title", "author", "isbn", "year", "publisher", "language", "rights_holder", "registration", "licence", "work_id",
)  # fmt: skip
"""What may be known of a book, from the file itself, a metadata file or flags. All are text; `year` is four digits."""


@dataclass(frozen=True)
class BookColumns:
    """Names of the columns, or keys, in a file with many books; facts have their own names there."""

    id: str = "id"
    title: str = "title"
    author: str = "author"
    text: str = "text"

    def of_facts(self) -> dict[str, str]:
        """The column of each fact."""
        return {**{fact: fact for fact in FACTS}, "title": self.title, "author": self.author}


class Document(Answer, frozen=True):
    """The text of one book, as parsed from its file. As a message it comes without the text, which is the payload."""

    text: bytes  # UTF-8; invalid sequences of plain text are kept, counted later
    format: str  # txt | html | epub | pdf | jsonl | parquet
    encoding: str = ""  # and how it was chosen, as `utf-8 (strict)`
    facts: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()
    cut_front: Number = 0  # bytes of UTF-8 that Project Gutenberg put before the book
    cut_back: Number = 0
    id: str = ""  # where the file names its books itself
    place: str = ""  # within the file, as `#3` or `!member.txt`
    sha256: str = ""  # of a member of an archive


class RefusedBook(Answer, frozen=True):
    """A member of an archive that gave no document."""

    place: str
    outcome: Literal["skipped", "failed"]
    reason: str
