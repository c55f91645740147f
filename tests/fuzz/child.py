"""The process that inputs are tried in: one that kills it is named by its parent, and the tests go on.

Messages are those of `isolation.framing`: first the name of a target and its directory, then inputs until the target
changes; each is answered by what went wrong, or nothing.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import traceback
from pathlib import Path

from provenance.isolation.child import confine
from provenance.isolation.framing import read_frame, write_frame
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
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed must not reach the parent
    confine(MEMORY)
    attempt: Attempt | None = None
    while (frame := read_frame(sys.stdin.fileno())) is not None:
        header, data = json.loads(frame.header), bytes(frame.payload)
        if "target" in header:
            attempt = TARGETS[header["target"]].attempt(Path(header["folder"]))
            write_frame(out, b'{"ready": true}')
        elif attempt is not None:
            said = {"wrong": complaint(attempt, data), "spent": is_spent()}
            write_frame(out, json.dumps(said).encode())


if __name__ == "__main__":
    main()
