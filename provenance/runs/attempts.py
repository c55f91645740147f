"""Who worked on a run, when, and how it ended: written when an attempt begins and again when it ends.

One that has no end was killed. Durations are of a clock that is never set; what the wall clock says besides is told.
"""

import os
import platform
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic, time

from provenance.errors import InterruptedRun, OutputError, ProvenanceError
from provenance.process.command_line import command_line
from provenance.process.software import account, code_commit, code_sha256, packages
from provenance.runs.job_ledger import JobLedger

STEP_SECONDS = 2.0  # the wall clock may drift so far from the other before it counts as set


@dataclass
class Attempt:
    """One attempt; who makes it counts in it what is done."""

    ledger: JobLedger
    engine: str
    task: str | None
    workers: int
    units: int = 0  # done
    found: int = 0  # done before
    of: int = 0  # all that there are; 0: not known yet
    compile_seconds: float = 0.0
    began: float = field(default_factory=monotonic)
    wall: float = field(default_factory=time)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    name: str = ""

    def __post_init__(self) -> None:
        self.name = f"{self.started:%Y%m%dT%H%M%S%f}-{os.getpid()}-{secrets.token_hex(4)}"

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return monotonic() - self.began

    @property
    def done(self) -> str:
        """How many units are done, for people."""
        units = self.found + self.units
        return f"{units:,} done unit{'s' * (units != 1)}"

    def note(self, outcome: str) -> None:
        """Write down how it stands; raises OutputError."""
        under_way = outcome == "under way"
        seconds = self.seconds
        step = time() - self.wall - seconds
        given = {name: getattr(self, name) for name in ("engine", "task", "workers", "units", "found")}
        record = {
            **given,
            "started_utc": self.started.isoformat(),
            "seconds": None if under_way else round(seconds, 3),
            "clock_step_seconds": 0.0 if under_way or abs(step) < STEP_SECONDS else round(step, 1),
            "host": socket.gethostname(),
            "account": account(),
            "pid": os.getpid(),
            "platform": platform.platform(),
            "python": platform.python_version(),
            "packages": packages(),
            "code_sha256": code_sha256(),
            "code_commit": code_commit(),
            "command": command_line(),
            "compile_seconds": round(self.compile_seconds, 3),
            "outcome": outcome,
        }
        self.ledger.note_attempt(self.name, record)


@contextmanager
def noted(attempt: Attempt) -> Iterator[None]:
    """Note the beginning of an attempt, and its end where it does not come to a good one: that it notes itself.

    From then on an OutputError, and the InterruptedRun after Ctrl-C or SIGTERM, say what was done and kept.
    """
    attempt.note("under way")
    try:
        yield
    except BaseException as error:
        outcome = "interrupted" if isinstance(error, (KeyboardInterrupt, InterruptedRun)) else "failed"
        with suppress(ProvenanceError, OSError):  # what went wrong first matters more
            attempt.note(outcome)
        place = f"kept in {attempt.ledger.place}; the same command goes on"
        if isinstance(error, OutputError):
            raise OutputError(f"{error}. {attempt.done} are {place}") from error
        if isinstance(error, KeyboardInterrupt) and attempt.of:
            done = f"{attempt.found + attempt.units:,} of {attempt.of:,} units are done"
            raise InterruptedRun(f"interrupted: {done} and {place} from there") from None
        raise
