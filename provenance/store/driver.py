"""DuckDB, and a way to call it undisturbed.

It looks at signals while it works, and what a handler raises then is sometimes lost and sometimes leaves a transaction
that cannot be used; one that comes in the middle of its import ends Python.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C and SIGTERM that come meanwhile come after; for what takes a second at most."""
    if threading.current_thread() is not threading.main_thread():  # where no handler runs
        yield
        return
    came: list[tuple[int, FrameType | None]] = []

    def keep(number: int, frame: FrameType | None) -> None:
        came.append((number, frame))

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in handlers.items() if handler not in (None, signal.SIG_IGN)}
    for number in handlers:
        signal.signal(number, keep)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for received, frame in came[:1]:
            then = handlers[signal.Signals(received)]
            if callable(then):
                then(received, frame)
            else:
                signal.raise_signal(received)


with undisturbed():
    import duckdb

__all__ = ["duckdb", "undisturbed"]
