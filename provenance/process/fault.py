"""What is left of an error that nobody foresaw: one line for who typed the command, and a file for who mends it."""

import contextlib
import errno
import os
import platform
import shlex
import sys
import tempfile
import traceback
from pathlib import Path

from provenance._version import __version__
from provenance.display.text import safe
from provenance.process.command_line import command_line

EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h; no gate takes it for a finding
MOST_SHOWN = 300  # characters of an error's own message
EXHAUSTED = (errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.EDQUOT)
OUT_OF_RESOURCES = ("can't start new thread", "failed to map segment", "cannot allocate memory")


def line_of(error: BaseException) -> str:
    """What to print of an error; the traceback goes into a file that the line names."""
    file = write_details(error)
    details = f"; details are in {file}" if file else ""
    text = " ".join(str(error).split())[:MOST_SHOWN]
    reason = safe(f"{type(error).__name__}: {text}" if text else type(error).__name__)
    if is_exhaustion(error):
        return f"the system gave no more memory or threads ({reason}): allow more, or use fewer --workers{details}"
    return f"this is a fault of the program ({reason}){details}" + (": please report it with that file" if file else "")


def is_exhaustion(error: BaseException) -> bool:
    """Whether the system had no more of something: no fault of the program, but not one of its inputs either."""
    if isinstance(error, OSError) and error.errno in EXHAUSTED:
        return True
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(part in text for part in OUT_OF_RESOURCES)


def write_details(error: BaseException) -> Path | None:
    """Write traceback, versions and command where something can be written; None where that is nowhere.

    Only this user may read the file: a command names files, and a message may quote them.
    """
    for folder in (None, Path.home, Path.cwd):
        with contextlib.suppress(Exception):
            handle, name = tempfile.mkstemp(prefix="provenance-fault-", suffix=".txt", dir=folder and folder())
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(details_of(error))
            return Path(name)
    return None


def details_of(error: BaseException) -> str:
    """Versions, command and traceback."""
    versions = f"provenance {__version__}, Python {sys.version.split()[0]}, {platform.platform()}"
    packages = ", ".join(
        f"{name} {version}"
        for name in ("numpy", "pyarrow", "numba", "duckdb", "click")
        if (version := getattr(sys.modules.get(name), "__version__", None))
    )
    details = "".join(traceback.format_exception(error))
    return f"{versions}\n{packages}\ncommand: {shlex.join(command_line())}\n\n{details}"
