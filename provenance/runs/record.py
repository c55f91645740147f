"""What a run leaves in its database besides matches: editions, shards, exceptions, and the record of the run itself."""

import json
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from msgspec import to_builtins

from provenance.files.digests import canonical_json
from provenance.matching.counts import Counts
from provenance.process.command_line import command_line
from provenance.process.software import code_commit, code_sha256, packages
from provenance.runs.terms import Terms
from provenance.statistics.chance import LAMBDA, LOG_K, upper_bound
from provenance.store.database import RunReader, RunWriter
from provenance.store.grades import GRADES, NO_MATCH

CHANCE = "expectation = exp(log_k - lambda score) m n"
ROWS_AT_ONCE = 10_000  # of tables that have one for each shard or unit


@dataclass(slots=True)
class ShardRecord:
    """What is known of one listed file; a row of the table `shard` in the end."""

    shard: str
    skipped: str = ""
    format: str | None = None
    version: str | None = None  # of an object: its version or ETag; a local file is pinned by its digest
    sha256: str | None = None
    bytes: int | None = None
    row_groups: int | None = None
    rows: int | None = None
    rows_read: int = 0
    text_column: str | None = None
    id_column: str | None = None
    url_column: str | None = None
    source_column: str | None = None
    counts: Counts = field(default_factory=Counts)
    problems: list[dict[str, Any]] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """`skipped`, `scanned`, `partial` (some rows were not scanned) or `failed` (none were)."""
        if self.skipped:
            return "skipped"
        if not self.problems:
            return "scanned"
        return "partial" if self.counts.documents else "failed"

    def add(self, record: dict[str, Any]) -> None:
        """Add the closing record of one of its units."""
        for name, value in record["facts"].items():
            if value is not None:
                setattr(self, name, value)
        self.rows_read += record["rows_read"]
        self.counts += Counts(**record["counts"])
        for problem in record["problems"]:
            self._note(problem)

    def note(self, kind: str, reason: str) -> None:
        """Note what was not scanned."""
        self._note({"shard": self.shard, "row_group": None, "row": None, "kind": kind, "reason": reason})

    def _note(self, problem: dict[str, Any]) -> None:
        """Once: a file that cannot be opened cannot be hashed either, and that in all of its units."""
        if problem["row"] is not None or problem["reason"] not in {other["reason"] for other in self.problems}:
            self.problems.append(problem)

    def row(self) -> dict[str, Any]:
        """The row of the table `shard`."""
        reason = self.skipped or (self.problems[0]["reason"] if self.problems else None)
        columns = "shard format version sha256 bytes row_groups rows rows_read text_column id_column url_column"
        facts = {name: getattr(self, name) for name in [*columns.split(), "source_column"]}
        if self.rows is None and self.outcome == "scanned":
            facts["rows"] = self.rows_read  # formats without a footer do not say how many there are
        return {**facts, **to_builtins(self.counts), "outcome": self.outcome, "reason": reason}


@dataclass(frozen=True)
class ScanSummary:
    """What a run found and what it could not see; `to_json` is the object that `--json` prints."""

    db: Path
    works: list[dict[str, Any]]  # rows of v_works with a grade, best covered first
    works_shared: int  # works without one, some lines of which stand in passages of others
    works_without_match: int
    decoys: dict[str, Any]  # how many works that cannot be in the data there are, how many matched, and the upper bound
    documents_scanned: int
    documents_matched: int
    bytes_scanned: int  # of text
    seconds: float  # of all attempts whose end is known
    compile_seconds: float  # of them: kernels are compiled once for a processor
    shards: dict[str, int]  # by outcome
    exceptions: list[dict[str, Any]]
    nulls: int
    invalid_documents: int
    units: int
    attempts: int

    @property
    def complete(self) -> bool:
        """Whether all that was listed as a shard was scanned, and something was."""
        return not self.exceptions and self.documents_scanned > 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "db": str(self.db), "complete": self.complete}


def load_editions(writer: RunWriter, editions: pa.Table) -> None:
    """Fill the tables `edition` and `work`."""
    writer.load("edition", editions)
    works: dict[str, dict[str, Any]] = {}
    for edition in sorted(editions.to_pylist(), key=lambda row: str(row["edition_id"])):
        first = {name: edition[name] for name in ("work_id", "title", "author", "decoy")}
        work = works.setdefault(edition["work_id"], {**first, "editions": 0})
        work["editions"] += 1
    writer.load("work", pa.Table.from_pylist(list(works.values())))


def load_rows(writer: RunWriter, table: str, rows: Iterable[dict[str, Any]]) -> None:
    """Append rows to a table, some at a time: there may be millions."""
    rows = iter(rows)
    while some := list(islice(rows, ROWS_AT_ONCE)):
        writer.load(table, pa.Table.from_pylist(some))


def load_shards(writer: RunWriter, records: dict[str, ShardRecord]) -> None:
    """Fill the tables `shard` and `exception`."""
    load_rows(writer, "shard", (record.row() for record in records.values()))
    problems = [problem for record in records.values() for problem in record.problems]
    order = sorted(problems, key=lambda p: (p["shard"], p["row_group"] or -1, p["row"] or -1, p["kind"], p["reason"]))
    load_rows(writer, "exception", order)


