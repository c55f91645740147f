"""The grades of a work, in one table: the first row whose thresholds are both reached.

A fifth of a work is there whoever is credited for it. A line that it shares with another work says nothing of it, when
that other one explains the row better; so small grades count only what the work is credited for.
"""

from typing import NamedTuple


class Grade(NamedTuple):
    """A grade needs this share of the work in the shards, and this many words of it in passages of its own."""

    name: str
    coverage: float  # by passages of all kinds
    own_words: int  # not counting passages for which another work is credited


GRADES = (
    Grade("complete", 0.90, 0),
    Grade("substantial", 0.20, 0),
    Grade("excerpts", 0.0, 300),
    Grade("quotation", 0.0, 1),
)
GRADE_NAMES = tuple(grade.name for grade in GRADES)  # highest first
NO_MATCH = "none"


def grade_sql(coverage: str, own_words: str) -> str:
    """The table as an SQL expression over two columns."""
    cases = " ".join(
        f"WHEN {coverage} >= {g.coverage} AND {own_words} >= {g.own_words} THEN '{g.name}'" for g in GRADES
    )
    return f"CASE {cases} ELSE '{NO_MATCH}' END"


def at_or_above(grade: str) -> tuple[str, ...]:
    """The names of a grade and all that are higher; raises ValueError for one that there is not."""
    return GRADE_NAMES[: GRADE_NAMES.index(grade) + 1]
