"""Has files parsed by a child process. One that dies or stalls costs the file, or member, that it was at; no more."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from msgspec.structs import replace

from provenance.errors import BookError, WorkersLostError
from provenance.files.closing import Closing
from provenance.isolation.supervisor import Children, Crew
from provenance.isolation.tasks import Failed, Outcome, Task
from provenance.readers.document import READER, BookColumns, Document, Format, Member, Read, ReaderHello, RefusedBook
from provenance.readers.formats import ARCHIVES
from provenance.readers.limits import Limits

MOST_DEATHS = 10  # of the process over one archive, before the rest of that is given up
LOST = ("worker died", "too slow")  # kinds of failure that end the process


class Parser(Closing):
    """A child process that is started when it is needed, and again after its death."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._children = limits, Children()

    def close(self) -> None:
        """End the process."""
        self._children.close()

    def read(self, path: Path, format: Format, columns: BookColumns) -> Iterator[Document | RefusedBook]:
        """Every document of a file in order; raises BookError, whose message says why and names no path."""
        task = Read(path.name, os.fsencode(path.absolute()), format, columns)
        tasks = deque[Task]([task])
        crew = Crew(READER, ReaderHello(self._limits), tasks, 1)
        try:
            with closing(self._children.run([crew], keep=True, stall=self._limits.seconds)) as outcomes:
                yield from _documents(task, tasks, outcomes)
        except WorkersLostError as error:
            raise BookError("the process that parses it was killed, again and again, before it had begun") from error


def _documents(task: Read, tasks: deque[Task], outcomes: Iterable[Outcome]) -> Iterator[Document | RefusedBook]:
    """What the outcomes of a task give; what is to be read of an archive after a loss is added to the tasks."""
    member: Member | None = None  # in hand, not answered yet
    after = deaths = 0
    error = ""
    for outcome in outcomes:
        answer = outcome.answer
        if isinstance(answer, Failed):
            deaths, error = deaths + 1, answer.error
            lost = task.format.name in ARCHIVES and answer.error_kind in LOST
            if lost and deaths <= MOST_DEATHS and (member or after):
                if member is not None:
                    yield RefusedBook(member.place, "failed", error)
                    after, member = member.number + 1, None
                tasks.append(replace(task, after=after))
                error = ""
        elif isinstance(answer, Member):
            member = answer
        elif isinstance(answer, (Document, RefusedBook)):
            after, member = after if member is None else member.number + 1, None
            yield replace(answer, text=bytes(outcome.payload)) if isinstance(answer, Document) else answer
    if error:
        raise BookError(error)
