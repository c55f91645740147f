"""The process that inputs are tried in: one that kills it is named by its parent, and the tests go on.

Messages are those of `isolation.messages`: first the name of a target and its directory, then inputs until the target
changes; each is answered by what went wrong, or nothing.
"""

from __future__ import annotations

import faulthandler
import sys
import traceback
from pathlib import Path

from provenance.isolation.child import confine, to_parent
from provenance.isolation.messages import read_message
from tests.fuzz.target import Attempt
from tests.fuzz.targets import TARGETS

MEMORY = 3 << 30  # bytes, as those have that read what others made


def is_spent() -> bool:
    """Whether so much memory is reserved that an input could run out of it that did nothing wrong: pools keep what they
    once were given.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return False
    return int(status.read_text().partition("VmData:")[2].split()[0]) << 10 > MEMORY // 2


def complaint(attempt: Attempt, data: bytes) -> str:
    """What is wrong with how an input was met; empty where nothing is."""
    try:
        attempt(data)
    except Exception:
        return traceback.format_exc(limit=-6)
    return ""


def main() -> None:
    """Answer until standard input ends."""
    faulthandler.enable()
    send = to_parent()
    confine(MEMORY)
    attempt: Attempt | None = None
    while (message := read_message(sys.stdin.buffer)) is not None:
        header, data = message
        if "target" in header:
            attempt = TARGETS[header["target"]].attempt(Path(header["folder"]))
            send({"ready": True}, b"")
        elif attempt is not None:
            send({"wrong": complaint(attempt, data), "spent": is_spent()}, b"")


if __name__ == "__main__":
    main()
