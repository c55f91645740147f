"""A run database, opened for reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from provenance.display.text import number, safe, size
from provenance.errors import UsageError
from provenance.files.closing import Closing
from provenance.results.rows import Match, Matches, Work, Works, aware, match_of, shown, work_of
from provenance.store.database import RunReader
from provenance.store.driver import literal
from provenance.store.export import EXPORTS
from provenance.store.grades import GRADE_NAMES, NO_MATCH

MATCHES = """
SELECT m.* REPLACE (list_transform(m.also, lambda a: a.edition_id) AS also,
                    list_transform(m.shared, lambda a: a.edition_id) AS shared),
       r.decision, r.note, r.name AS reviewer, r.at_utc AS reviewed_utc
FROM v_matches m LEFT JOIN v_reviews r USING (match_id)"""


def open_run(path: str | Path, redact: bool = False) -> Run:
    """Open a run database; with `redact` no text of documents or books comes out of it, and `sql` is refused.

    Raises StoreError when it is missing, no run, or held by another process that writes it.
    """
    return Run(RunReader(Path(path), redact), redact)


class Run(Closing):
    """What a run found. Use it as a context manager, or close it; nothing can be changed through it."""

    def __init__(self, reader: RunReader, redacted: bool = False) -> None:
        """Take over an opened database, and whether it was opened redacted."""
        self._reader, self._redacted, self._closed = reader, redacted, False
        self._record = record = reader.query("SELECT * FROM run")[0]
        self._exceptions = int(reader.query("SELECT count(*) AS n FROM exception")[0]["n"])
        self.path = reader.path
        self.outcome = str(record["outcome"])  # `complete` or `incomplete`
        # whether all that was listed was scanned, and something was: only then is *not found* a result
        self.complete = self.outcome == "complete"
        self.tool_version = str(record["tool_version"])  # of provenance, that made it
        self.started = aware(record["started_utc"])  # when the first attempt began, in UTC
        self.ended = aware(record["ended_utc"])  # when the last one ended
        self.documents_scanned: int = record["documents_scanned"]  # rows, those without text included
        self.documents_matched: int = record["documents_matched"]  # rows with a match
        self.bytes_scanned: int = record["bytes_scanned"]  # of text

    def close(self) -> None:
        """Close the database; what was read of it stays."""
        self._closed = True
        self._reader.close()

    @property
    def caveat(self) -> str:
        """What must be said beside every result of an incomplete run; empty for a complete one."""
        if self.complete:
            return ""
        return f"INCOMPLETE, {number(self._exceptions, 'exception')}: what was not scanned is not known to be clean"

    @property
    def config(self) -> dict[str, Any]:
        """All options of the scan."""
        return dict(json.loads(self._record["config"]))

    @property
    def command(self) -> tuple[str, ...]:
        """The command line that made it, by arguments."""
        return tuple(json.loads(self._record["command"]))

    def works(self, found: bool = True, grade: str | None = None, decoys: bool = False) -> Works:
        """Works, those first of which most is there.

        With `found` only works that have a grade; with `grade` those of one; with `decoys` also works that cannot be in
        the data. Raises UsageError for a grade that there is not.
        """
        grades = (*GRADE_NAMES, NO_MATCH)
        if grade is not None and grade not in grades:  # a slip must not read as "none found"
            raise UsageError(f"there is no grade {grade!r}; there are {', '.join(grades)}")
        chosen = "grade <> 'none'" if found else "true"
        chosen += "" if decoys else " AND NOT decoy"
        chosen += "" if grade is None else f" AND grade = {literal(grade)}"
        order = "coverage DESC, matched_words DESC, work_id"
        table = self._reader.arrow(f"SELECT * FROM v_works WHERE {chosen} ORDER BY {order}")
        return Works([work_of(row, self) for row in table.to_pylist()], table, self.caveat)

    def work(self, work_id: str) -> Work:
        """One work; raises UsageError where the run has no such, with the ids that are most like it."""
        rows = self._reader.query("SELECT * FROM v_works WHERE work_id = ?", [work_id])
        if not rows:
            likely = ", ".join(map(repr, self._reader.works_like(work_id)))
            raise UsageError(f"the run has no work {work_id!r}; most like it: {likely}; `works(found=False)` lists all")
        return work_of(rows[0], self)

    def matches(self, work: str | None = None, shard: str | None = None, limit: int | None = None) -> Matches:
        """Matches, the longest first: all, or those of a work, in a shard, or so many.

        Raises UsageError for a negative limit.
        """
        if limit is not None and limit < 0:
            raise UsageError(f"limit is {limit}; it is a number of matches, from 0, or None for all")
        given = {"work_id": work, "shard": shard}
        chosen = [f"m.{name} = {literal(value)}" for name, value in given.items() if value is not None]
        where = " AND ".join(["true", *chosen])
        first = "" if limit is None else f"LIMIT {int(limit)}"
        table = self._reader.arrow(f"{MATCHES} WHERE {where} ORDER BY m.matched_words DESC, m.match_id {first}")
        return Matches([match_of(row) for row in table.to_pylist()], table, self.caveat)

    def match(self, match_id: str) -> Match:
        """One match by its name; raises UsageError where the run has no such."""
        rows = self._reader.query(f"{MATCHES} WHERE m.match_id = ?", [match_id])
        if not rows:
            raise UsageError(f"the run has no match {match_id!r}")
        return match_of(rows[0])

    def coverage(self, edition_id: str) -> pa.Table:
        """The stretches of an edition that are in the shards: a row each, with word_begin, word_end, best_identity."""
        where = f"WHERE edition_id = {literal(edition_id)}"
        return self._reader.arrow(f"SELECT * FROM v_coverage {where} ORDER BY word_begin")

    def table(self, name: str) -> pa.Table:
        """A table of the run by the names of `tables`, as `provenance export` writes it; raises UsageError."""
        if name not in EXPORTS:
            raise UsageError(f"there is no table {name!r}; there are {', '.join(EXPORTS)}")
        return self._reader.arrow(EXPORTS[name])

    @property
    def tables(self) -> tuple[str, ...]:
        """Names for `table`."""
        return tuple(EXPORTS)

    def documents(self) -> pa.Table:
        """Documents with a match."""
        return self.table("documents")

    def shards(self) -> pa.Table:
        """Every file that was listed, and what became of it."""
        return self.table("shards")

    def exceptions(self) -> pa.Table:
        """What was not scanned, and why."""
        return self.table("exceptions")

    def editions(self, work: str | None = None) -> pa.Table:
        """The editions of all works, or of one."""
        if work is None:
            return self.table("editions")
        return self._reader.arrow(f"SELECT * FROM edition WHERE work_id = {literal(work)} ORDER BY edition_id")

    def attempts(self) -> pa.Table:
        """The processes that worked on it, those that were stopped included."""
        return self.table("attempts")

    def sql(self, query: str) -> pa.Table:
        """The answer to a question; raises StoreError with DuckDB's own message, and UsageError when redacted."""
        if self._redacted:  # a qualified name, or a DROP VIEW, gets at the tables behind the redacted views
            raise UsageError("SQL can reach the texts of a run opened with redact=True: use table(name)")
        return self._reader.arrow(query)

    def __repr__(self) -> str:
        if self._closed:
            return f"<run {safe(self.path.name)}, closed>"
        works = self._reader.query("SELECT count(*) AS n FROM v_works WHERE grade <> 'none' AND NOT decoy")[0]["n"]
        return (
            f"<run {safe(self.path.name)}: {self.caveat and self.caveat + '; '}{number(works, 'work')} found in "
            f"{number(self.documents_scanned, 'document')} ({size(self.bytes_scanned)} of text)>"
        )

    def _repr_html_(self) -> str:
        return shown("closed", self) if self._closed else shown("run", self, self.works())
