"""The process that is asked for others: it loads what they load, and forks. A script, given what it is asked through.

That is a descriptor, for children of one process (see `forked.py`), or the path of a socket, for commands of shells
(see `shell.py`).
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import os
import runpy
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

LARGEST = 1 << 20  # bytes of a request
MODULES = [f"provenance.{name}" for name in ("units.worker", "cli.scan", "cli.index", "cli.report", "cli.query")]
"""Most of what commands and their children load."""


def load() -> None:
    """Load modules and kernels; what no machine code is kept of will be compiled by children, as ever."""
    for module in MODULES:
        import_module(module)
    from provenance.kernels.compiling import _KERNELS

    for kernel in _KERNELS:
        with suppress(Exception):
            processor = kernel.targetctx.codegen().magic_tuple()
            for signature, built_for, *_ in kernel._cache._cache_file._load_index():
                if built_for == processor:
                    kernel.compile(signature)


def serve(asked: socket.socket) -> None:
    """Fork the children of one process, until it closes its end."""
    while True:
        request, ends, _, _ = socket.recv_fds(asked, LARGEST, 3)
        if not request:
            return
        told = json.loads(request)
        import_module(told.get("role", "provenance.cli.scan"))
        assert len([*Path("/proc/self/task").iterdir()]) == 1, "a process with threads cannot be forked"
        asked.send(str(_fork(told, ends, asked)).encode())
        for end in ends:
            os.close(end)


def _fork(told: dict[str, Any], ends: list[int], asked: socket.socket) -> int:
    """Fork twice, so that the child becomes one of the process that asked when the one between them has ended."""
    read, write = os.pipe()
    between = os.fork()
    if not between:
        if os.fork():
            os._exit(0)
        if told["new_session"]:
            os.setsid()
        os.write(write, str(os.getpid()).encode())
        _child(told, ends, asked)
    os.close(write)
    number = int(os.read(read, 64))
    os.close(read)
    os.waitpid(between, 0)
    return number


def _child(told: dict[str, Any], ends: list[int], asked: socket.socket) -> NoReturn:
    between = os.getppid()
    while os.getppid() == between != told["parent"]:
        time.sleep(0.0005)
    os.close(asked.detach())
    if "words" in told:
        _command(told, ends)
    _become(told, ends)
    sys.argv = ["-c"]
    os._exit(_run(import_module(told["role"]).main))


def _command(told: dict[str, Any], ends: list[int]) -> NoReturn:
    """Run a command, whose own children are forked too."""
    way = _fork_server()
    _become(told, [*ends, way])
    forked = import_module("forked")
    forked.fork_children(forked.Forking(os.environ, socket.socket(fileno=3)))
    import provenance
    from provenance.cli import main

    sys.argv = [str(Path(provenance.__file__).with_name("__main__.py")), *told["words"]]
    code = _run(main)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    os._exit(code)  # without a farewell to every module, which takes longer than most commands


def _become(told: dict[str, Any], ends: list[int]) -> None:
    """Take on what a process that is started has from the one that starts it.

    What a library that is loaded first would do then is done by the script that FORKED_BEGIN names.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, end in enumerate(ends):
        os.dup2(end, number)
    os.closerange(len(ends), 256)
    sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace")  # noqa: SIM115
    os.environ.clear()
    os.environ.update(told["environment"])
    os.chdir(told["folder"])
    os.sched_setaffinity(0, told["cores"])
    if "FORKED_BEGIN" in os.environ:
        runpy.run_path(os.environ["FORKED_BEGIN"])
    signal.pthread_sigmask(signal.SIG_SETMASK, told["blocked"])


def _run(main: Callable[[], None]) -> int:
    """Run it to its end, and return its exit code."""
    code: Any = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    if not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    return code


def listen(path: str) -> None:
    """Run commands, each in a process of its own."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait for a command
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG: with the tests
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(path)
        listening.listen(64)
        print("ready", flush=True)
        while True:
            asked, _ = listening.accept()
            if not os.fork():
                _answer(asked)
            asked.close()


def _answer(asked: socket.socket) -> NoReturn:
    """Run a command as a child, and say with which code it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, ends, _, _ = socket.recv_fds(asked, LARGEST, 3)
    child = os.fork()
    if child:
        for end in ends:
            os.close(end)
        _, status = os.waitpid(child, 0)
        asked.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    os.close(asked.detach())
    _command(json.loads(request), ends)


def _fork_server() -> int:
    """One that forks the children of this process, which has no threads yet; our end of what it is asked through."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork():
        theirs.close()
        return ours.detach()
    ours.close()
    os.closerange(3, theirs.fileno())
    os.closerange(theirs.fileno() + 1, 256)
    try:
        with suppress(ConnectionError):  # a command may be killed at any moment
            serve(theirs)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(
            0
        )  # Python's own way out waits for threads of libraries, which a fork has not; it holds pipes meanwhile


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the tests decide what Ctrl-C means
    sys.path.insert(0, str(Path(__file__).parent))
    load()
    gc.freeze()  # a collection would write to all pages, which processes share until one writes
    if sys.argv[1].isdecimal():
        with socket.socket(fileno=int(sys.argv[1])) as way:
            way.send(b"ready")
            serve(way)
    else:
        listen(sys.argv[1])
