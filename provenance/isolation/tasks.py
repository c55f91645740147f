"""What parent and child processes say to one another: tasks, and answers to them.

Every message is a struct: a field that is missing or too much, a value of another type, a number out of range, text
that no table can hold, or nesting too deep is refused as a whole. A child that parsed a hostile file may say anything.
The messages of a room (scanning, cleaning, reading books) are defined there, on top of these.
"""

from enum import Enum
from typing import Annotated, ClassVar, Literal, NamedTuple

from msgspec import Meta, Struct
from msgspec.structs import replace

from provenance.isolation.framing import Payload

MOST = 1 << 48
"""Of every number: 280 TB of text in a unit, so that sums over all units fit into 64 bits."""

Number = Annotated[int, Meta(ge=0, lt=MOST)]
Seconds = Annotated[float, Meta(ge=0, lt=float(MOST))]

ErrorKind = Literal["unreadable", "memory", "fault", "storage", "usage", "disk", "too slow", "worker died"]


class Item(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a message."""


class Answer(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag=str.lower):
    """What a child says: the result of a task, or one of the messages below."""

    @property
    def ran_out(self) -> bool:
        """Whether it says that memory did not suffice."""
        return False


class Ready(Answer, frozen=True):
    """It has begun, and takes tasks."""


class Compiling(Answer, frozen=True):
    """It compiles kernels, which takes long the first time."""


class Refused(Answer, frozen=True):
    """It cannot begin."""

    error: str
    name: str  # of a class in `provenance.errors`


class Progress(Answer, frozen=True):
    """It is at work on its task."""

    bytes: Number  # of text that were done since the last such message


class Failed(Answer, frozen=True):
    """The result of a task that could not be done."""

    error: str
    error_kind: ErrorKind
    error_name: str = ""  # of the exception's class

    @property
    def ran_out(self) -> bool:
        """Whether it says that memory did not suffice."""
        return self.error_kind == "memory"


class Why(Enum):
    """Why a child is gone before its task was done."""

    DIED = "died"
    STALLED = "stalled"
    NONSENSE = "nonsense"
    MEMORY = "memory"


class Loss(NamedTuple):
    """How a child was lost."""

    why: Why
    detail: str  # its exit status, the seconds in which it told nothing, or what is wrong with what it said


class Task(Struct, frozen=True, forbid_unknown_fields=True, tag_field="task", tag=str.lower):
    """What a child is to do with one shard or file."""

    shard: str  # its name, for people

    answer: ClassVar[type[Answer]]  # its result, unless it fails
    interim: ClassVar[tuple[type[Answer], ...]] = ()  # what may be said before, besides progress
    ahead: ClassVar[int] = 1  # so many like it a child may have at once; of those that take milliseconds some

    @property
    def prefix(self) -> str:
        """What messages about it begin with."""
        return f"shard {self.shard}: "

    def second(self) -> "Task | None":
        """What is to be done after the task took down a process; None if nothing."""
        return None

    def lost(self, loss: Loss, times: str = "") -> Failed:
        """The result of a task that took down a process, and is not tried again."""
        if loss.why is Why.STALLED:
            silence = f"nothing of it was done in {loss.detail} s{times}"
            return Failed(f"{self.prefix}{silence}: its worker process was ended; see --max-seconds", "too slow")
        if loss.why is Why.NONSENSE:
            reason = f"its worker's answer made no sense{times} ({loss.detail}); please report this"
        else:
            reason = f"its worker process died{times.strip(',')} ({loss.detail})"
        return Failed(self.prefix + reason, "worker died")

    def check(self, answer: Answer) -> None:
        """Raise ValueError for a result that cannot be this task's."""


class ShardTask(Task, frozen=True):
    """A task with a file that lies here. One that took down its process is tried once more."""

    path: str
    identity: str | None = None  # of the file when it was first looked at; see `files.file_identity`
    again: bool = False  # the second try

    def second(self) -> Task | None:
        """The same, to be done with as little memory as possible."""
        return None if self.again else replace(self, again=True)

    def lost(self, loss: Loss, times: str = "") -> Failed:
        """The result of a task that took down two processes."""
        return super().lost(loss, ", twice" if self.again else times)


class Outcome(NamedTuple):
    """A task, and what a child answered; or what its parent has to say in place of one that died."""

    task: Task
    answer: Answer
    payload: Payload = b""
