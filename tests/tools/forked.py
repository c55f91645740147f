"""Child processes of the package, forked from one that has loaded NumPy, Arrow and Numba: that takes a second of each.

They are processes like those that the package starts, with a number, pipes, limits and an end of their own. They run
the same `main`; only Python's start is not repeated. It is where it may be the point: for commands of any other form,
and where variables differ that matter only then. Linux alone has what it takes; elsewhere nothing changes.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

OURS = re.compile(r"from (provenance[\w.]*) import main; main\(\)")
AT_START = ("PYTHON", "NUMBA", "LD_", "OMP_", "ARROW_", "FAULT_", "COVERAGE", "XDG_", "TZ", "LC_", "LANG")
"""Beginnings of the names of variables that are read while Python starts, or when packages are loaded."""

WITHOUT_THREADS = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}

ENDS = ("p2cread", "c2pwrite", "errwrite")  # as `subprocess` calls the child's ends of its pipes
FORKING = Path(__file__).with_name("forking.py")
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: whose grandchild becomes its child when the one between them ends
PLAIN = subprocess.Popen


class ForkedPopen(PLAIN):  # type: ignore[type-arg,misc]
    """`subprocess.Popen`, for a child of the package by a fork."""

    def _execute_child(self, args: Any, *others: Any) -> None:
        names = PLAIN._execute_child.__code__.co_varnames[2:]  # type: ignore[attr-defined]
        given = dict(zip(names, others, strict=False))
        role = _role(args, given)
        pid = _start(role, given) if role else None
        if pid is None:
            super()._execute_child(args, *others)  # type: ignore[misc]
            return
        self.pid = pid
        self._child_created = True
        for number in {given[name] for name in ENDS} - {-1}:
            os.close(number)


def fork_children(forking: socket.socket | None = None) -> None:
    """From now on, children of this process that run the package are forked, by a process that has begun or will."""
    if sys.platform == "linux":
        environment = dict(os.environ)
        _begun.update(environment=environment, at_start=_at_start(environment))
        if forking is not None:
            _begun["socket"] = forking
        subprocess.Popen = ForkedPopen  # type: ignore[misc]


def _role(args: Any, given: dict[str, Any]) -> str | None:
    if not isinstance(args, list) or args[:3] != [sys.executable, "-P", "-c"] or len(args) != 4:
        return None
    if given["preexec_fn"] or given["pass_fds"] or given["cwd"]:
        return None
    named = OURS.fullmatch(args[3])
    return named[1] if named else None


def _start(role: str, given: dict[str, Any]) -> int | None:
    """The process, or None where it has to be started as ever."""
    environment = dict(os.environ if given["env"] is None else given["env"])
    forking = _forking(_at_start(environment))
    if forking is None:
        return None
    ends = [number if given[name] == -1 else given[name] for number, name in enumerate(ENDS)]
    request = {
        "role": role,
        "parent": os.getpid(),
        "new_session": given["start_new_session"],
        "environment": environment,
        "folder": str(Path.cwd()),
        "cores": sorted(os.sched_getaffinity(0)),
        "blocked": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))),
    }
    prctl = ctypes.CDLL(None).prctl
    prctl(SUBREAPER, 1, 0, 0, 0)
    try:
        socket.send_fds(forking, [json.dumps(request).encode()], ends)
        answer = forking.recv(64)
    finally:
        prctl(SUBREAPER, 0, 0, 0, 0)
    return int(answer) if answer else None


def _at_start(environment: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(item for item in environment.items() if item[0].startswith(AT_START)))


_begun: dict[str, Any] = {}


def _forking(at_start: tuple[tuple[str, str], ...]) -> socket.socket | None:
    """The way to the process that forks; None for other variables than it was started with, and if it cannot be."""
    if at_start != _begun["at_start"]:
        return None
    if "socket" not in _begun:
        _begun["socket"] = _start_forking(_begun["environment"])
    way: socket.socket | None = _begun["socket"]
    return way


def _start_forking(environment: dict[str, str]) -> socket.socket | None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-P", str(FORKING), str(theirs.fileno())]
    variables = {**environment, **WITHOUT_THREADS}
    process = PLAIN(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=variables)
    theirs.close()
    atexit.register(process.wait)
    atexit.register(ours.close)  # before the other, which waits for what this ends
    return ours if ours.recv(16) == b"ready" else None
