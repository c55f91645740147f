"""What a check says."""

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
