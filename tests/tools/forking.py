"""The process that `forked.py` asks for children: loads what they load, and forks. A script, given a descriptor."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

LARGEST = 1 << 20  # bytes of a request


def serve(asked: socket.socket) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the tests decide what Ctrl-C means
    import_module("provenance.units.worker")
    _load_kernels()
    asked.send(b"ready")
    while True:
        request, ends, _, _ = socket.recv_fds(asked, LARGEST, 3)
        if not request:
            return
        told = json.loads(request)
        import_module(told["role"])
        assert len([*Path("/proc/self/task").iterdir()]) == 1, "a process with threads cannot be forked"
        asked.send(str(_fork(told, ends, asked)).encode())
        for end in ends:
            os.close(end)


def _load_kernels() -> None:
    """Load what machine code is kept for this processor; what is not will be compiled by children, as ever."""
    from provenance.kernels.compiling import _KERNELS

    for kernel in _KERNELS:
        with suppress(Exception):
            processor = kernel.targetctx.codegen().magic_tuple()
            for signature, built_for, *_ in kernel._cache._cache_file._load_index():
                if built_for == processor:
                    kernel.compile(signature)


def _fork(told: dict[str, Any], ends: list[int], asked: socket.socket) -> int:
    """Fork twice, so that the child becomes one of the process that asked when the one between them has ended."""
    read, write = os.pipe()
    between = os.fork()
    if not between:
        child = os.fork()
        if not child:
            _child(told, ends, asked)
        os.write(write, str(child).encode())
        os._exit(0)
    os.close(write)
    number = int(os.read(read, 64))
    os.close(read)
    os.waitpid(between, 0)
    return number


def _child(told: dict[str, Any], ends: list[int], asked: socket.socket) -> NoReturn:
    between = os.getppid()
    while os.getppid() == between != told["parent"]:
        time.sleep(0.0005)
    code = 1
    try:
        _become(told, ends, asked)
        code = _run(told["role"])
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def _become(told: dict[str, Any], ends: list[int], asked: socket.socket) -> None:
    """Take on what a process that is started has from the one that starts it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if told["new_session"]:
        os.setsid()
    asked.close()
    for number, end in enumerate(ends):
        os.dup2(end, number)
    os.closerange(3, 256)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, "w" if number else "r") for number in range(3))
    os.environ.clear()
    os.environ.update(told["environment"])
    os.chdir(told["folder"])
    os.sched_setaffinity(0, told["cores"])
    sys.argv = ["-c"]
    signal.pthread_sigmask(signal.SIG_SETMASK, told["blocked"])


def _run(role: str) -> int:
    try:
        import_module(role).main()
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    return 0


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        serve(asked)
