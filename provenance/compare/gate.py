"""The gate: whether works are in the data that may not be, by a rule that is written down in docs/gate.md.

A work trips it that is no decoy, is not allowed, and has the grade or a higher one; with a baseline only if a match of
it is there more often than in that, or its grade was lower. Matches that are allowed are left out before anything is
counted.
"""

import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from provenance.compare.runs import differing
from provenance.errors import UsageError
from provenance.store.database import RunPair, RunReader
from provenance.store.grades import GRADE_NAMES, NO_MATCH
from provenance.store.schema import match_key_sql

_RANKS = {name: rank for rank, name in enumerate((NO_MATCH, *reversed(GRADE_NAMES)))}

_WORKS = """
SELECT work_id, title, author, grade, coverage, estimated, credited_matches AS matches
FROM v_works WHERE NOT decoy AND grade <> 'none' ORDER BY coverage DESC, matched_words DESC, work_id"""

_NEW = f"""
WITH now AS (SELECT work_id, {match_key_sql("m")} AS match_key, count(*) AS n FROM later.main.match m GROUP BY ALL),
     before AS (SELECT {match_key_sql("m")} AS match_key, count(*) AS n FROM earlier.main.match m GROUP BY ALL)
SELECT work_id, CAST(sum(n.n - least(n.n, coalesce(b.n, 0))) AS BIGINT) AS new
FROM now n LEFT JOIN before b USING (match_key)
WHERE NOT list_contains(?::VARCHAR[], match_key) GROUP BY work_id"""

_LEFT_OUT = f"SELECT count(*) AS n FROM match m WHERE list_contains(?::VARCHAR[], {match_key_sql('m')})"


@dataclass(frozen=True)
class Gate:
    """What is asked."""

    grade: str  # the lowest that trips
    baseline: Path | None = None  # a run, of which everything is known already

    def __post_init__(self) -> None:
        if self.grade not in GRADE_NAMES:
            raise UsageError(f"there is no grade {self.grade!r}; there are {', '.join(GRADE_NAMES)}")


@dataclass(frozen=True)
class Tripping:
    """A work that trips the gate."""

    work_id: str
    title: str | None
    author: str | None
    grade: str
    coverage: float
    estimated: bool
    matches: int  # it is credited for
    new_matches: int  # of them; without a baseline all are
    earlier_grade: str | None  # in the baseline


@dataclass(frozen=True)
class Verdict:
    """What the gate says, and what it looked at to say it."""

    gate: Gate
    works: list[Tripping]  # best covered first
    known: list[str]  # works at or above the grade of which the baseline has everything
    allowed: list[str]  # works at or above the grade that are allowed
    allowed_matches: int  # matches that were left out
    works_known: int  # that were scanned for
    documents_scanned: int
    complete: bool
    baseline_notes: list[str]  # why something may be new that is not: the baseline was made with something else

    @property
    def tripped(self) -> bool:
        """Whether there is a work that may not be there."""
        return bool(self.works)

    @property
    def passed(self) -> bool:
        """Whether there is none, in all that was to be scanned: of an incomplete run nobody knows."""
        return self.complete and not self.works

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        values = asdict(self)
        gate = values.pop("gate")
        baseline = None if gate["baseline"] is None else str(gate["baseline"])
        return {**gate, "baseline": baseline, "tripped": self.tripped, "passed": self.passed, **values}


def judge(db: str | Path, gate: Gate, today: date | None = None) -> Verdict:
    """Ask a run; allowances are those in its journal that hold `today`, in UTC. Raises StoreError for what is no run.

    With a baseline, UsageError where that is the same file.
    """
    today, db = today or datetime.now(UTC).date(), Path(db)
    with RunReader(db) as run:
        allowed = set(_holding(run, "work_id", "v_allowed", today))
        match_keys = _holding(run, "match_key", "v_allowed_matches", today)
        left_out = run.query(_LEFT_OUT, [match_keys])[0]["n"] if match_keys else 0
        run.leave_out(match_keys)
        rows = run.query(_WORKS)
        record = run.query("SELECT documents_scanned, outcome = 'complete' AS complete FROM run")[0]
        works_known = run.query("SELECT count(*) AS n FROM work WHERE NOT decoy")[0]["n"]
    reached = [row for row in rows if _RANKS[row["grade"]] >= _RANKS[gate.grade]]
    asked = {row["work_id"]: row for row in reached if row["work_id"] not in allowed}
    grades: dict[str, str | None] = dict.fromkeys(asked)
    new, notes = {work: row["matches"] for work, row in asked.items()}, list[str]()
    if gate.baseline is not None:
        new, grades, notes = _against(gate.baseline, db, match_keys)
    tripping = [
        Tripping(**row, new_matches=new.get(work, 0), earlier_grade=grades.get(work, NO_MATCH))
        for work, row in asked.items()
    ]
    return Verdict(
        gate=gate, works=[work for work in tripping if _is_new(work)],
        known=[work.work_id for work in tripping if not _is_new(work)],
        allowed=[row["work_id"] for row in reached if row["work_id"] in allowed],
        allowed_matches=left_out, works_known=works_known, baseline_notes=notes, **record,
    )  # fmt: skip


def _is_new(work: Tripping) -> bool:
    """Without a baseline everything is. A grade also rises by passages for which other works are credited."""
    risen = work.earlier_grade is None or _RANKS[work.grade] > _RANKS[work.earlier_grade]
    return risen or work.new_matches > 0


def _holding(run: RunReader, column: str, view: str, today: date) -> list[str]:
    """What is allowed and has not expired."""
    sql = f"SELECT {column} FROM {view} WHERE coalesce(expires >= ?, true) ORDER BY {column}"
    return [row[column] for row in run.query(sql, [today])]


def _against(
    baseline: Path, db: Path, match_keys: list[str]
) -> tuple[dict[str, int], dict[str, str | None], list[str]]:
    """Of each work its new matches and its grade in the baseline; and what the baseline was made with instead."""
    with tempfile.TemporaryDirectory(prefix="provenance-") as scratch, RunPair(baseline, db, Path(scratch)) as pair:
        earlier, later = pair.runs()
        new = {row["work_id"]: row["new"] for row in pair.query(_NEW, [match_keys])}
        grades = {row["work_id"]: row["grade"] for row in pair.query("SELECT work_id, grade FROM earlier.main.v_works")}
    notes = [f"{one.kind}: {one}" for one in differing(earlier, later)]
    if earlier["outcome"] != "complete":
        notes.append("it is incomplete: what it has not scanned counts as new")
    return new, grades, notes
