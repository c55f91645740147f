"""Works and matches as frozen records, and lists of them that a notebook shows as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

import pyarrow as pa
from jinja2 import Template

from provenance.display.beside import Edit, edit_script
from provenance.display.text import number, percent, safe, short, size
from provenance.process.templates import environment

if TYPE_CHECKING:
    from provenance.results.run import Run

MOST_ROWS = 50  # of a table in a notebook
MOST_TEXT = 600  # characters of an excerpt there

Row = dict[str, Any]


@dataclass(frozen=True)
class Work:
    """A known work, and how much of it is in the shards; shares are of its words, from 0 to 1."""

    work_id: str
    title: str
    author: str
    grade: str  # complete, substantial, excerpts, quotation, none
    coverage: float  # share of the words of `best_edition`
    coverage_low: float | None  # 95 % intervals of estimates
    coverage_high: float | None
    identity: float | None  # of its matches; None without one
    best_edition: str
    best_words: int
    covered_words: int
    own_words: int  # in passages that no other work explains better
    matched_words: int  # copies counted
    longest_run: int  # words
    documents: int
    shards: int
    copies: float
    deciles: tuple[float, ...]  # of each tenth of the work, the share that is there
    editions: int
    credited_matches: int
    credited_words: int  # of all copies, each counted for one work only
    credited_documents: int
    shared_documents: int
    estimated: bool
    decoy: bool
    allowed: str | None  # licensed, public domain or permitted
    run: Run = field(repr=False, compare=False)  # that it was read from, which must be open for the tables below

    @property
    def found(self) -> bool:
        """Whether it has a grade."""
        return self.grade != "none"

    def matches(self, limit: int | None = None) -> Matches:
        """Its matches, the longest first: all, or so many."""
        return self.run.matches(work=self.work_id, limit=limit)

    def coverage_table(self) -> pa.Table:
        """The stretches of its best edition that are in the shards: rows of v_coverage, in words from 0."""
        return self.run.coverage(self.best_edition)

    def edition_table(self) -> pa.Table:
        """Its editions, one a row; `editions` says how many."""
        return self.run.editions(self.work_id)

    def _repr_html_(self) -> str:
        return shown("work", self, self.run.caveat)


@dataclass(frozen=True)
class Match:
    """A passage that a document and an edition have; places are in bytes, and `char` in code points, from 0."""

    match_id: str  # made of its place
    match_key: str  # made of the row's id, its text and the work: the same wherever the row lies
    shard: str
    row_group: int | None
    row: int
    doc_id: str
    text_column: str
    url: str | None
    site: str | None
    source: str | None
    doc_begin: int
    doc_end: int
    doc_char_begin: int
    doc_char_end: int
    doc_word: int
    doc_words: int
    edition_id: str
    work_id: str
    ref_begin: int | None
    ref_end: int | None
    ref_char_begin: int | None
    ref_char_end: int | None
    ref_word: int
    ref_words: int
    matched_words: int
    identity: float
    longest_run: int
    score: float
    expectation: float
    estimated: bool
    excerpt: str | None  # cut; None where the run is redacted
    excerpt_sha256: str  # of all bytes
    doc_before: str | None
    doc_after: str | None
    ref_excerpt: str | None
    ref_excerpt_sha256: str | None
    ref_before: str | None
    ref_after: str | None
    also: tuple[str, ...]  # other editions of the work that have it
    shared: tuple[str, ...]  # editions of other works that have it
    decision: str | None  # of a person: accepted, rejected or undecided
    note: str | None
    reviewer: str | None
    reviewed_utc: datetime | None  # aware
    blocks: tuple[tuple[int, int, int], ...] = field(repr=False, default=())  # equal words: document, edition, how many

    def edits(self) -> list[Edit]:
        """What must be done to the edition's words to get the document's."""
        return edit_script(self.blocks)

    def _repr_html_(self) -> str:
        return shown("match", self)


Item = TypeVar("Item", Work, Match)


class _Rows(Sequence[Item]):
    """Records in order, with the Arrow table that they were made of; an empty list of an incomplete run says so."""

    _nouns: tuple[str, str]  # of one, and of any other number

    def __init__(self, items: Sequence[Item], table: pa.Table, caveat: str) -> None:
        self._items: tuple[Item, ...] = tuple(items)
        self._table = table
        self._caveat = caveat  # empty where the run is complete

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, place: int) -> Item: ...
    @overload
    def __getitem__(self, place: slice) -> Self: ...
    def __getitem__(self, place: int | slice) -> Item | Self:
        if isinstance(place, slice):
            chosen = pa.array(range(*place.indices(len(self))), pa.int64())
            return type(self)(self._items[place], self._table.take(chosen), self._caveat)
        return self._items[place]

    def arrow(self) -> pa.Table:
        """The rows as an Arrow table, with all columns of their view."""
        return self._table

    def __repr__(self) -> str:
        return f"<{len(self):,} {self._nouns[len(self) != 1]}{self._caveat and '; ' + self._caveat}>"


class Works(_Rows[Work]):
    """Works, those first of which most is there."""

    _nouns = ("work", "works")

    def _repr_html_(self) -> str:
        return shown("works", self, self._caveat)


class Matches(_Rows[Match]):
    """Matches, the longest first."""

    _nouns = ("match", "matches")

    def _repr_html_(self) -> str:
        return shown("matches", self, self._caveat)


def work_of(row: Row, run: Run) -> Work:
    """A row of v_works, and the run that has it."""
    return Work(**{**_chosen(Work, row), "deciles": tuple(row["deciles"]), "run": run})


def match_of(row: Row) -> Match:
    """A row of the query MATCHES."""
    blocks = tuple((block["doc_word"], block["ref_word"], block["words"]) for block in row["blocks"] or ())
    also, shared = (tuple(row[name] or ()) for name in ("also", "shared"))
    lists = {"blocks": blocks, "also": also, "shared": shared}
    return Match(**{**_chosen(Match, row), **lists, "reviewed_utc": aware(row["reviewed_utc"])})


def aware(moment: datetime | None) -> datetime | None:
    """A time of the database, which are in UTC and do not say so."""
    return None if moment is None else moment.replace(tzinfo=UTC)


def _chosen(kind: type, row: Row) -> Row:
    return {column.name: row[column.name] for column in fields(kind) if column.name in row}


def shown(macro: str, *values: object) -> str:
    """HTML for notebooks: what a macro of the template makes of some values; what comes from data is escaped."""
    return str(getattr(_template().make_module({"most": MOST_ROWS}), macro)(*values))


def _excerpt(text: str) -> str:
    return "\n".join(map(safe, text[:MOST_TEXT].split("\n"))) + ("…" if len(text) > MOST_TEXT else "")


@cache
def _template() -> Template:
    made = environment("provenance.results", autoescape=True)
    made.filters.update(percent=percent, safe_text=safe, short=short, size=size, excerpt=_excerpt)
    return made.get_template("notebook.html.j2", globals={"number": number})
