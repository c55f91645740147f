"""Feeds child processes on this machine: one task at a time each, a few of those that take milliseconds. A child that
dies, or gets nothing done for too long and is ended, costs its task, not the run; the task is tried once more.

Imports nothing heavy, so that children can be started, and import what they need, while their parent still does.
"""

import fcntl
import os
import selectors
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, cast

from msgspec import Struct

from provenance.errors import ProvenanceError, WorkersLostError, error_named
from provenance.files.closing import Closing
from provenance.isolation.framing import Inbox, Payload, encode, write_frame
from provenance.isolation.states import Life
from provenance.isolation.tasks import Answer, Compiling, Loss, Outcome, Progress, Ready, Refused, Task, Why

ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
    "OPENBLAS_NUM_THREADS": "1",
}
"""For glibc: the arrays of a batch are used again for the next; else each is given back, and every page of it cleared
anew by the kernel (a tenth of the time). For NumPy: no threads for matrices, of which there are none."""

CREDENTIALS = ("AWS_", "GOOGLE_", "GCE_", "AZURE_", "HF_", "HUGGING_FACE_")
"""Beginnings of the names of environment variables that a process which parses hostile files has no use for."""

MOST_LOST = 3  # processes that are killed before they are ready; then it is no accident
STALL_SECONDS = 300.0  # without a sign of progress, after which a process is ended
PIPE = 1 << 20  # bytes that a pipe from a child holds, where the system lets it


def cores() -> int:
    """How many cores this process may use, which in a container or a batch job are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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


class Child:
    """A process, and what is known of it."""

    def __init__(self, role: Role) -> None:
        # -P: the working directory must not lend its modules to the process that parses hostile files
        command = [sys.executable, "-P", "-c", f"from {role.module} import main; main()"]
        visible = {n: value for n, value in os.environ.items() if role.credentials or not n.startswith(CREDENTIALS)}
        environment, pipe = {**ENVIRONMENT, **visible}, subprocess.PIPE
        self.role, self.life = role, Life()
        with _shielded():
            self.process = subprocess.Popen(
                command, bufsize=0, stdin=pipe, stdout=pipe, start_new_session=True, env=environment
            )
        self.stdin, self.stdout = cast(IO[bytes], self.process.stdin), cast(IO[bytes], self.process.stdout)
        with suppress(OSError, AttributeError):
            fcntl.fcntl(self.stdout, fcntl.F_SETPIPE_SZ, PIPE)
        os.set_blocking(self.stdout.fileno(), False)
        self.inbox = Inbox(self.stdout.fileno())
        self._greeted = False

    def greet(self, hello: Struct, payload: bytes) -> None:
        """Tell it what it is for, once."""
        if not self._greeted:
            self._greeted = True
            self._say(hello, payload)

    def give(self, task: Task) -> None:
        """Give it a task."""
        self.life.give(task)
        self._say(task)

    def hear(self) -> Iterator[tuple[Answer, Payload]]:
        """What it says, as far as it can be believed."""
        if self.life.is_leaving():
            self.inbox.drain()
            return
        try:
            for frame in self.inbox.take():
                yield self.life.understand(frame.header), frame.payload
                if self.life.is_leaving():
                    return
        except ValueError as error:
            self.give_up(Loss(Why.NONSENSE, str(error)))

    def give_up(self, loss: Loss) -> None:
        """Kill it; the end of its stream is met like that of any other."""
        self.life.give_up(loss)
        self.process.kill()

    def ended(self) -> int:
        """The exit status of a process whose stream has ended; negative if a signal ended it."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)  # it closed its pipe: it is ending by itself
        return self.stop()

    def stop(self) -> int:
        """End the process and return its exit status."""
        with suppress(OSError):
            self.stdin.close()
        self.process.kill()
        status = self.process.wait()
        self.stdout.close()
        return status

    def _say(self, message: Struct, payload: bytes = b"") -> None:
        with suppress(BrokenPipeError):  # it died: its end of stream will tell
            write_frame(self.stdin, encode(message), payload)


