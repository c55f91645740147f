"""Has files parsed by a child process. One that dies or stalls costs the file, or member, that it was at; no more."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

from msgspec.structs import asdict

from provenance.errors import BookError, WorkersLostError
from provenance.files.closing import Closing
from provenance.isolation.crews import Crew
from provenance.isolation.supervisor import Children
from provenance.isolation.tasks import Failed, Outcome, Task
from provenance.readers.document import BookColumns, Document, Refused
from provenance.readers.formats import ARCHIVES, Format
from provenance.readers.limits import Limits
from provenance.readers.messages import READER, Book, Member, Read, ReaderHello, RefusedBook

MOST_DEATHS = 10  # of the process over one archive, before the rest of that is given up
LOST = ("worker died", "too slow")  # kinds of failure that end the process


class Parser(Closing):
    """A child process that is started when it is needed, and again after its death."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._children = Children()

    def close(self) -> None:
        """End the process."""
        self._children.close()

    def read(self, path: Path, format: Format, columns: BookColumns) -> Iterator[Document | Refused]:
        """Every document of a file in order; raises BookError, whose message says why and names no path."""
        name = os.fsencode(path.absolute())
        tasks = deque[Task]([Read(path.name, name, format, columns)])
        deaths, reading = 0, _Reading()
        error = ""
        with closing(self._answers(tasks)) as outcomes:
            for outcome in outcomes:
                if not isinstance(outcome.answer, Failed):
                    yield from reading.items(outcome)
                    continue
                deaths += 1
                error = outcome.answer.error
                lost = format.name in ARCHIVES and outcome.answer.error_kind in LOST
                if lost and deaths <= MOST_DEATHS and not reading.is_new():
                    yield from reading.refuse(error)
                    tasks.append(Read(path.name, name, format, columns, reading.after))
                    error = ""
        if error:
            raise BookError(error)

    def _answers(self, tasks: deque[Task]) -> Generator[Outcome]:
        crew = Crew(READER, ReaderHello(self._limits), tasks, 1)
        try:
            yield from self._children.run([crew], keep=True, stall=self._limits.seconds)
        except WorkersLostError as error:
            raise BookError("the process that parses it was killed, again and again, before it had begun") from error


class _Reading:
    """How far a file was read."""

    def __init__(self) -> None:
        self.member: Member | None = None  # in hand, not answered yet
        self.after = 0

    def is_new(self) -> bool:
        """Whether nothing of it was read yet."""
        return self.member is None and self.after == 0

    def refuse(self, reason: str) -> Iterator[Refused]:
        """Give up the member in hand."""
        if self.member is not None:
            yield Refused(self.member.place, "failed", reason)
            self._pass_member()

    def items(self, outcome: Outcome) -> Iterator[Document | Refused]:
        """What an answer gives."""
        answer = outcome.answer
        if isinstance(answer, Member):
            self.member = answer
        elif isinstance(answer, RefusedBook):
            self._pass_member()
            yield Refused(answer.place, answer.outcome, answer.reason)
        elif isinstance(answer, Book):
            self._pass_member()
            yield Document(bytes(outcome.payload), **asdict(answer))

    def _pass_member(self) -> None:
        if self.member is not None:
            self.after, self.member = self.member.number + 1, None
