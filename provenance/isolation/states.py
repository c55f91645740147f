"""The life of a child process as its parent sees it: states, and what leads from one to another. Nothing is done here.

    starting -> idle <-> busy -> leaving -> gone

A process is leaving when it was given up and killed, and its end is awaited.
"""

import time
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any, Union

from msgspec.json import Decoder

from provenance.isolation.tasks import Answer, Compiling, Failed, Loss, Outcome, Progress, Ready, Refused, Task, Why

MOST_REASON = 200  # characters of why an answer makes no sense


class State(Enum):
    """What a child is doing."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    LEAVING = "leaving"
    GONE = "gone"


class Event(Enum):
    """What happens to a child."""

    READY = "it has begun"
    TASK = "it was given a task"
    RESULT = "it gave the result of its last task"
    NEXT = "it gave a result, and has another task"
    GIVEN_UP = "it is killed"
    END = "it ended"


_ENDS = {Event.GIVEN_UP: State.LEAVING, Event.END: State.GONE}
MOVES: dict[State, dict[Event, State]] = {
    State.STARTING: {Event.READY: State.IDLE, **_ENDS},
    State.IDLE: {Event.TASK: State.BUSY, **_ENDS},
    State.BUSY: {Event.TASK: State.BUSY, Event.NEXT: State.BUSY, Event.RESULT: State.IDLE, **_ENDS},
    State.LEAVING: {Event.END: State.GONE},
    State.GONE: {},
}
"""Every event that can be, by state."""


@dataclass
class Life:
    """The state of a child, and its tasks, which it does in order."""

    state: State = State.STARTING
    tasks: deque[Task] = field(default_factory=deque)
    begun: bool = False
    loss: Loss | None = None  # why it was given up
    heard: float = field(default_factory=time.monotonic)  # when it last told anything, or was told a task

    def ready(self) -> None:
        """It has begun."""
        self._move(Event.READY)
        self.begun = True

    @property
    def task(self) -> Task | None:
        """What it is at work on."""
        return self.tasks[0] if self.tasks else None

    def takes(self, task: Task) -> bool:
        """Whether it may be given a task now."""
        return self.state is State.IDLE or (
            self.state is State.BUSY and len(self.tasks) < min(task.ahead, *(other.ahead for other in self.tasks))
        )

    def give(self, task: Task) -> None:
        """It was given a task."""
        if not self.tasks:
            self.heard = time.monotonic()
        self._move(Event.TASK)
        self.tasks.append(task)

    def finish(self) -> Task:
        """It gave the result of its first task, which is returned."""
        self._move(Event.NEXT if len(self.tasks) > 1 else Event.RESULT)
        return self.tasks.popleft()

    def give_up(self, loss: Loss) -> None:
        """Expect nothing more of it."""
        self._move(Event.GIVEN_UP)
        self.loss = loss

    def end(self, status: int) -> list[Task | Outcome]:
        """It ended; returns what is left to be done, the outcome for a task that is not tried again first."""
        self._move(Event.END)
        self.loss = self.loss or Loss(Why.DIED, f"signal {-status}" if status < 0 else f"status {status}")
        if self.task is None:
            return []
        first, *others = self.tasks
        return [first.second() or Outcome(first, first.lost(self.loss)), *others]

    def is_leaving(self) -> bool:
        """Whether nothing that it still says counts."""
        return self.state is State.LEAVING

    def is_silent(self, seconds: float) -> bool:
        """Whether it has told nothing of its task for so long."""
        return self.state is State.BUSY and time.monotonic() > self.heard + seconds

    def understand(self, header: bytes) -> Answer:
        """What it says; raises ValueError for what it cannot say now."""
        try:
            answer: Answer = _decoder(self._expected()).decode(header)
        except RecursionError as error:
            raise ValueError("it is nested too deep") from error
        except ValueError as error:
            raise ValueError(str(error)[:MOST_REASON]) from error
        if self.task is not None:
            self.task.check(answer)
        self.heard = time.monotonic()
        return answer

    def _expected(self) -> tuple[type[Answer], ...]:
        if self.state is State.STARTING:
            return Ready, Compiling, Refused
        if self.task is None:
            return (Compiling,)
        return Compiling, Progress, Failed, self.task.answer, *self.task.interim

    def _move(self, event: Event) -> None:
        self.state = MOVES[self.state][event]


@lru_cache
def _decoder(kinds: tuple[type[Answer], ...]) -> Decoder[Any]:
    return Decoder(Union[kinds])  # noqa: UP007  (made of a tuple)
