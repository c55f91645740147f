"""DuckDB, imported while no signal is handled: to be interrupted in the middle of its import ends Python."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals that come meanwhile come after."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


with _undisturbed():
    import duckdb

__all__ = ["duckdb"]
