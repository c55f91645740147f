"""Ctrl-C, and SIGTERM which batch systems send before they kill, heard wherever they hit."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from typing import NoReturn

AGAIN_AFTER = 0.01  # seconds; long enough for Python to be out of the callback that lost it


class Interrupted(KeyboardInterrupt):
    """A kind of its own: where a plain one passes through `exec`, as in a dataclass, Python ends by SIGINT, not 130."""


def hear_interruptions() -> None:
    """From now on both signals raise Interrupted in the main thread; for commands, never for a library's user."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as a shell starts what runs in its background
        signal.signal(signal.SIGINT, _interrupt)
    sys.unraisablehook = _unraisable


def were_interrupted() -> bool:
    """Whether one came: Python makes another error of what is raised in `__set_name__`."""
    return signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def _interrupt(signum: int, frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the first is enough; Ctrl-C may be pressed again
    raise Interrupted


def _unraisable(lost: sys.UnraisableHookArgs) -> None:
    """Python prints what is raised in a callback of its own, as that of a weak reference after an import, and goes on.

    An interruption that was lost so comes once more; anything else is printed as ever.
    """
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    signal.signal(signal.SIGTERM, _interrupt)  # this one is never ignored from outside
    again = threading.Timer(AGAIN_AFTER, signal.pthread_kill, [threading.main_thread().ident, signal.SIGTERM])
    again.daemon = True
    with contextlib.suppress(RuntimeError):  # Python is at its end: nothing is left to interrupt
        again.start()