def _load_attempts(writer: RunWriter, attempts: list[dict[str, Any]]) -> None:
    rows = []
    for attempt in attempts:
        lists = {name: canonical_json(attempt.get(name)) for name in ("command", "packages")}
        rows.append({**attempt, "started_utc": _time(attempt), **lists})
    load_rows(writer, "attempt", [{**dict.fromkeys(name for one in rows for name in one), **row} for row in rows])


def load_run(
    writer: RunWriter,
    facts: dict[str, Any],
    ledger: str,
    background: dict[str, Any],
    records: dict[str, ShardRecord],
    attempts: list[dict[str, Any]],
    units_digest: str,
) -> None:
    """Fill the tables `attempt` and `run`, when all else is loaded; `facts` is what `run.json` says."""
    _load_attempts(writer, attempts)
    terms = facts["terms"]
    totals = sum((record.counts for record in records.values()), Counts())
    whole = totals.documents > 0 and not any(record.problems for record in records.values())
    times = [(start, a.get("seconds") or 0) for a in attempts if (start := _time(a)) is not None]
    row = {
        "tool_version": terms["tool_version"],
        "code_sha256": code_sha256(),
        "code_commit": code_commit(),
        "text_rules": terms["text_rules"],
        "unicode": facts["unicode"],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": canonical_json(packages()),
        "command": canonical_json(command_line()),
        "config": canonical_json({**terms["config"], "tokenizer_sha256": terms["tokenizer_sha256"]}),
        "grades": canonical_json([grade._asdict() for grade in GRADES]),
        "chance": canonical_json({"lambda": LAMBDA, "log_k": LOG_K, "unit": CHANCE}),
        "background": canonical_json(background),
        "decoys": canonical_json(_decoys(writer, terms["config"]["match"]["min_words"])),
        "index_path": facts["index_path"],
        "index_digest": terms["index"],
        "key_id": terms["key_id"],
        "sketch": canonical_json(facts["sketch"]),
        "terms": canonical_json(terms),
        "terms_digest": Terms(terms).digest,
        "ledger": ledger,
        "units_digest": units_digest,
        "workers": max((attempt.get("workers") or 0 for attempt in attempts), default=0),
        "started_utc": min((start for start, _ in times), default=None),
        "ended_utc": max((start + timedelta(seconds=seconds) for start, seconds in times), default=None),
        "seconds": round(sum(attempt.get("seconds") or 0.0 for attempt in attempts), 3),
        "compile_seconds": max((attempt.get("compile_seconds") or 0.0 for attempt in attempts), default=0.0),
        "outcome": "complete" if whole else "incomplete",
        "files_listed": len(records),
        "documents_scanned": totals.documents,
        "documents_matched": totals.documents_matched,
        "bytes_scanned": totals.text_bytes,
    }
    writer.load("run", pa.Table.from_pylist([row]))


def summarize(run: RunReader | RunWriter, db: Path) -> ScanSummary:
    """Sum up a run database, while it is written or after."""
    record = run.query("SELECT * FROM run")[0]
    totals = "documents_scanned documents_matched bytes_scanned seconds compile_seconds"
    rows = run.query("SELECT * FROM v_works ORDER BY coverage DESC, matched_words DESC, work_id")
    works = [row for row in rows if not row["decoy"]]
    graded = [work for work in works if work["grade"] != NO_MATCH]
    shared = sum(work["grade"] == NO_MATCH and work["documents"] > 0 for work in works)
    outcomes = {row["outcome"]: row["n"] for row in run.query("SELECT outcome, count(*) AS n FROM shard GROUP BY ALL")}
    sums = run.query("SELECT sum(nulls) AS nulls, sum(invalid_documents) AS invalid FROM shard")[0]
    counts = run.query("SELECT (SELECT count(*) FROM unit) AS units, (SELECT count(*) FROM attempt) AS attempts")[0]
    return ScanSummary(
        db=db,
        works=graded,
        works_shared=shared,
        works_without_match=len(works) - len(graded) - shared,
        decoys=json.loads(record["decoys"]),
        **{name: record[name] for name in totals.split()},
        shards={kind: outcomes.get(kind, 0) for kind in ("scanned", "partial", "failed", "skipped")},
        exceptions=run.query("SELECT * FROM exception ORDER BY ALL"),
        nulls=int(sums["nulls"] or 0),
        invalid_documents=int(sums["invalid"] or 0),
        **counts,
    )


def _decoys(writer: RunWriter, least_words: int) -> dict[str, Any]:
    """How many decoys matched. One of fewer than `least_words` cannot, and proves nothing by it."""
    able = matched = 0
    if decoys := writer.query("SELECT count(*) AS works FROM work WHERE decoy")[0]["works"]:
        longest = "SELECT work_id FROM edition WHERE decoy AND words >= ?"
        able = writer.query(f"SELECT count(DISTINCT work_id) AS works FROM ({longest})", [least_words])[0]["works"]
        passages = "SELECT work_id FROM v_passages SEMI JOIN (FROM work WHERE decoy) USING (work_id)"
        matched = writer.query(f"SELECT count(DISTINCT work_id) AS works FROM ({passages})")[0]["works"]
    return {"works": able, "too_short": decoys - able, "matched": matched, "upper95": upper_bound(matched, able)}


def _time(attempt: dict[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(attempt["started_utc"]).replace(tzinfo=None)
    except (KeyError, TypeError, ValueError):
        return None
