"""Has files parsed by a child process. One that dies or stalls costs the file, or member, that it was at; no more."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, cast

from provenance.errors import BookError
from provenance.isolation.messages import read_message, write_message
from provenance.readers.document import BookColumns, Document, Refused
from provenance.readers.formats import ARCHIVES, Format
from provenance.readers.limits import Limits

PIPE = 1 << 20  # bytes that a pipe holds, where the system lets it: books come in large pieces
MOST_DEATHS = 10  # of the process over one archive, before the rest of that is given up


class Parser:
    """A child process that is started when it is needed, and again after its death."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Parser:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()

    def read(self, path: Path, format: Format, columns: BookColumns) -> Iterator[Document | Refused]:
        """Every document of a file in order; raises BookError, whose message says why and names no path."""
        task = {"path": str(path.absolute()), "format": asdict(format), "columns": asdict(columns)}
        after = deaths = 0
        while True:
            member: _Member | None = None  # in hand, not answered yet
            finished = False
            try:
                for answer in map(_understood, self._ask({**task, "after": after})):
                    if isinstance(answer, _Member):
                        member = answer
                    else:
                        after, member = after if member is None else member.number + 1, None
                        yield answer
                finished = True
                return
            except _SenselessAnswerError:
                raise  # what else the process has to say must not be taken for the next file's
            except BookError:
                finished = True  # the file is at fault, the process is well
                raise
            except _ProcessLost as lost:
                deaths += 1
                if format.name not in ARCHIVES or deaths > MOST_DEATHS or (member is None and after == 0):
                    raise BookError(str(lost)) from None
                if member is not None:
                    after = member.number + 1
                    yield Refused(member.place, "failed", str(lost))
            finally:
                if not finished:
                    self._stop()  # also when the caller wants no more of this file

    def _ask(self, task: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bytes]]:
        """The answers to one task; raises BookError where it failed, _ProcessLost where nobody answers."""
        process = self._running()
        with suppress(BrokenPipeError):  # it died: its end of stream will tell
            write_message(cast(IO[bytes], process.stdin), task)
        while True:
            try:
                self._answers.until = time.monotonic() + self._limits.seconds
                message = read_message(self._answers, self._limits.text_bytes)
            except TimeoutError:
                raise _ProcessLost(f"parsing it took more than {self._limits.seconds:g} seconds") from None
            except ValueError:
                message = None
            if message is None or not isinstance(message[0], dict):
                raise _ProcessLost(f"the process that parsed it died ({self._status()})")
            if message[0].get("kind") != "done":
                yield message
            elif reason := message[0].get("reason"):
                raise BookError(_text(reason))
            else:
                return

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            # -P: the working directory must not lend its modules to the process that parses hostile files
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", "from provenance.readers.process import main; main()"],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
                pipesize=PIPE,
            )
            self._answers = _Patient(cast(IO[bytes], self._process.stdout))
            with suppress(BrokenPipeError):
                write_message(cast(IO[bytes], self._process.stdin), asdict(self._limits))
        return self._process

    def _status(self) -> str:
        """How the process ended, in words."""
        process = cast("subprocess.Popen[bytes]", self._process)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)  # it closed its pipe: it is ending by itself
        status = self._stop()
        return f"signal {-status}" if status < 0 else f"status {status}"

    def _stop(self) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        with suppress(OSError):
            cast(IO[bytes], process.stdin).close()
        process.kill()
        status = process.wait()
        self._answers.close()
        cast(IO[bytes], process.stdout).close()
        return status


class _SenselessAnswerError(BookError):
    """The process says what it never would by itself."""


class _ProcessLost(Exception):  # noqa: N818  (what it means for the file is told by a BookError)
    """Nobody answers any more."""


class _Patient:
    """Reads from a pipe until a moment, all reads together."""

    def __init__(self, file: IO[bytes]) -> None:
        self._handle = file.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._handle, selectors.EVENT_READ)
        self.until = 0.0  # of the monotonic clock

    def read(self, size: int, /) -> bytes:
        if not self._selector.select(max(0.0, self.until - time.monotonic())):
            raise TimeoutError
        return os.read(self._handle, size)

    def close(self) -> None:
        self._selector.close()


@dataclass(frozen=True)
class _Member:
    """What an archive's reader is about to touch."""

    number: int
    place: str


def _understood(message: tuple[dict[str, Any], bytes]) -> Document | Refused | _Member:
    """What the process says. It may be in hostile hands: every part is made what it should be, or BookError raised."""
    header, payload = message
    try:
        if header["kind"] == "member":
            return _Member(int(header["number"]), _text(header["place"]))
        if header["kind"] == "refused":
            outcome = "skipped" if header["outcome"] == "skipped" else "failed"
            return Refused(_text(header["place"]), outcome, _text(header["reason"]))
        return Document(
            text=payload,
            format=_text(header["format"]),
            encoding=_text(header["encoding"]),
            facts={_text(name): _text(value) for name, value in dict(header["facts"]).items()},
            notes=tuple(map(_text, header["notes"])),
            cut_front=int(header["cut_front"]),
            cut_back=int(header["cut_back"]),
            id=_text(header["id"]),
            place=_text(header["place"]),
            sha256=_text(header["sha256"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _SenselessAnswerError("the process that parsed it gave an answer that makes no sense") from error


def _text(value: object) -> str:
    r"""What is said as text that every table can hold: a lone surrogate, which none can, is written out as `\ud800`."""
    return str(value).encode(errors="backslashreplace").decode()
