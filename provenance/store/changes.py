"""What a later run has more, less or otherwise than an earlier one: shards, documents and works, in SQL over both.

Documents can be millions, so nothing of them leaves DuckDB but counts, examples, and batches for a file.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from provenance.store.database import RunPair
from provenance.store.schema import real_id_sql

PASSAGES_AT_ONCE = 250_000
"""Lists of works are held in memory while they are made: documents are compared in parts, by hash."""

SIDES = ("earlier", "later")
GAINED, LOST, CHANGED = "gained", "lost", "changed"
NOT_SCANNED, DATA, UNEXPLAINED = "not scanned", "data", "unexplained"

_SHARDS = """
CREATE TABLE shards AS
WITH named AS (SELECT shard AS e, shard AS l FROM earlier.main.shard JOIN later.main.shard USING (shard, sha256)),
-- the same bytes under other names: of several copies the first with the first
rest_e AS (SELECT *, row_number() OVER (PARTITION BY sha256 ORDER BY shard) AS n FROM earlier.main.shard
           WHERE sha256 IS NOT NULL AND shard NOT IN (SELECT e FROM named)),
rest_l AS (SELECT *, row_number() OVER (PARTITION BY sha256 ORDER BY shard) AS n FROM later.main.shard
           WHERE sha256 IS NOT NULL AND shard NOT IN (SELECT l FROM named)),
same AS (FROM named UNION ALL SELECT e.shard, l.shard FROM rest_e e JOIN rest_l l USING (sha256, n)),
left_e AS (SELECT shard, file FROM (SELECT shard, regexp_extract(shard, '[^/]*$') AS file FROM earlier.main.shard)
           WHERE shard NOT IN (SELECT e FROM same)),
left_l AS (SELECT shard, file FROM (SELECT shard, regexp_extract(shard, '[^/]*$') AS file FROM later.main.shard)
           WHERE shard NOT IN (SELECT l FROM same)),
-- other bytes: by name, and if the folder is another one, by the name of the file where only one on each side has it
alike AS (SELECT shard AS e, shard AS l FROM left_e JOIN left_l USING (shard)),
once_e AS (SELECT file, any_value(shard) AS shard FROM left_e WHERE shard NOT IN (SELECT e FROM alike)
           GROUP BY file HAVING count(*) = 1),
once_l AS (SELECT file, any_value(shard) AS shard FROM left_l WHERE shard NOT IN (SELECT l FROM alike)
           GROUP BY file HAVING count(*) = 1),
moved AS (FROM alike UNION ALL SELECT e.shard, l.shard FROM once_e e JOIN once_l l USING (file)),
other AS (FROM moved UNION ALL SELECT shard, NULL FROM left_e WHERE shard NOT IN (SELECT e FROM moved)
          UNION ALL SELECT NULL, shard FROM left_l WHERE shard NOT IN (SELECT l FROM moved)),
pairs AS (SELECT e, l, true AS same FROM same UNION ALL SELECT e, l, false FROM other)
SELECT row_number() OVER (ORDER BY p.e, p.l) AS pair, p.e AS earlier, p.l AS later, p.same,
       e.sha256 AS earlier_sha256, l.sha256 AS later_sha256, e.outcome AS earlier_outcome, l.outcome AS later_outcome,
       CASE WHEN p.same THEN CASE WHEN p.e = p.l THEN 'same' ELSE 'renamed' END
            WHEN p.l IS NULL THEN 'lost' WHEN p.e IS NULL THEN 'gained'
            WHEN e.sha256 <> l.sha256 OR e.bytes <> l.bytes THEN 'changed' ELSE 'unknown' END AS change
FROM pairs p LEFT JOIN earlier.main.shard e ON e.shard = p.e LEFT JOIN later.main.shard l ON l.shard = p.l
-- of files that are no shards nothing is said
WHERE coalesce(e.outcome, 'skipped') <> 'skipped' OR coalesce(l.outcome, 'skipped') <> 'skipped'"""


def _documents(side: str, parts: int, part: int) -> str:
    """SQL for the documents with a match: which it is in both runs, and what was found in it, by work and in all.

    That is a sum of 64-bit hashes, which needs no order. They are compared for one document at a time, so two that
    differ are taken for equal once in 2^64 times.
    """
    chosen = f'(SELECT * FROM {side}.main.match WHERE hash(shard, "row", text_column) % {parts} = {part})'
    place = 'm.shard, m."row", m.text_column'
    columns = "edition_id work_id ref_begin ref_end ref_word ref_words matched_words identity longest_run".split()
    names, of_list = ", ".join(columns), ", ".join(f"a.{name}" for name in columns)
    beside = " UNION ALL ".join(
        f"""SELECT shard, "row", text_column, doc_begin, doc_end, '{role}', {of_list}
           FROM (SELECT shard, "row", text_column, doc_begin, doc_end, unnest({role}) AS a FROM {chosen})"""
        for role in ("also", "shared")
    )
    return f"""
