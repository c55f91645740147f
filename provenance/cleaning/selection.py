"""What is read of a run: its shards, which works are acted on, and the passages of theirs that are in a shard."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.errors import UsageError
from provenance.store.database import RunReader
from provenance.store.driver import literal
from provenance.store.grades import GRADE_NAMES, at_or_above
from provenance.units.config import ScanConfig

PASSAGES = pa.schema(
    [
        ("row", pa.int64()),  # in the file, from 0
        ("doc_id", pa.string()),
        ("text_column", pa.string()),  # in lists with the number of the item: messages[2].content
        ("doc_word", pa.int64()),  # first word in the text ...
        ("doc_word_end", pa.int64()),  # ... and the one behind the last
        ("doc_begin", pa.int64()),  # bytes in the text; null for a passage that stands beside a credited one
        ("doc_end", pa.int64()),
        ("work_id", pa.string()),
        ("edition_id", pa.string()),
        ("role", pa.string()),  # credited, also (another edition of the work), shared (with the work that is credited)
        ("matched_words", pa.int64()),
        ("identity", pa.float64()),
        ("blocks", pa.list_(pa.struct([("doc_word", pa.int64()), ("ref_word", pa.int64()), ("words", pa.int64())]))),
        ("match_id", pa.string()),  # of the match that it is, or stands beside
        ("excerpt_sha256", pa.string()),  # of that match's bytes
    ]
)


@dataclass(frozen=True)
class Selection:
    """The works that are acted on: all of these have to hold. Decoys and allowed works are never selected."""

    grade: str = "substantial"  # at least
    min_coverage: float = 0.0  # share of the work that is in the shards
    works: tuple[str, ...] | None = None  # only these; None: all

    def __post_init__(self) -> None:
        if self.grade not in GRADE_NAMES:
            raise UsageError(f"--grade is {self.grade!r}; there are {', '.join(GRADE_NAMES)}")
        if not 0 <= self.min_coverage <= 1:
            raise UsageError(f"--min-coverage is {self.min_coverage}; it is a share, from 0 to 1")


@dataclass(frozen=True)
class Scanned:
    """A run, as far as its shards are concerned."""

    run: dict[str, Any]  # the row of the table `run`
    shards: list[dict[str, Any]]  # rows of the table `shard`, without files that are no shards; by name
    no_shards: int
    allowed: frozenset[str]  # works that may be in the data

    @classmethod
    def of(cls, run: RunReader) -> Self:
        """What a run database says."""
        files = run.query("SELECT * FROM shard ORDER BY shard")
        shards = [row for row in files if row["outcome"] != "skipped"]
        allowed = run.query("SELECT work_id FROM v_allowed WHERE holds AND work_id <> ''")
        record = run.query("SELECT * FROM run")[0]
        return cls(record, shards, len(files) - len(shards), frozenset(row["work_id"] for row in allowed))

    @property
    def terms(self) -> dict[str, Any]:
        """All that decided its result."""
        return dict(json.loads(self.run["terms"]))

    @property
    def config(self) -> ScanConfig:
        """The options that it was scanned with."""
        return ScanConfig.from_json(self.terms["config"])


def selected_works(run: RunReader, selection: Selection, allowed: Collection[str] = ()) -> list[dict[str, Any]]:
    """The works of a run that are selected, best covered first; raises UsageError for one that the run does not know.

    `allowed` are works that may be in the data although this run does not say so.
    """
    indexed = [row["work_id"] for row in run.query("SELECT work_id FROM work")]
    for work in set(selection.works or ()) - set(indexed):
        likely = ", ".join(run.works_like(work)) or "none"
        raise UsageError(f"the run has no work {work!r} (--works); the closest are {likely}")
    works = list(indexed if selection.works is None else selection.works)
    return run.query(
        """SELECT work_id, title, author, grade, coverage, own_words, matched_words, documents, allowed FROM v_works
        WHERE NOT decoy AND allowed IS NULL AND coverage >= ? AND list_contains(?, grade)
          AND list_contains(?::VARCHAR[], work_id) AND NOT list_contains(?::VARCHAR[], work_id)
        ORDER BY coverage DESC, matched_words DESC, work_id""",
        [selection.min_coverage, list(at_or_above(selection.grade)), works, list(allowed)],
    )


def passages_in(run: RunReader, works: Sequence[str], shard: str) -> bytes:
    """The passages of some works in a shard, in order of row and place, as a Parquet file of PASSAGES.

    Also those that stand beside matches of other works: to leave them would leave the work.
    """
    names = ", ".join(map(literal, works)) or "NULL"
    beside = "\nUNION ALL ".join(
        f"""SELECT "row", doc_id, text_column, a.blocks[1].doc_word, a.blocks[-1].doc_word + a.blocks[-1].words,
                   NULL, NULL, a.work_id, a.edition_id, '{role}', a.matched_words, a.identity, a.blocks, match_id,
                   excerpt_sha256
            FROM (SELECT *, unnest({role}) AS a FROM here)"""
        for role in ("also", "shared")
    )
    table = run.arrow(
        f"""WITH here AS (SELECT * FROM v_matches WHERE shard = {literal(shard)}),
        passages({", ".join(f'"{name}"' for name in PASSAGES.names)}) AS (
            SELECT "row", doc_id, text_column, doc_word, doc_word + doc_words, doc_begin, doc_end, work_id, edition_id,
                   'credited', matched_words, identity, blocks, match_id, excerpt_sha256 FROM here
            UNION ALL {beside})
        SELECT * FROM passages WHERE work_id IN ({names})
        ORDER BY "row", text_column, doc_word, doc_word_end, work_id, edition_id, role, match_id"""
    )
    file = pa.BufferOutputStream()
    pq.write_table(table.cast(PASSAGES), file)
    return bytes(file.getvalue())


def shards_with(run: RunReader, works: Sequence[str]) -> set[str]:
    """The shards in which some works have passages, credited or not."""
    sql = "SELECT DISTINCT shard FROM v_passages WHERE list_contains(?::VARCHAR[], work_id)"
    return {row["shard"] for row in run.query(sql, [list(works)])}