@contextmanager
def _shielded() -> Iterator[None]:
    """Start a process that SIGTERM does not end before it can ignore it: batch systems send it to all of a job.

    The mask is inherited where a handler cannot be; what comes here meanwhile is not lost, but comes after.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Children(Closing):
    """Child processes. A few start at once, before it is known what they will be told; the others when tasks come."""

    def __init__(self, early: int = 0, role: Role = WORKER) -> None:
        """`early` children of a role start at once."""
        self._waiting = [Child(role) for _ in range(early)]
        self._working: list[tuple[Child, Crew]] = []
        self._lost = 0  # at their start

    def close(self) -> None:
        """End all processes, whatever they are doing."""
        for child in [*self._waiting, *(child for child, _ in self._working)]:
            child.stop()
        self._waiting, self._working = [], []

    def run(
        self,
        crews: Sequence[Crew],
        on_progress: Callable[[int], None] = lambda text_bytes: None,
        on_compiling: Callable[[], None] = lambda: None,
        keep: bool = False,
        stall: float = STALL_SECONDS,
    ) -> Generator[Outcome]:
        """Do the tasks of all crews, also those that the caller appends to them while it takes outcomes.

        A child that dies is replaced, and its task done once more if `Task.second` says so; else its outcome is
        `Failed`. So it goes with one that told nothing for `stall` seconds; with one that says what makes no sense: the
        file that it parses may have taken it over; and with one that ran out of memory, which earlier files may have
        taken. Raises ProvenanceError when a child refuses to start, WorkersLostError where one after another is killed
        before it has begun. Closing the iterator (Ctrl-C too) kills all children; with `keep`, those that are left in
        the end wait for the next run, which must tell them the same.
        """
        self._lost = 0
        try:
            with selectors.DefaultSelector() as selector:
                for crew in crews:
                    self._fill(crew, selector, crew.size)
                while any(crew.tasks for crew in crews) or any(child.life.task for child, _ in self._working):
                    self._hand_out(crews, selector)
                    for event, _ in selector.select(min(1.0, stall / 4)):
                        child, crew = cast(tuple[Child, Crew], event.data)
                        yield from _heard(child, on_progress, on_compiling)
                        yield from self._bury_ended(child, crew, selector)
                    self._give_up_silent(stall)
            if keep:
                self._waiting += [child for child, _ in self._working]
                self._working = []
        finally:
            if not keep or self._working:
                self.close()

    def _hand_out(self, crews: Sequence[Crew], selector: selectors.BaseSelector) -> None:
        for crew in crews:
            self._fill(crew, selector, min(crew.size, len(crew.tasks)))
        for child, crew in self._working:
            while crew.tasks and child.life.takes(crew.tasks[0]) and crew.has_room():
                child.give(crew.tasks.popleft())

    def _fill(self, crew: Crew, selector: selectors.BaseSelector, least: int) -> None:
        """Let a crew have at least so many children."""
        for _ in range(least - sum(of is crew for _, of in self._working)):
            child = next((child for child in self._waiting if child.role == crew.role), None) or Child(crew.role)
            self._waiting = [other for other in self._waiting if other is not child]
            self._working.append((child, crew))
            selector.register(child.stdout, selectors.EVENT_READ, (child, crew))
            child.greet(crew.hello, crew.payload)

    def _bury_ended(self, child: Child, crew: Crew, selector: selectors.BaseSelector) -> Iterator[Outcome]:
        if not child.inbox.ended:
            return
        selector.unregister(child.stdout)
        self._working.remove((child, crew))
        for rest in reversed(child.life.end(child.ended())):
            if isinstance(rest, Task):
                crew.tasks.appendleft(rest)
            else:
                yield rest
        self._lost += not child.life.begun
        _refuse_losses(child, self._lost)

    def _give_up_silent(self, seconds: float) -> None:
        for child, _ in self._working:
            if child.role.stalls and child.life.is_silent(seconds):
                child.give_up(Loss(Why.STALLED, f"{seconds:g}"))


def _heard(child: Child, on_progress: Callable[[int], None], on_compiling: Callable[[], None]) -> Iterator[Outcome]:
    life = child.life
    for answer, payload in child.hear():
        task = life.task
        if isinstance(answer, Compiling):
            on_compiling()
        elif isinstance(answer, Progress):
            on_progress(answer.bytes)
        elif isinstance(answer, Ready):
            life.ready()
        elif isinstance(answer, Refused):
            raise error_named(answer.name, answer.error)
        elif task is not None and isinstance(answer, task.interim):
            yield Outcome(task, answer, payload)
        elif task is not None and answer.ran_out and task.second() is not None:
            child.give_up(Loss(Why.MEMORY, ""))  # what other files left in it may be why: a new one tries
        else:
            yield Outcome(life.finish(), answer, payload)


def _refuse_losses(child: Child, lost: int) -> None:
    """Raise the error of a child that ended before it had begun, unless it was killed and there were few of them."""
    loss = child.life.loss
    if child.life.begun or loss is None:
        return
    if loss.why is Why.NONSENSE:
        raise ProvenanceError(f"a worker process said what makes no sense before it had a task: {loss.detail}")
    if not loss.detail.startswith("signal"):
        raise ProvenanceError(f"a worker process ended with {loss.detail} before it had a task: see its output above")
    if lost > MOST_LOST:
        raise WorkersLostError(
            f"{lost} worker processes were killed ({loss.detail}) while they started, as a machine does that is short "
            "of memory: what is done is kept, and the same command goes on from there; fewer --workers take less"
        )
