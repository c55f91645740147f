"""What a check says."""

from collections.abc import Sequence
from dataclasses import dataclass

EQUAL, DIFFERENT, UNCHECKED = "equal", "different", "not checked"

MOST_EXAMPLES = 10


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. Texts may hold what shards are called: they are escaped where they are shown."""

    name: str  # units, database, shards, index or matches
    state: str  # EQUAL; DIFFERENT; UNCHECKED: it could not be looked at, or not at all of it
    text: str
    examples: tuple[str, ...] = ()  # of what is different or was not checked


def check(name: str, good: str, different: Sequence[str], unchecked: Sequence[str], subject: str) -> Check:
    """The check of many things: `good` says what was found equal, the others name what was not, one by one."""
    if not different and not unchecked:
        return Check(name, EQUAL, good)
    reasons = [
        f"{len(some):,} {subject} {what}" for some, what in ((different, "differ"), (unchecked, "not checked")) if some
    ]
    examples = [*different[:MOST_EXAMPLES], *unchecked[:MOST_EXAMPLES]]
    return Check(name, DIFFERENT if different else UNCHECKED, "; ".join([*reasons, good]), tuple(examples))