WITH passages AS (
    SELECT shard, "row", text_column, doc_begin, doc_end, 'credited' AS role, {names} FROM {chosen}
    UNION ALL {beside}),
of_works AS (
    SELECT shard, "row", text_column, work_id, CAST(sum(matched_words) FILTER (role = 'credited') AS BIGINT) AS words,
           sum(hash(told)) AS signature
    FROM (SELECT *, concat_ws(chr(31), role, edition_id, doc_begin, doc_end, coalesce(ref_begin, -1),
                              coalesce(ref_end, -1), ref_word, ref_words, matched_words, identity,
                              coalesce(longest_run, -1)) AS told FROM passages)
    GROUP BY ALL),
documents AS (
    SELECT shard, "row", text_column, coalesce(CAST(sum(words) AS BIGINT), 0) AS words,
           list(struct_pack(work_id, signature) ORDER BY work_id) AS works,
           sum(hash(work_id, signature)) AS signature
    FROM of_works GROUP BY ALL),
ids AS (SELECT {place}, any_value({real_id_sql("m")}) AS id, any_value(m.row_group) AS row_group
        FROM {chosen} m GROUP BY ALL)
SELECT d.*, i.id, i.row_group, s.pair,
       CASE WHEN s.same THEN concat('same bytes', chr(31), s.pair, chr(31), d."row", chr(31), d.text_column)
            WHEN i.id IS NOT NULL THEN concat('id', chr(31), i.id, chr(31), d.text_column)
            ELSE concat('place', chr(31), s.pair, chr(31), d."row", chr(31), d.text_column) END AS key
FROM documents d JOIN ids i USING (shard, "row", text_column) JOIN shards s ON s.{side} = d.shard"""


def _unequal(side: str, other: str, parts: int, part: int) -> str:
    """SQL for the documents of one run that the other has not exactly so; of several with one key each counts."""
    chosen = f"WHERE hash(key) % {parts} = {part}"
    numbered = '*, row_number() OVER (PARTITION BY key, signature ORDER BY shard, "row") AS copy'
    return f"""SELECT *, row_number() OVER (PARTITION BY key ORDER BY shard, "row") AS n
    FROM (SELECT {numbered} FROM {side}_documents {chosen})
    ANTI JOIN (SELECT key, signature, copy FROM (SELECT {numbered} FROM {other}_documents {chosen}))
    USING (key, signature, copy)"""


def _seen(side: str, document: str) -> str:
    """SQL for joins that tell whether a run scanned a row that the other found something in."""
    return f"""
LEFT JOIN (SELECT DISTINCT shard FROM {side}.main.exception WHERE "row" IS NULL AND row_group IS NULL) x_{side}
       ON x_{side}.shard = s.{side}
LEFT JOIN (SELECT DISTINCT shard, row_group FROM {side}.main.exception WHERE "row" IS NULL AND row_group IS NOT NULL)
       g_{side} ON g_{side}.shard = s.{side} AND g_{side}.row_group = {document}.row_group
LEFT JOIN (SELECT DISTINCT shard, "row" FROM {side}.main.exception WHERE "row" IS NOT NULL) r_{side}
       ON r_{side}.shard = s.{side} AND r_{side}."row" = {document}."row\""""


def _unseen(side: str) -> str:
    return f"""(s.{side}_outcome IN ('failed', 'skipped') OR (s.{side}_outcome = 'partial' AND NOT s.same)
        OR x_{side}.shard IS NOT NULL OR g_{side}.shard IS NOT NULL OR r_{side}.shard IS NOT NULL)"""


