"""All that a report says, read from a run database: answers of QUERIES, bounded, and what is left out counted."""

import json
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from provenance.errors import UsageError
from provenance.report.cells import Row
from provenance.report.queries import QUERIES, WORK_ORDER
from provenance.report.strips import Spans
from provenance.store.database import RunReader
from provenance.store.journal import broken_link

MOST_MATCHES = 1000  # unless told
MOST_WORKS = 5000  # rows of the table of works
MOST_PAGES = 300  # works with a page of their own
MOST_ABSENT = 2000  # works without a match that are named
MOST_SHARDS = 2000
MOST_EXCEPTIONS = 500
MOST_PLACES = 50  # shards, hosts and collections of a work; hosts of the run
MOST_LOG = 2000  # reviews
MOST_HEAT_WORKS, MOST_HEAT_SHARDS = 40, 60


@dataclass(frozen=True)
class ReportOptions:
    """What a report is to show."""

    work: str | None = None  # only this one
    redacted: bool = False  # the reader gives no texts: the report says so
    max_matches: int = MOST_MATCHES


@dataclass(frozen=True)
class Listing:
    """Some answers of a query, and how many there are."""

    query: str
    rows: list[Row]
    count: int

    @property
    def left_out(self) -> int:
        """How many are not among the rows."""
        return self.count - len(self.rows)


class WorkFacts(NamedTuple):
    """What the page of a work shows."""

    work: Row
    lists: dict[str, Listing]  # of LISTS, and `matches`


LISTS = ("editions", "work_shards", "work_sites", "work_collections", "work_beside")
SINGLE = ("run", "files", "library", "matches_in_all", "decoys", "reviews", "digests")
PARSED = ("packages", "command", "config", "grades", "chance", "background", "decoys", "sketch", "terms")


class Facts:
    """Everything."""

    def __init__(self, run: RunReader, options: ReportOptions) -> None:
        """Read all of it; raises UsageError for a work that the run does not have, or a cap below nothing."""
        self.options, work = options, options.work
        if options.max_matches < 0:
            raise UsageError(f"--max-matches is {options.max_matches}; it cannot be less than 0")
        if work is not None and not run.query("SELECT 1 FROM work WHERE work_id = ?", [work]):
            near = ", ".join(run.works_like(work))
            raise UsageError(f"the run has no work {work!r} (--work); the closest are {near or 'none'}")
        run.keep("v_works")
        record = run.query("SELECT * FROM run")[0]
        self.record: Row = {**record, **{name: json.loads(record[name]) for name in PARSED}}
        self.one = {name: run.query(QUERIES[name].whole)[0] for name in SINGLE}
        self.works = _listing(run, "works", MOST_WORKS, work)
        self.absent = _listing(run, "works_without_match", MOST_ABSENT, work)
        self.shards = _listing(run, "shards", MOST_SHARDS)
        self.exceptions = _listing(run, "exceptions", MOST_EXCEPTIONS)
        self.each_exception = _listing(run, "each_exception", MOST_EXCEPTIONS)
        self.sites = _listing(run, "origins", MOST_PLACES, condition="kind = 'site'")
        self.origin_collections = _listing(run, "origins", MOST_PLACES, condition="kind = 'collection'")
        self.attempts = _listing(run, "attempts", MOST_LOG)
        self.log = _listing(run, "review_log", MOST_LOG)
        self.allowed = _listing(run, "allowed", MOST_LOG)
        self.custody = [{**row, "entry": json.loads(row["entry"])} for row in run.query(QUERIES["custody"].whole)]
        self.selftest = next(iter(run.query(QUERIES["selftest"].whole)), None)  # the last one
        self.selftest_cells = run.query(QUERIES["selftest_cells"].whole)
        pages = self.works.rows[:MOST_PAGES]
        if work is not None and not pages:
            pages = run.query(f"SELECT * FROM v_works WHERE work_id = ? ORDER BY {WORK_ORDER}", [work])
        self.pages = _pages(run, pages, options.max_matches)
        editions = [page["best_edition"] for page in pages]
        self.spans, self.own_spans = (_spans(run, f"v_{of}coverage", editions) for of in ("", "own_"))
        columns = min(MOST_HEAT_SHARDS, run.query(f"SELECT count(*) AS n FROM ({_HEAT_SHARDS})")[0]["n"])
        names = [page["work_id"] for page in pages[:MOST_HEAT_WORKS]]
        self.heat_columns, self.heat = columns, _heat(run, names, columns) if columns > 1 else []
        # what is wrong with the journal; None: nothing, or nobody may know
        self.chain = None if options.redacted else broken_link(run.query("SELECT * FROM journal ORDER BY seq"))


_TEXTS = "excerpt, doc_before, doc_after, ref_excerpt, ref_before, ref_after, blocks"
_HEAT_SHARDS = "SELECT shard FROM shard WHERE outcome <> 'skipped'"
_COUNTS = "SELECT work_id, count(*) AS n FROM match WHERE list_contains(?, work_id) GROUP BY work_id"


