"""`provenance review`: walks a person through matches. What they decide stands beside what the machine said."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

import click

from provenance.cli.definitions.look import DECISIONS, Review
from provenance.cli.tables import print_beside
from provenance.display.text import percent, safe
from provenance.errors import StoreError, UsageError
from provenance.report.cells import expectation
from provenance.report.passages import pair_of
from provenance.report.queries import QUERIES
from provenance.store.database import RunReader
from provenance.store.journal import REVIEW, Author, append

HELP = """a  accept    r  reject    n  leave undecided; each may have a note behind it: r quoted with permission
s  skip      b  back      q  quit         ?  this help"""

PLACES = """
SELECT m.match_id, m.shard, m."row", w.grade, w.coverage
FROM v_matches m JOIN v_works w USING (work_id) LEFT JOIN v_reviews r USING (match_id)
WHERE (? IS NULL OR m.work_id = ?) AND (? OR r.decision IS NULL)
ORDER BY w.coverage DESC, m.work_id, m.matched_words DESC, m.match_id"""
"""Without texts: a run may have millions of matches, of which a person looks at one after another."""

MATCH = """
SELECT m.*, e.title, e.author, r.decision, r.note, r.name AS reviewer
FROM v_matches m JOIN edition e USING (edition_id) LEFT JOIN v_reviews r USING (match_id)
WHERE m.shard = ? AND m."row" = ? AND m.match_id = ?"""
"""By its place too: a match_id is computed of every row, its place is looked up."""


def run(options: Review) -> None:
    """Walk through matches, or decide one."""
    if (options.match_id is None) != (options.decision is None):
        raise UsageError("--match and --decision go together")
    if options.note and options.match_id is None:
        raise UsageError("--note goes with --match; in the walk a note stands behind its answer: r quoted")
    author = Author.here(options.name)
    with RunReader(options.db) as run:
        if options.work is not None and not run.query("SELECT 1 FROM work WHERE work_id = ?", [options.work]):
            raise UsageError(f"the run has no work {options.work!r} (--work)")
        places = run.query(PLACES, [options.work, options.work, options.everything or options.match_id is not None])
    if options.match_id is not None:
        chosen = [place for place in places if place["match_id"] == options.match_id]
        if not chosen:
            raise UsageError(f"the run has no match {options.match_id!r} (--match); reports and `export` name them")
        decide(options.db, author, match_at(options.db, chosen[0]), str(options.decision), options.note)
    else:
        Walk(options.db, author, places).go()
    print_state(options.db)


def match_at(db: Path, place: dict[str, Any]) -> dict[str, Any]:
    """All of a match, and the last word on it; raises StoreError for a run that is no longer there."""
    with RunReader(db) as run:
        rows = run.query(MATCH, [place["shard"], place["row"], place["match_id"]])
    if not rows:
        match = place["match_id"]
        raise StoreError(f"{db} has no match {match} any more: was the run replaced? start the review again")
    return {**place, **rows[0]}


def decide(db: Path, author: Author, match: dict[str, Any], decision: str, note: str) -> None:
    """Write one decision, and beside it what the machine said."""
    machine = {name: match[name] for name in ("matched_words", "identity", "longest_run", "expectation", "estimated")}
    content = {"match_id": match["match_id"], "decision": decision, "note": note, "machine": machine}
    append(db, author, [(REVIEW, content)])


def print_state(db: Path) -> None:
    """How far the review is, and the digest to keep."""
    with RunReader(db) as run:
        state = run.query(QUERIES["reviews"].whole)[0]
    counts = ", ".join(f"{state[decision]:,} {decision}" for decision in DECISIONS.values())
    click.echo(f"{counts}; {state['not_decided']:,} without a decision.")
    if state["last_entry"]:
        click.echo(f"The last entry of the journal has the SHA-256 {safe(state['last_entry'])}")


class Walk:
    """A person's way through matches. It is shown on the terminal, or where output is a pipe, on stderr."""

    def __init__(self, db: Path, author: Author, places: list[dict[str, Any]]) -> None:
        self._db, self._author, self._places = db, author, places
        self._out: IO[str] = sys.stdout if sys.stdout.isatty() else sys.stderr
        if isinstance(sys.stdin, TextIOWrapper):  # a note from a terminal of another encoding is no reason to stop
            sys.stdin.reconfigure(errors="replace")

    def go(self) -> None:
        """Until all were seen, or the answers end."""
        at = 0
        while at < len(self._places):
            match = match_at(self._db, self._places[at])
            self._show(at, match)
            if (step := self._ask(match)) is None:
                return
            at = max(0, at + step)

    def _say(self, text: str = "", end: str = "\n") -> None:
        click.echo(text + end, file=self._out, nl=False)

    def _ask(self, match: dict[str, Any]) -> int | None:
        """How far to go on after an answer; None to stop."""
        while True:
            self._say("a/r/n/s/b/q/? ", end="")
            self._out.flush()
            line = sys.stdin.readline() if sys.stdin else ""  # it may be closed
            if not line:
                self._say()
                return None
            key, *note = line.split(None, 1) or [""]
            if key in DECISIONS:
                decide(self._db, self._author, match, DECISIONS[key], "".join(note).strip())
            if key in (*DECISIONS, "s"):
                return 1
            if key in ("b", "q"):
                return -1 if key == "b" else None
            self._say(HELP)

    def _show(self, at: int, match: dict[str, Any]) -> None:
        by = f", {safe(match['author'])}" if match["author"] else ""
        self._say(f"\n{at + 1} of {len(self._places):,}: {match['match_id']}")
        title = safe(match["title"] or match["edition_id"])
        self._say(f"{title}{by} ({safe(match['grade'])}, {percent(match['coverage'])})")
        self._say(
            f"{match['matched_words']:,} words, identity {percent(match['identity'])}, longest run "
            f"{match['longest_run']:,}, expected by chance {expectation(match['expectation'])}"
            f"{' (estimate)' if match['estimated'] else ''}"
        )
        self._say(
            f"{safe(match['shard'])}, row {match['row']}, {safe(match['text_column'])}, bytes {match['doc_begin']:,} "
            f"to {match['doc_end']:,}; {safe(match['doc_id'])}"
        )
        if match["decision"]:
            note = f": {safe(match['note'])}" if match["note"] else ""
            self._say(f"{safe(match['decision'])} by {safe(match['reviewer'])}{note}")
        if (pair := pair_of(match)) is None:
            self._say(safe(match["excerpt"] or ""))
        else:
            print_beside(self._out, ("document", "edition"), (pair.document, pair.edition))