def _changes(otherwise: str, parts: int, part: int) -> str:
    """SQL for all documents of which the runs say something else, each with the first reason that applies."""
    return f"""
WITH e AS ({_unequal("earlier", "later", parts, part)}), l AS ({_unequal("later", "earlier", parts, part)}),
both_sides AS (SELECT e, l FROM e FULL JOIN l USING (key, n))
SELECT CASE WHEN e.shard IS NULL THEN '{GAINED}' WHEN l.shard IS NULL THEN '{LOST}' ELSE '{CHANGED}' END AS change,
       CASE WHEN l.shard IS NULL AND {_unseen("later")} OR e.shard IS NULL AND {_unseen("earlier")} THEN '{NOT_SCANNED}'
            WHEN NOT s.same THEN '{DATA}' ELSE '{otherwise}' END AS reason,
       e.shard AS earlier_shard, e."row" AS earlier_row, l.shard AS later_shard, l."row" AS later_row,
       coalesce(l.text_column, e.text_column) AS text_column, coalesce(l.id, e.id) AS doc_id,
       list_transform(e.works, lambda w: w.work_id) AS earlier_works, e.words AS earlier_words,
       list_transform(l.works, lambda w: w.work_id) AS later_works, l.words AS later_words,
       list_sort(list_distinct(list_transform(
           list_filter(coalesce(e.works, []), lambda w: NOT list_contains(coalesce(l.works, []), w))
           || list_filter(coalesce(l.works, []), lambda w: NOT list_contains(coalesce(e.works, []), w)),
           lambda w: w.work_id))) AS works
FROM both_sides JOIN shards s ON s.pair = coalesce(l.pair, e.pair)
{_seen("later", "e")}{_seen("earlier", "l")}"""


ORDER = "ORDER BY change, reason, coalesce(later_shard, earlier_shard), coalesce(later_row, earlier_row), text_column"
_LISTED = """change, reason, earlier_shard, earlier_row, later_shard, later_row, text_column, doc_id, earlier_works,
    earlier_words, later_works, later_words"""
_COMPARED = "grade coverage covered_words own_words matched_words longest_run identity documents credited_documents"

WORKS = f"""
WITH e AS (SELECT * FROM earlier.main.v_works WHERE NOT decoy AND documents > 0),
l AS (SELECT * FROM later.main.v_works WHERE NOT decoy AND documents > 0)
SELECT work_id, coalesce(l.title, e.title) AS title, coalesce(l.author, e.author) AS author,
       coalesce(e.grade, 'none') AS earlier_grade, coalesce(l.grade, 'none') AS later_grade,
       coalesce(e.coverage, 0) AS earlier_coverage, coalesce(l.coverage, 0) AS later_coverage,
       coalesce(e.matched_words, 0) AS earlier_words, coalesce(l.matched_words, 0) AS later_words,
       coalesce(e.documents, 0) AS earlier_documents, coalesce(l.documents, 0) AS later_documents,
       CASE WHEN earlier_grade = 'none' AND later_grade <> 'none' THEN '{GAINED}'
            WHEN later_grade = 'none' AND earlier_grade <> 'none' THEN '{LOST}' ELSE '{CHANGED}' END AS change
FROM e FULL JOIN l USING (work_id)
WHERE ({", ".join(f"e.{name}" for name in _COMPARED.split())})
      IS DISTINCT FROM ({", ".join(f"l.{name}" for name in _COMPARED.split())})
ORDER BY change = '{CHANGED}', change, greatest(earlier_coverage, later_coverage) DESC, work_id"""
"""Works of which the runs say something else."""

EDITIONS = """
SELECT coalesce(l.edition_id, e.edition_id) AS edition_id, coalesce(l.work_id, e.work_id) AS work_id,
       CASE WHEN e.edition_id IS NULL THEN 'gained' WHEN l.edition_id IS NULL THEN 'lost' ELSE 'changed' END AS change
FROM (SELECT * FROM earlier.main.edition WHERE NOT decoy) e
FULL JOIN (SELECT * FROM later.main.edition WHERE NOT decoy) l ON l.edition_id = e.edition_id
WHERE (e.edition_id, e.work_id, e.text_sha256, e.text_xxh3, e.words)
      IS DISTINCT FROM (l.edition_id, l.work_id, l.text_sha256, l.text_xxh3, l.words)
ORDER BY change, edition_id"""
"""Editions that only one index has, or whose text or work is another."""

WORKS_OF_INDEX = """
SELECT work_id, CASE WHEN e.n IS NULL THEN 'gained' ELSE 'lost' END AS change
FROM (SELECT work_id, 1 AS n FROM earlier.main.work WHERE NOT decoy) e
FULL JOIN (SELECT work_id, 1 AS n FROM later.main.work WHERE NOT decoy) l USING (work_id)
WHERE e.n IS NULL OR l.n IS NULL ORDER BY change, work_id"""
"""Works that only one index has."""