def _listing(run: RunReader, name: str, most: int, work: str | None = None, condition: str = "true") -> Listing:
    query = QUERIES[name]
    given = [] if work is None else [work]
    condition += "" if work is None else " AND work_id = ?"
    count = run.query(f"SELECT count(*) AS n FROM ({query.sql}) WHERE {condition}", given)[0]["n"]
    return Listing(name, run.query(f"{query.where(condition)} LIMIT {most}", given) if count else [], count)


def _matches(run: RunReader, works: list[str], most: int) -> dict[str, Listing]:
    """Of all works together so many: first the longest of each, then the second of each, and so on."""
    query = QUERIES["matches"]
    counts = {row["work_id"]: row["n"] for row in run.query(_COUNTS, [works])}
    waiting, chosen, left = [work for work in works if work in counts], dict.fromkeys(works, 0), most
    while waiting and left:
        share = max(1, left // len(waiting))
        for work in waiting[:left]:
            more = min(share, counts[work] - chosen[work], left)
            chosen[work] += more
            left -= more
        waiting = [work for work in waiting if chosen[work] < counts[work]]
    rows = []
    if any(chosen.values()):
        rows = run.query(
            f"SELECT m.* EXCLUDE ({_TEXTS}) FROM ({query.sql}) m JOIN (SELECT unnest(?) AS w, unnest(?) AS most) "
            f"ON work_id = w WHERE rank <= most ORDER BY {query.order}",
            [list(chosen), list(chosen.values())],
        )
        # all matches have to be sorted for their ranks: without texts, which only those that are shown need
        ids = [row["match_id"] for row in rows]
        texts = run.query(f"SELECT match_id, {_TEXTS} FROM v_matches WHERE match_id IN (SELECT unnest(?))", [ids])
        by_id = {row["match_id"]: row for row in texts}
        rows = [row | by_id[row["match_id"]] for row in rows]
    return _listings("matches", works, rows, counts)


def _pages(run: RunReader, pages: list[Row], max_matches: int) -> list[WorkFacts]:
    works = [page["work_id"] for page in pages]
    lists = {name: _by_work(run, name, works) for name in LISTS} | {"matches": _matches(run, works, max_matches)}
    return [WorkFacts(page, {name: lists[name][page["work_id"]] for name in lists}) for page in pages]


def _by_work(run: RunReader, name: str, works: list[str]) -> dict[str, Listing]:
    """The first answers of each work, and how many it has."""
    query = QUERIES[name]
    rows = run.query(
        f"""SELECT *, count(*) OVER (PARTITION BY work_id) AS answers FROM ({query.sql})
        WHERE list_contains(?, work_id)
        QUALIFY row_number() OVER (PARTITION BY work_id ORDER BY {query.order}) <= {MOST_PLACES}
        ORDER BY {query.order}""",
        [works],
    )
    counts = {row["work_id"]: row.pop("answers") for row in rows}
    return _listings(name, works, rows, counts)


def _listings(name: str, works: list[str], rows: list[Row], counts: dict[str, int]) -> dict[str, Listing]:
    """Answers by work; `counts` has how many those have that have any."""
    rows_of: dict[str, list[Row]] = {work: [] for work in works}
    for row in rows:
        rows_of[row["work_id"]].append(row)
    return {work: Listing(name, rows_of[work], counts.get(work, 0)) for work in works}


def _spans(run: RunReader, view: str, editions: list[str]) -> dict[str, Spans]:
    """The parts of each edition that a view of coverage has."""
    columns = run.columns(
        f"SELECT number, word_begin, word_end, best_identity FROM {view} JOIN (SELECT unnest(?) AS edition_id, "
        "generate_subscripts(?, 1) AS number) USING (edition_id) ORDER BY number, word_begin",
        [editions, editions],
    )
    number, *parts = columns.values()
    begins, ends = (np.searchsorted(number, np.arange(len(editions)) + 1, side) for side in ("left", "right"))
    places = zip(editions, begins, ends, strict=True)
    return {edition: Spans(*(part[begin:end] for part in parts)) for edition, begin, end in places}


def _heat(run: RunReader, works: list[str], columns: int) -> list[Row]:
    """Words of each work in each column; shards in the order of their names, as many to a column as it takes."""
    return run.query(
        f"""WITH shards AS (SELECT shard, (row_number() OVER (ORDER BY shard) - 1) * {columns} // count(*) OVER ()
                            AS "column" FROM ({_HEAT_SHARDS}))
        SELECT work_id, "column", CAST(sum(words) AS BIGINT) AS words FROM ({QUERIES["work_shards"].sql})
        JOIN shards USING (shard) WHERE list_contains(?, work_id) GROUP BY ALL ORDER BY ALL""",
        [works],
    )
