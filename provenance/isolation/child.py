"""How a child process lives that the parent does not trust: its pipe to the parent, its limits, its tasks."""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

from msgspec import Struct
from msgspec.json import Decoder

from provenance.errors import OutputError, ProvenanceError
from provenance.isolation.framing import Payload, encode, read_frame, write_frame
from provenance.isolation.tasks import Answer, ErrorKind, Failed, Ready, Refused, Task

Send = Callable[[Answer, Payload], None]
Result = tuple[Answer, Payload]

H = TypeVar("H", bound=Struct)
T = TypeVar("T", bound=Task)

Ladder = tuple[tuple[type[Exception], ErrorKind], ...]
LADDER: Ladder = (
    (MemoryError, "memory"),  # also Arrow's
    (OutputError, "disk"),
    (ProvenanceError, "unreadable"),
    (OSError, "unreadable"),
    (RecursionError, "unreadable"),
)
"""What kind of failure an exception is, the first that fits; any other is a fault of ours that hostile data found."""


def serve(
    hello: type[H],
    tasks: object,
    begin: Callable[[H, memoryview, Send], Callable[[T], Result]],
    ladder: Ladder = LADDER,
) -> None:
    """Do tasks until the parent has no more, with what `begin` makes of its hello; or say that it refuses to begin."""
    send, pipe = to_parent(), sys.stdin.fileno()
    first = read_frame(pipe)
    if first is None:
        sys.exit(0)
    try:
        do = begin(Decoder(hello).decode(first.header), first.payload, send)
    except ProvenanceError as error:
        send(Refused(plain(str(error)), type(error).__name__), b"")
        return
    send(Ready(), b"")
    decoder = Decoder(cast(Any, tasks))
    while (frame := read_frame(pipe)) is not None:
        carry_out(decoder.decode(frame.header), do, send, ladder)


def carry_out(task: T, do: Callable[[T], Result], send: Send, ladder: Ladder = LADDER) -> Answer:
    """Do a task and send its result, whatever exception it meets; returns what was sent."""
    try:
        answer, payload = do(task)
        send(answer, payload)
    except Exception as error:
        answer = failure(task, error, ladder)
        send(answer, b"")
    return answer


def failure(task: Task, error: Exception, ladder: Ladder = LADDER) -> Failed:
    """What is said of a task that met an exception."""
    kind: ErrorKind = next((kind for type_, kind in ladder if isinstance(error, type_)), "fault")
    name = type(error).__name__
    if isinstance(error, ProvenanceError):
        reason = str(error)
    elif kind == "memory":
        reason = f"{task.prefix}it does not fit into memory: {str(error) or name}; see --max-memory"
    elif isinstance(error, RecursionError):
        reason = f"{task.prefix}its parts lie too deep in one another"
    elif kind == "fault":
        reason = f"{task.prefix}{name}: {error}; please report this"
    else:
        reason = f"{task.prefix}{getattr(error, 'strerror', None) or error}"
    return Failed(plain(reason), kind, name)


def plain(text: str) -> str:
    r"""Text that every table can hold: a lone surrogate, which none can, is written out as `\ud800`."""
    return text.encode(errors="backslashreplace").decode()


def to_parent() -> Send:
    """What sends a message to the parent. Nothing else may reach its pipe: what is printed goes to stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # and this: batch systems send it to all processes of a job
    with contextlib.suppress(OSError, AttributeError):  # where the system can, it is killed with the parent
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def send(answer: Answer, payload: Payload) -> None:
        try:
            write_frame(out, encode(answer), payload)
        except BrokenPipeError:
            os._exit(1)  # the parent is gone

    return send


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
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (most, most))
