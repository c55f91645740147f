"""The task of those children that parse files of books, and what they say to it."""

from __future__ import annotations

from typing import ClassVar

from provenance.isolation.crews import Role
from provenance.isolation.tasks import Answer, Failed, Item, Loss, Number, Task, Why
from provenance.readers.document import BookColumns, Document, RefusedBook
from provenance.readers.formats import Format
from provenance.readers.limits import Limits

READER = Role("provenance.readers.process")


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