_SAID = """
SELECT (SELECT count(*) FROM {side}.main.v_allowed) AS allowed_works,
       (SELECT count(*) FROM {side}.main.journal WHERE kind = 'allow match') AS entries_on_matches,
       (SELECT count(*) FROM {side}.main.v_reviews WHERE decision IN ('accepted', 'rejected')) AS reviewed"""


class Changes(RunPair):
    """Two runs compared; made once, then asked. Every answer is sorted."""

    def __init__(self, earlier: Path, later: Path, scratch: Path) -> None:
        """Pair up the shards; the documents are compared when it is known what else differs."""
        super().__init__(earlier, later, scratch)
        self.query(_SHARDS)

    def compare_documents(self, otherwise: str) -> None:
        """Find the documents that differ; `otherwise` is the reason where bytes are the same and were scanned twice."""
        counted = "SELECT coalesce(sum(1 + len(also) + len(shared)), 0) AS n FROM {}.main.match"
        parts = 1 + max(int(self.query(counted.format(side))[0]["n"]) for side in SIDES) // PASSAGES_AT_ONCE
        tables: dict[str, Callable[[int], str]] = {
            **{f"{side}_documents": partial(_documents, side, parts) for side in SIDES},
            "changes": partial(_changes, otherwise, parts),
        }
        for table, sql_of in tables.items():
            for part in range(parts):
                self.query(f"INSERT INTO {table} {sql_of(part)}" if part else f"CREATE TABLE {table} AS {sql_of(part)}")

    def shards(self, most: int) -> tuple[dict[str, int], dict[str, list[dict[str, Any]]]]:
        """How many shards are the same, renamed, gained, lost, changed or unknown; and examples of all but the same."""
        rows = self.query("SELECT change, count(*) AS n FROM shards GROUP BY ALL ORDER BY ALL")
        counts = {row["change"]: row["n"] for row in rows}
        columns = "earlier, later, earlier_sha256, later_sha256"
        sql = f"SELECT {columns} FROM shards WHERE change = ? ORDER BY earlier, later LIMIT {most}"
        return counts, {change: self.query(sql, [change]) for change in counts if change != "same"}

    def scanned_once(self, most: int) -> tuple[int, list[dict[str, Any]]]:
        """Shards of both runs that had another outcome in the later one; how many, and examples."""
        differ = "FROM shards WHERE earlier IS NOT NULL AND later IS NOT NULL AND earlier_outcome <> later_outcome"
        count = int(self.query(f"SELECT count(*) AS n {differ}")[0]["n"])
        query = "SELECT earlier, later, earlier_outcome, later_outcome"
        return count, self.query(f"{query} {differ} ORDER BY earlier LIMIT {most}")

    def reasons_of_works(self) -> dict[str, dict[str, int]]:
        """Of each work, how many documents of it differ for which reason."""
        counts: dict[str, dict[str, int]] = {}
        rows = self.query(
            "SELECT work, reason, count(*) AS n FROM (SELECT reason, unnest(works) AS work FROM changes) "
            "GROUP BY ALL ORDER BY work, reason"
        )
        for row in rows:
            counts.setdefault(row["work"], {})[row["reason"]] = row["n"]
        return counts

    def documents(self) -> dict[str, dict[str, int]]:
        """How many documents were gained, lost and changed, by reason."""
        counts: dict[str, dict[str, int]] = {GAINED: {}, LOST: {}, CHANGED: {}}
        sql = "SELECT change, reason, count(*) AS n FROM changes GROUP BY ALL ORDER BY change, reason"
        for row in self.query(sql):
            counts[row["change"]][row["reason"]] = row["n"]
        return counts

    def examples(self, change: str, most: int) -> list[dict[str, Any]]:
        """Some documents that were gained, lost or changed."""
        return self.query(f"SELECT {_LISTED} FROM changes WHERE change = ? {ORDER} LIMIT {most}", [change])

    def all_documents(self) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Their columns, and all of them, some at a time."""
        return self.batches(f"SELECT {_LISTED} FROM changes {ORDER}")

    def said(self) -> list[dict[str, Any]]:
        """What people added to either run, counted."""
        return [self.query(_SAID.format(side=side))[0] for side in SIDES]
