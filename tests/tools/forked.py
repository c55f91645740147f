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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OURS = re.compile(r"from (provenance[\w.]*|tests\.faults\.liar) import main; main\(\)")
AT_START = ("PYTHON", "NUMBA", "LD_", "OMP_", "ARROW_", "COVERAGE", "XDG_", "TZ", "LC_", "LANG")
"""Beginnings of the names of variables that are read while Python starts, or when packages are loaded."""

WITHOUT_THREADS = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
ENDS = ("p2cread", "c2pwrite", "errwrite")  # as `subprocess` calls the child's ends of its pipes
PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
FORKING, ROOT = Path(__file__).with_name("forking.py"), Path(__file__).parents[2]
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: whose grandchild becomes its child when the one between them ends
PLAIN = subprocess.Popen


class Forking:
    """A process that forks for this one; it starts when it is first asked."""

    def __init__(self, environment: Mapping[str, str], asked: socket.socket | None = None) -> None:
        """`asked` is our end, where it runs already."""
        self._environment = dict(environment)
        self._asked = asked
        self.forks = 0

    def fits(self, environment: Mapping[str, str]) -> bool:
        """Whether a process with these variables would have started no differently."""
        return _at_start(environment) == _at_start(self._environment)

    def fork(self, request: dict[str, Any], ends: list[int]) -> int | None:
        """Number of the process, a child of this one; None if it cannot be forked."""
        if self._asked is None:
            self._asked = self._start()
        prctl = ctypes.CDLL(None).prctl
        prctl(SUBREAPER, 1, 0, 0, 0)
        try:
            socket.send_fds(self._asked, [json.dumps(request).encode()], ends)
            answer = self._asked.recv(64)
        except BrokenPipeError:
            return None
        finally:
            prctl(SUBREAPER, 0, 0, 0, 0)
        self.forks += bool(answer)
        return int(answer) if answer else None

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-P", str(FORKING), str(theirs.fileno())]
        variables = {**self._environment, **WITHOUT_THREADS, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        process = PLAIN(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=variables)
        theirs.close()
        atexit.register(process.wait)
        atexit.register(ours.close)  # before the other, which waits for what this ends
        assert ours.recv(16) in (b"ready", b"")
        return ours


class ForkedPopen(PLAIN):  # type: ignore[type-arg,misc]
    """`subprocess.Popen`, for a child of the package by a fork."""

    forking: Forking | None = None
    commands = False  # whether commands are forked too, not only what they begin

    def _execute_child(self, args: Any, *others: Any) -> None:
        names = PLAIN._execute_child.__code__.co_varnames[2:]  # type: ignore[attr-defined]
        given = dict(zip(names, others, strict=False))
        pid = self._forked(self._what(args), given)
        if pid is None:
            super()._execute_child(args, *others)  # type: ignore[misc]
            return
        self.pid = pid
        self._child_created = True
        self._close_pipe_fds(*(given[name] for name in PIPES))  # type: ignore[attr-defined]

    def _what(self, args: Any) -> dict[str, Any]:
        """What a command line asks for, if that can be forked."""
        words = list(map(str, args)) if isinstance(args, list) else []
        if words[:3] == [sys.executable, "-P", "-c"] and len(words) == 4 and (role := OURS.fullmatch(words[3])):
            return {"role": role[1]}
        if self.commands and words[:3] == [sys.executable, "-m", "provenance"]:
            return {"words": words[3:]}
        return {}

    def _forked(self, what: dict[str, Any], given: dict[str, Any]) -> int | None:
        """The process, or None where it has to be started as ever."""
        environment = dict(os.environ if given["env"] is None else given["env"])
        special = given["preexec_fn"] or given["pass_fds"]
        if not what or special or self.forking is None or not self.forking.fits(environment):
            return None
        request = {
            **what,
            "parent": os.getpid(),
            "new_session": given["start_new_session"],
            "environment": environment,
            "folder": str(Path(given["cwd"] or "").resolve()),
            "cores": sorted(os.sched_getaffinity(0)),
            "blocked": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))),
        }
        ends = [number if given[name] == -1 else given[name] for number, name in enumerate(ENDS)]
        return self.forking.fork(request, ends)


class CommandPopen(ForkedPopen):
    """The same for commands, too, that are killed or stopped: their start is most of what they take."""

    commands = True


def fork_children(forking: Forking) -> None:
    """From now on, children of this process that run the package are forked."""
    if sys.platform == "linux":
        ForkedPopen.forking = forking
        subprocess.Popen = ForkedPopen  # type: ignore[misc]


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(AT_START) and name != "PYTHONBREAKPOINT"  # which Ray sets, and only a breakpoint reads
    }
