"""Runs the command line in this process: what a command does and says, without the second that a start of Python takes.

Where the process is the point (signals, pipes, terminals, what is imported when), tests start one: `COMMAND`.
"""

from __future__ import annotations

import contextlib
import io
import locale
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import IO, Any, NoReturn

import provenance
from provenance.cli import main
from provenance.process import command_line

COMMAND = [sys.executable, "-m", "provenance"]
LONGEST = 300  # seconds


def run(
    *arguments: object, input: str = "", cwd: str | Path | None = None, env: Mapping[str, str] | None = None
) -> CompletedProcess[str]:
    """Run a command, and return its exit code and all that it and its children printed.

    `input` is all of its standard input, `env` all of its environment. What it leaves changed in this process (signals,
    the working directory, packages done without) is put back. Raises TimeoutError.
    """
    words = [os.fspath(word) if isinstance(word, Path) else str(word) for word in arguments]
    with contextlib.ExitStack() as undo:
        files = [undo.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        files[0].write(os.fsencode(input))
        files[0].seek(0)
        undo.enter_context(_environment(env))
        if cwd is not None:
            undo.enter_context(contextlib.chdir(cwd))
        undo.enter_context(_process_state(words))
        with _standard_files(files):
            code = _exit_code()
        return CompletedProcess([*COMMAND, *words], code, *map(_text_of, files[1:]))


def _exit_code() -> int:
    """What the process would end with, as Python makes it of what `main` raises."""
    try:
        main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except Exception as error:
        if isinstance(error, TimeoutError) and error.args == (LONGEST,):
            raise
        traceback.print_exc()
        return 1
    return 0


@contextlib.contextmanager
def _environment(env: Mapping[str, str] | None) -> Iterator[None]:
    before = dict(os.environ)
    if env is not None:
        _replace(os.environ, env)
    try:
        yield
    finally:
        _replace(os.environ, before)


def _replace(environment: Any, wanted: Mapping[str, str]) -> None:
    """Make two mappings the same, without a moment in which a variable that stays is not there."""
    for name in set(environment) - set(wanted):
        del environment[name]
    environment.update(wanted)


@contextlib.contextmanager
def _process_state(words: list[str]) -> Iterator[None]:
    """Arguments, signals, hooks and finders of modules, as a new process has them; those from before come back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    argv, meta_path, hook = sys.argv, list(sys.meta_path), sys.unraisablehook
    sys.argv = [str(Path(provenance.__file__).with_name("__main__.py")), *words]
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        sys.argv, sys.meta_path[:], sys.unraisablehook = argv, meta_path, hook
        command_line.add_options([])


def _too_long(signum: int, frame: object) -> NoReturn:
    raise TimeoutError(LONGEST)


@contextlib.contextmanager
def _standard_files(files: list[IO[bytes]]) -> Iterator[None]:
    """Descriptors 0, 1 and 2, which child processes have too, and Python's files over them."""
    before = sys.stdin, sys.stdout, sys.stderr
    for stream in before[1:]:
        stream.flush()
    saved = [os.dup(number) for number in range(3)]
    encoding = locale.getpreferredencoding(False)
    try:
        for number, file in enumerate(files):
            file.flush()
            os.dup2(file.fileno(), number)
        sys.stdin = _over(0, encoding, "strict")
        sys.stdout = _over(1, encoding, "strict")
        sys.stderr = _over(2, encoding, "backslashreplace")
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if not stream.closed:
                stream.flush()
        sys.stdin, sys.stdout, sys.stderr = before
        for number, copy in enumerate(saved):
            os.dup2(copy, number)
            os.close(copy)


def _over(number: int, encoding: str, errors: str) -> io.TextIOWrapper:
    raw = open(number, "r+b" if number else "rb", buffering=0, closefd=False)  # noqa: SIM115
    buffer = io.BufferedWriter(raw) if number else io.BufferedReader(raw)
    return io.TextIOWrapper(buffer, encoding=encoding, errors=errors, line_buffering=number == 2)


def _text_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(locale.getpreferredencoding(False)).replace("\r\n", "\n").replace("\r", "\n")
