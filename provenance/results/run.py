"""A run database, opened for reading."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa

from provenance.errors import UsageError
from provenance.results import notebook
from provenance.results.rows import Match, Matches, Work, Works, match_of, work_of
from provenance.shown import number, size
from provenance.store import EXPORTS, RunReader

MATCHES = """
SELECT m.* REPLACE (list_transform(m.also, lambda a: a.edition_id) AS also,
                    list_transform(m.shared, lambda a: a.edition_id) AS shared),
       r.decision, r.note, r.name AS reviewer, r.at_utc AS reviewed_utc
FROM v_matches m LEFT JOIN v_reviews r USING (finding)"""
ORDER = "ORDER BY m.matched_words DESC, m.finding"


def open_run(path: str | Path, redact: bool = False) -> Run:
    """Open a run database; with `redact` no text of documents or books comes out of it.

    Raises StoreError when it is missing, no run, or held by another process that writes it.
    """
    return Run(RunReader(Path(path), redact))


class Run:
    """What a run found. Use it as a context manager, or close it; nothing can be changed through it."""

    def __init__(self, reader: RunReader) -> None:
        """Take over an opened database."""
        self._reader = reader
        self._record = reader.query("SELECT * FROM run")[0]

    def __enter__(self) -> Run:
        """The run itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the database."""
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._reader.close()

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._reader.path

    @property
    def complete(self) -> bool:
        """Whether all that was listed was scanned, and something was: only then is *not found* a result."""
        return bool(self._record["outcome"] == "complete")

    @property
    def tool_version(self) -> str:
        """The version of provenance that made it."""
        return str(self._record["tool_version"])

    @property
    def started(self) -> datetime | None:
        """When the first attempt began, in UTC."""
        return _aware(self._record["started_utc"])

    @property
    def ended(self) -> datetime | None:
        """When the last one ended, in UTC."""
        return _aware(self._record["ended_utc"])

    @property
    def documents_scanned(self) -> int:
        """Rows that were examined, those without text included."""
        return int(self._record["documents_scanned"])

    @property
    def documents_matched(self) -> int:
        """Rows with a match."""
        return int(self._record["documents_matched"])

    @property
    def bytes_scanned(self) -> int:
        """Bytes of text."""
        return int(self._record["bytes_scanned"])

    @property
    def config(self) -> dict[str, Any]:
        """All options of the scan."""
        return dict(json.loads(self._record["config"]))

    def works(self, found: bool = True, grade: str | None = None, decoys: bool = False) -> Works:
        """Works, those first of which most is there.

        With `found` only works that have a grade; with `grade` those of one; with `decoys` also works that cannot be in
        the data.
        """
        conditions = ["true", "grade <> 'none'" if found else "", "NOT decoy" if not decoys else ""]
        sql = f"SELECT * FROM v_works WHERE {' AND '.join(filter(None, conditions))}"
        if grade is not None:
            sql += f" AND grade = {_literal(grade)}"
        table = self.sql(f"{sql} ORDER BY coverage DESC, matched_words DESC, work_id")
        return Works([work_of(row) for row in table.to_pylist()], table)

    def work(self, work_id: str) -> Work:
        """One work; raises UsageError where the run has no such."""
        rows = self._reader.query("SELECT * FROM v_works WHERE work_id = ?", [work_id])
        if not rows:
            raise UsageError(f"the run has no work {work_id!r}: `works(found=False)` lists all")
        return work_of(rows[0])

    def matches(self, work: str | None = None, shard: str | None = None, limit: int | None = None) -> Matches:
        """Matches, the longest first: all, or those of a work, in a shard, or so many."""
        conditions = [
            f"m.{name} = {_literal(value)}"
            for name, value in (("work_id", work), ("shard", shard))
            if value is not None
        ]
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        table = self.sql(f"{MATCHES} {where} {ORDER}" + ("" if limit is None else f" LIMIT {int(limit)}"))
        return Matches([match_of(row) for row in table.to_pylist()], table)

    def match(self, finding: str) -> Match:
        """One match by its name; raises UsageError where the run has no such."""
        rows = self._reader.query(f"{MATCHES} WHERE m.finding = ?", [finding])
        if not rows:
            raise UsageError(f"the run has no match {finding!r}")
        return match_of(rows[0])

    def coverage(self, edition_id: str) -> pa.Table:
        """The stretches of an edition that are in the shards: a row each, with word_begin, word_end, best_identity."""
        return self.sql(f"SELECT * FROM v_coverage WHERE edition_id = {_literal(edition_id)} ORDER BY word_begin")

    def table(self, name: str) -> pa.Table:
        """A table of the run by the names of `tables`, as `provenance export` writes it; raises UsageError."""
        if name not in EXPORTS:
            raise UsageError(f"there is no table {name!r}; there are {', '.join(EXPORTS)}")
        return self.sql(EXPORTS[name])

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

    def editions(self) -> pa.Table:
        """The editions of all works."""
        return self.table("editions")

    def sql(self, query: str) -> pa.Table:
        """The answer to a question; raises StoreError with DuckDB's own message."""
        return self._reader.arrow(query)

    def __repr__(self) -> str:
        found = self._reader.query("SELECT count(*) AS n FROM v_works WHERE grade <> 'none' AND NOT decoy")[0]["n"]
        state = "" if self.complete else ", INCOMPLETE"
        return (
            f"<run {self.path.name}{state}: {number(found, 'work')} found in "
            f"{number(self.documents_scanned, 'document')} ({size(self.bytes_scanned)} of text)>"
        )

    def _repr_html_(self) -> str:
        missing = self._reader.query("SELECT count(*) AS n FROM exception")[0]["n"]
        return notebook.run(self, missing, self.works())


def _literal(text: str) -> str:
    """Text as a literal of SQL: a query with parameters gives no Arrow table."""
    return "'" + text.replace("'", "''") + "'"


def _aware(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
