"""Which child processes there are to be, and what they are to do."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import Struct

from provenance.isolation.tasks import Task


@dataclass(frozen=True)
class Role:
    """A kind of child process."""

    module: str  # its `main` is what it runs
    credentials: bool = False  # whether it sees those of object stores in its environment
    stalls: bool = True  # whether it is ended when it tells nothing for long


WORKER = Role("provenance.units.worker")  # parses and matches
FETCHER = Role("provenance.units.fetcher", credentials=True, stalls=False)  # talks to the network
INSPECTOR = Role("provenance.units.inspector")  # only looks


@dataclass
class Crew:
    """Children of one role. `tasks` may grow while results are taken."""

    role: Role
    hello: Struct  # what each is told first
    tasks: deque[Task]
    size: int
    payload: bytes = b""  # told with `hello`
    has_room: Callable[[], bool] = field(default=lambda: True)  # for what another task gives
