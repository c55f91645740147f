"""What a check says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

OK, WARNING, FAILED = "ok", "warning", "failed"


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was looked at. Texts may hold what the environment says: they are escaped where they are shown."""

    name: str
    state: str  # OK; WARNING: scans work, but less well or not all of them; FAILED: do not scan here
    text: str
    remedy: str = ""  # what to do, where something is wrong


Diagnoses = Iterator[Diagnosis]


def size(count: float) -> str:
    """Bytes in powers of 1000, to one digit behind the point."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def counted(count: int, noun: str) -> str:
    """`1 core`, `2 cores`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
