"""The grades of a work, in one table: the first row whose thresholds are both reached."""

from __future__ import annotations

from typing import NamedTuple


class Grade(NamedTuple):
    """A grade needs this share of the work, and this many matched words."""

    name: str
    coverage: float
    words: int


GRADES = (
    Grade("complete", 0.90, 1),
    Grade("substantial", 0.20, 1),
    Grade("excerpts", 0.0, 300),
    Grade("quotation", 0.0, 1),
)
NO_MATCH = "none"


def grade_sql(coverage: str, words: str) -> str:
    """The table as an SQL expression over two columns."""
    cases = " ".join(f"WHEN {coverage} >= {g.coverage} AND {words} >= {g.words} THEN '{g.name}'" for g in GRADES)
    return f"CASE {cases} ELSE '{NO_MATCH}' END"
