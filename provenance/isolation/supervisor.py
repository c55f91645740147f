"""Feeds child processes on this machine: one task at a time each. A child that dies, or gets nothing done for too long
and is ended, costs its task, not the run; the task is tried once more, in small batches.

Imports nothing heavy, so that children can be started, and import what they need, while their parent still does.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any, cast

from provenance.errors import ProvenanceError
from provenance.files.closing import Closing
from provenance.isolation.answers import check, refusal
from provenance.isolation.messages import Inbox, write_message

ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
    "OPENBLAS_NUM_THREADS": "1",
}
"""For glibc: the arrays of a batch are used again for the next; else each is given back, and every page of it cleared
anew by the kernel (a tenth of the time). For NumPy: no threads for matrices, of which there are none."""

CREDENTIALS = ("AWS_", "GOOGLE_", "GCE_", "AZURE_", "HF_", "HUGGING_FACE_")
"""Beginnings of the names of environment variables that a process which parses hostile files has no use for."""

WORKER, FETCHER, INSPECTOR = (f"provenance.units.{name}" for name in ("worker", "fetcher", "inspector"))
"""Modules that children run: one parses and matches, one talks to the network, one only looks."""

MOST_LOST = 3  # processes that are killed before they are ready; then it is no accident

STALL_SECONDS = 300.0  # without a sign of progress, after which a process is ended
MOST_ANSWER = 1 << 32  # bytes


def cores() -> int:
    """How many cores this process may use, which in a container or a batch job are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


Task = dict[str, Any]
Result = tuple[dict[str, Any], bytes]


class _Child:
    """A worker process, and the task it has in hand."""

    def __init__(self, role: str = WORKER) -> None:
        # -P: the working directory must not lend its modules to the process that parses hostile files
        command = [sys.executable, "-P", "-c", f"from {role} import main; main()"]
        kept = {n: value for n, value in os.environ.items() if role == FETCHER or not n.startswith(CREDENTIALS)}
        self.role = role
        with _shielded():
            self.process = subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
                env={**ENVIRONMENT, **kept},
            )
        self.task: Task | None = None
        self.inbox = Inbox(MOST_ANSWER)
        self.greeted = self.ready = self.stalled = False
        self.nonsense = ""  # why what it said cannot be an answer
        self.heard = time.monotonic()  # when it last told anything, or was told a task

    @property
    def stdin(self) -> IO[bytes]:
        return cast(IO[bytes], self.process.stdin)

    @property
    def stdout(self) -> IO[bytes]:
        return cast(IO[bytes], self.process.stdout)

    def say(self, header: dict[str, Any], payload: bytes = b"") -> None:
        with suppress(BrokenPipeError):  # it died: its end of stream will tell
            write_message(self.stdin, header, payload)

    def give(self, task: Task) -> None:
        self.task, self.heard = task, time.monotonic()
        self.say(task)

    def hear(self) -> Iterator[Result | None]:
        """What it says, checked; None if it will say no more, or nothing that can be believed."""
        data = os.read(self.stdout.fileno(), 1 << 20)
        try:
            for message in self.inbox.take(data):
                check(message[0], self.task, self.ready)
                self.heard = time.monotonic()
                yield message
        except ValueError as error:
            self.nonsense = str(error)
        if self.nonsense or not data:
            yield None

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


@dataclass
class Fetching:
    """What has to be fetched from elsewhere before it can be scanned, and how much of it may lie here at a time."""

    hello: dict[str, Any] = field(default_factory=dict)
    tasks: deque[Task] = field(default_factory=deque)
    processes: int = 0
    has_room: Callable[[], bool] = lambda: True


