"""What a process that parses books is asked, and what it answers: text and facts of each, or why it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from provenance.isolation.supervisor import Role
from provenance.isolation.tasks import Answer, Failed, Item, Loss, Number, Task, Why
from provenance.readers.limits import Limits

READER = Role("provenance.readers.process")
DESCRIBED = ("isbn", "year", "publisher", "language", "rights_holder", "registration", "licence")
"""Facts of a book besides title, author and work."""

FACTS = ("title", "author", *DESCRIBED, "work_id")
"""What may be known of a book, from the file itself, a metadata file or flags. All are text; `year` is four digits."""


@dataclass(frozen=True)
class Format:
    """What a file's name says of it."""

    name: str  # one of those in `readers.formats`
    compression: str  # of the whole file: gzip, bz2, xz, zstd or nothing
    suffix: str  # as it stands in the name


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


class Member(Answer, frozen=True):
    """A member of an archive is about to be read."""

    number: Number
    place: str


class ReadAnswer(Answer, frozen=True):
    """All of a file was read."""


class Read(Task, frozen=True):
    """Read the books of a file, which is called `shard`."""

    path: bytes  # as the file system has it
    format: Format
    columns: BookColumns
    after: int = 0  # the first member of an archive that is read

    answer: ClassVar[type[Answer]] = ReadAnswer
    interim: ClassVar[tuple[type[Answer], ...]] = (Member, RefusedBook, Document)

    @property
    def prefix(self) -> str:
        """Nothing: whoever tells of it names the file."""
        return ""

    def lost(self, loss: Loss, times: str = "") -> Failed:
        """The result where the process that read it was lost."""
        if loss.why is Why.STALLED:
            return Failed(f"parsing it took more than {loss.detail} seconds", "too slow")
        if loss.why is Why.NONSENSE:
            reason = f"gave an answer that makes no sense ({loss.detail})"
            return Failed(f"the process that parsed it {reason}", "unreadable")
        return Failed(f"the process that parsed it died ({loss.detail})", "worker died")


class ReaderHello(Item, frozen=True):
    """What a reader is told first."""

    limits: Limits
