"""How a child process begins that the parent does not trust: its pipe to the parent, its limits, its tasks."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

from provenance.errors import ProvenanceError
from provenance.isolation.messages import read_message, write_message

Send = Callable[[dict[str, Any], bytes | memoryview], None]
Message = tuple[dict[str, Any], bytes]


def to_parent() -> Send:
    """What sends a message to the parent. Nothing else may reach its pipe: what is printed goes to stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # and this: batch systems send it to all processes of a job
    _end_with_parent()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def send(header: dict[str, Any], payload: bytes | memoryview) -> None:
        write_message(out, header, payload)

    return send


def _end_with_parent() -> None:
    """Where the system can, be killed when the parent is: it may be in the middle of a long task."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


def from_parent() -> tuple[Message, Iterator[dict[str, Any]]]:
    """What the parent says first, and its tasks until it closes its end; ends the process if it says nothing."""
    hello = read_message(sys.stdin.buffer)
    if hello is None:
        sys.exit(0)
    return hello, _tasks()


def _tasks() -> Iterator[dict[str, Any]]:
    while (message := read_message(sys.stdin.buffer)) is not None:
        yield message[0]


def serve(send: Send, tasks: Iterator[dict[str, Any]], begin: Callable[[], Callable[[dict[str, Any]], None]]) -> None:
    """Do tasks until the parent has no more, with what `begin` gives; that it refuses to begin is told."""
    try:
        do = begin()
        send({"kind": "ready"}, b"")
        for task in tasks:
            do(task)
    except BrokenPipeError:
        os._exit(1)  # the parent is gone
    except ProvenanceError as error:
        send({"kind": "refused", "error": str(error), "name": type(error).__name__}, b"")


def confine(memory: int, writes_files: bool = True) -> None:
    """Let allocations beyond so many bytes fail instead of taking the machine down, and files be written only where
    that is needed; where the system can.
    """
    try:
        import resource
    except ImportError:
        return
    limits = [(resource.RLIMIT_DATA, memory), (resource.RLIMIT_CORE, 0)]
    for what, most in limits if writes_files else [*limits, (resource.RLIMIT_FSIZE, 0)]:
        try:
            resource.setrlimit(what, (most, most))
        except (OSError, ValueError):
            continue