class Children(Closing):
    """Worker processes. A few start at once, before it is known what they will be told; the others when tasks come."""

    def __init__(self, early: int = 0, parsing: str = WORKER) -> None:
        """`parsing` is the kind of those that do tasks, WORKER or INSPECTOR."""
        self._parsing = parsing
        self._waiting = [_Child(parsing) for _ in range(early)]
        self._children: list[_Child] = []

    def close(self) -> None:
        """End all processes, whatever they are doing."""
        for child in self._waiting + self._children:
            child.stop()
        self._waiting, self._children = [], []

    def run(
        self,
        hello: dict[str, Any],
        tasks: deque[Task],
        workers: int,
        on_progress: Callable[[int], None],
        on_compiling: Callable[[], None],
        background: bytes = b"",
        fetching: Fetching | None = None,
        keep: bool = False,
        stall: float = STALL_SECONDS,
    ) -> Iterator[Result]:
        """Do all tasks, also those that the caller appends to `tasks` while it takes results.

        Every worker is told `hello` and the fingerprints of `background` first. What has to be fetched is, by children
        of another kind, as long as `fetching` has room for it.
        A child that dies, or is ended because it told nothing for `stall` seconds, is replaced, and its task given once
        more, with `again`; the second time it is a result with `error`. So it goes with one that says what makes no
        sense: the file that it parses may have taken it over; and with one that ran out of memory, which earlier files
        may have taken. Raises ProvenanceError when a child refuses to start. Closing the iterator (Ctrl-C too) kills
        all children; with `keep`, those that are idle in the end wait for the next run, which must tell them the same.
        """
        selector = selectors.DefaultSelector()
        fetching = fetching or Fetching()
        lost = 0  # at their start
        told = {self._parsing: (hello, background), FETCHER: (fetching.hello, b"")}
        queues = {self._parsing: tasks, FETCHER: fetching.tasks}
        try:
            for role, count in ((FETCHER, fetching.processes), (self._parsing, workers)):
                for _ in range(count):
                    self._start(role, *told[role], selector)
            while tasks or fetching.tasks or any(child.task for child in self._children):
                for child in self._children:
                    queue, idle = queues[child.role], child.ready and child.task is None
                    if idle and queue and (child.role != FETCHER or fetching.has_room()):
                        child.give(queue.popleft())
                for event, _ in selector.select(min(1.0, stall / 4)):
                    child = cast(_Child, event.data)
                    for message in child.hear():
                        if message is None:
                            selector.unregister(child.stdout)
                            self._children.remove(child)
                            if child.ready and child.task is None:
                                child.stop()  # killed, or it met a failure after which its network is not to be trusted
                            elif child.task is None and lost < MOST_LOST and child.ended() < 0:
                                lost += 1  # it had not even begun: a machine short of memory ends anything
                            elif child.role == self._parsing and child.task and not child.task.get("again"):
                                child.stop()
                                tasks.appendleft({**child.task, "again": True})
                            else:
                                yield _lost(child, stall)
                            if queues[child.role] or child.role == self._parsing:
                                self._start(child.role, *told[child.role], selector)
                        elif message[0]["kind"] == "ready":
                            child.ready = True
                        elif message[0]["kind"] == "refused":
                            raise refusal(message[0])
                        elif message[0]["kind"] == "progress":
                            on_progress(message[0]["bytes"])
                        elif message[0]["kind"] == "compiling":
                            on_compiling()
                        elif _ran_out(message[0]) and child.task and not child.task.get("again"):
                            child.process.kill()  # what other files left in it may be why: a new one tries
                        else:
                            child.task = None
                            yield message
                self._end_stalled(stall)
            if keep:
                self._waiting += self._children
                self._children = []
        finally:
            if not keep or self._children:
                self.close()
            selector.close()

    def _end_stalled(self, stall: float) -> None:
        """End children that have told nothing for so long; the end of their streams is met like that of any other."""
        latest = time.monotonic() - stall
        for child in self._children:
            if child.task is not None and child.role == self._parsing and child.heard < latest and not child.stalled:
                child.stalled = True
                child.process.kill()

    def _start(self, role: str, hello: dict[str, Any], payload: bytes, selector: selectors.BaseSelector) -> None:
        child = next((child for child in self._waiting if child.role == role), None)
        if child is None:
            child = _Child(role)
        else:
            self._waiting.remove(child)
        self._children.append(child)
        selector.register(child.stdout, selectors.EVENT_READ, child)
        if not child.greeted:
            child.greeted = True
            child.say(hello, payload)


def _ran_out(header: dict[str, Any]) -> bool:
    """Whether a result is that memory did not suffice."""
    kinds = [header.get("error_kind"), *(problem["kind"] for problem in header.get("problems", ()))]
    return "memory" in kinds


def _lost(child: _Child, stall: float) -> Result:
    """The result of a task whose process died, or was ended, twice."""
    if not child.nonsense:
        with suppress(subprocess.TimeoutExpired):
            child.process.wait(timeout=5)  # it closed its pipe: it is ending by itself
    status = child.stop()
    if child.task is None and child.nonsense:
        raise ProvenanceError(f"a worker process said what makes no sense before it had a task: {child.nonsense}")
    if child.task is None:
        raise ProvenanceError(f"a worker process ended with status {status} before it had a task: see its output above")
    task = child.task
    if child.stalled:
        reason = f"nothing of it was done in {stall:g} s, twice: its worker process was ended; see --max-seconds"
    elif child.nonsense:
        times = ", twice" if task.get("again") else ""
        reason = f"its worker's answer made no sense{times} ({child.nonsense}); please report this"
    else:
        by = f"signal {-status}" if status < 0 else f"status {status}"
        reason = f"its worker process died{' twice' if task.get('again') else ''} ({by})"
    return {
        **{name: task[name] for name in ("task", "shard", "slot") if name in task},
        "kind": "done",
        "error": f"shard {task['shard']}: {reason}",
        "error_kind": "too slow" if child.stalled else "worker died",
    }, b""
