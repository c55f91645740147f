"""Looking at a run: report, questions, review."""

from dataclasses import dataclass
from pathlib import Path

from provenance.options.field import argument, flag, option

DECISIONS = {"a": "accepted", "r": "rejected", "n": "undecided"}
REDACT = "Digests, places and counts, and no text of documents or books."
RUN = "RUN.duckdb"


@dataclass(frozen=True)
class Report:
    """Write a report of a run: one HTML file that needs nothing else, for reading, printing and checking.

    The same database gives the same bytes. docs/report.md has the question in SQL behind every number.

    \b
    provenance report run.duckdb --out report.html
    provenance report run.duckdb --out work.html --work ID
    provenance report run.duckdb --certificate draft.md
    """

    db: Path = argument(RUN)
    out: Path | None = option("--out", "HTML file to write; replaced when it exists.")
    certificate: Path | None = option("--certificate", "Also, or only, the draft of a certificate.", metavar="DRAFT.md")
    work: str | None = option("--work", "Only this work, with as many of its matches as fit.", metavar="ID")
    max_matches: int = option("--max-matches", "Matches that are shown; the others are counted.", 1000)
    redact: bool = flag("--redact", REDACT, unnamed=True)


@dataclass(frozen=True)
class Query:
    """Ask a run database a question in SQL; read-only, without access to other files.

    Tables: run, attempt, unit, shard, edition, work, match, exception, origin, journal. Views: v_works, v_matches,
    v_passages, v_documents, v_coverage, v_own_coverage, v_shards, v_reviews, v_allowed, v_allowed_matches,
    v_selftest.

    \b
    provenance query run.duckdb "SELECT title, grade, coverage FROM v_works ORDER BY coverage DESC LIMIT 10"
    provenance query run.duckdb "SELECT * FROM exception" --format json
    """

    db: Path = argument(RUN)
    sql: str = argument("SQL")
    output: str = option("--format", "", "table", choices=("table", "csv", "json"), unnamed=True)


@dataclass(frozen=True)
class Review:
    """Look at matches one after another and accept, reject or note them. Each decision is written at once.

    Decisions are added to the journal of the run, with name and time; no score changes, and nothing is removed. The
    answers are read line by line, so they may come from a pipe.

    \b
    provenance review run.duckdb --name "A. Person"
    provenance review run.duckdb --match 4f0c2a9d1e6b7735 --decision rejected --note "quoted with permission"
    """

    db: Path = argument(RUN)
    work: str | None = option("--work", "Only matches of this work.", metavar="ID")
    everything: bool = flag("--all", "Also matches that were reviewed before.")
    name: str = option("--name", "Who reviews; by default the account.", "")
    match_id: str | None = option("--match", "Decide this one, without asking.", metavar="MATCH_ID")
    decision: str | None = option("--decision", "What of it.", choices=tuple(DECISIONS.values()))
    note: str = option("--note", "And why.", "")
