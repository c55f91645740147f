"""Feeds child processes on this machine: one task at a time each; a child that dies loses its task, not the run."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Any, cast

from provenance.errors import ProvenanceError
from provenance.runs.worker import read_message, write_message

ALLOCATION = {"MALLOC_MMAP_THRESHOLD_": str(64 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
"""For glibc: the arrays of a batch are used again for the next; else each is given back, and every page of it cleared
anew by the kernel (a tenth of the time). Elsewhere it does nothing."""

Task = dict[str, Any]
Result = tuple[dict[str, Any], bytes]


class _Child:
    """A worker process, and the task it has in hand."""

    def __init__(self, hello: dict[str, Any]) -> None:
        # -P: the working directory must not lend its modules to the process that parses hostile files
        command = [sys.executable, "-P", "-c", "from provenance.runs.worker import main; main()"]
        self.process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**ALLOCATION, **os.environ},
        )
        self.task: Task | None = None
        self.ready = False
        with suppress(BrokenPipeError):  # it died: its end of stream will tell
            write_message(self.stdin, hello)

    @property
    def stdin(self) -> IO[bytes]:
        return cast(IO[bytes], self.process.stdin)

    @property
    def stdout(self) -> IO[bytes]:
        return cast(IO[bytes], self.process.stdout)

    def give(self, task: Task) -> None:
        self.task = task
        with suppress(BrokenPipeError):  # it died: its end of stream will tell
            write_message(self.stdin, task)

    def stop(self) -> int:
        """End the process and return its exit status."""
        with suppress(OSError):
            self.stdin.close()
        self.process.kill()
        status = self.process.wait()
        self.stdout.close()
        return status


def run_tasks(
    hello: dict[str, Any], tasks: deque[Task], workers: int, on_progress: Callable[[int], None]
) -> Iterator[Result]:
    """Do all tasks, also those that the caller appends to `tasks` while it takes results.

    A child that dies gives a result with `error`; another takes its place. Raises ProvenanceError when a child
    refuses to start. Closing the iterator (Ctrl-C too) kills all children.
    """
    selector = selectors.DefaultSelector()
    children: list[_Child] = []

    def start() -> None:
        child = _Child(hello)
        children.append(child)
        selector.register(child.stdout, selectors.EVENT_READ, child)

    try:
        for _ in range(workers):
            start()
        while tasks or any(child.task for child in children):
            for child in children:
                if tasks and child.ready and child.task is None:
                    child.give(tasks.popleft())
            for event, _ in selector.select():
                child = cast(_Child, event.data)
                message = read_message(child.stdout)
                if message is None:
                    selector.unregister(child.stdout)
                    children.remove(child)
                    yield _lost(child)
                    start()
                elif message[0]["kind"] == "ready":
                    child.ready = True
                elif message[0]["kind"] == "refused":
                    raise ProvenanceError(message[0]["error"])
                elif message[0]["kind"] == "progress":
                    on_progress(message[0]["bytes"])
                else:
                    child.task = None
                    yield message
    finally:
        for child in children:
            child.stop()
        selector.close()


def _lost(child: _Child) -> Result:
    """The result of a task whose process died."""
    with suppress(subprocess.TimeoutExpired):
        child.process.wait(timeout=5)  # it closed its pipe: it is ending by itself
    status = child.stop()
    if child.task is None:
        raise ProvenanceError(f"a worker process ended with status {status} before it had a task: see its output above")
    reason = f"its worker process died ({'signal ' + str(-status) if status < 0 else 'status ' + str(status)})"
    task = child.task
    return {
        "kind": "done",
        "task": task["task"],
        "shard": task["shard"],
        "error": f"shard {task['shard']}: {reason}",
        "error_kind": "worker died",
    }, b""
