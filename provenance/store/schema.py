"""Tables and views of a run database. Lengths are in words, offsets in bytes, positions from 0.

Excerpts are most of its bytes. Left to choose, DuckDB tries several compressions on them; zstd is faster and smaller.
"""

from __future__ import annotations

from provenance.store.grades import grade_sql

_BLOCKS = "STRUCT(doc_word BIGINT, ref_word BIGINT, words BIGINT)[]"
_PASSAGE = f"""
    edition_id VARCHAR, work_id VARCHAR, ref_begin BIGINT, ref_end BIGINT, ref_word BIGINT, ref_words BIGINT,
    matched_words BIGINT, identity DOUBLE, longest_run BIGINT, blocks {_BLOCKS}"""

TABLES = f"""
CREATE TABLE run (
    tool_version VARCHAR, text_rules INTEGER, unicode VARCHAR, python VARCHAR, platform VARCHAR, packages JSON,
    command JSON, config JSON, grades JSON, index_path VARCHAR, index_digest VARCHAR, key_id VARCHAR, sketch JSON,
    workers INTEGER, started_utc TIMESTAMP, ended_utc TIMESTAMP, seconds DOUBLE, outcome VARCHAR,
    files_listed BIGINT, documents_scanned BIGINT, documents_matched BIGINT, bytes_scanned BIGINT);
CREATE TABLE shard (
    shard VARCHAR PRIMARY KEY, outcome VARCHAR, reason VARCHAR, sha256 VARCHAR, bytes BIGINT, row_groups BIGINT,
    rows BIGINT, rows_read BIGINT, documents BIGINT, nulls BIGINT, text_bytes BIGINT, words BIGINT,
    invalid_utf8 BIGINT, invalid_documents BIGINT, common_fingerprints BIGINT, documents_matched BIGINT,
    text_column VARCHAR, id_column VARCHAR);
CREATE TABLE edition (
    edition_id VARCHAR PRIMARY KEY, work_id VARCHAR, grouped_by VARCHAR, title VARCHAR, author VARCHAR,
    source VARCHAR, source_sha256 VARCHAR, text_sha256 VARCHAR, text_xxh3 VARCHAR, text_bytes BIGINT,
    words BIGINT, first_word BIGINT, fingerprints BIGINT, invalid_utf8 BIGINT);
CREATE TABLE work (work_id VARCHAR PRIMARY KEY, title VARCHAR, author VARCHAR, editions BIGINT);
CREATE TABLE match (
    shard VARCHAR, row_group BIGINT, "row" BIGINT, doc_id VARCHAR, text_column VARCHAR,
    doc_begin BIGINT, doc_end BIGINT, doc_word BIGINT, doc_words BIGINT, {_PASSAGE.strip()},
    estimated BOOLEAN, also STRUCT({_PASSAGE.strip()})[],
    excerpt VARCHAR USING COMPRESSION zstd, excerpt_sha256 VARCHAR);
CREATE TABLE exception (shard VARCHAR, row_group BIGINT, "row" BIGINT, kind VARCHAR, reason VARCHAR);
"""

VIEWS = f"""
-- Every passage found, also those credited to another edition or work: whoever got it, the words are in the shards.
CREATE VIEW v_passages AS
SELECT shard, "row", edition_id, work_id, matched_words, identity, longest_run, blocks, estimated, true AS credited
FROM match
UNION ALL
SELECT shard, "row", a.edition_id, a.work_id, a.matched_words, a.identity, a.longest_run, a.blocks, estimated, false
FROM (SELECT shard, "row", estimated, unnest(also) AS a FROM match);

-- What of an edition is in the shards: the union of its matched words as intervals. Copies begin at the same words, and
-- to join those first is ten times as fast as windows over all of them.
CREATE VIEW v_coverage AS
WITH runs AS (SELECT edition_id, b.ref_word AS low, max(b.ref_word + b.words) AS high, max(identity) AS identity,
                     count(*) AS runs
              FROM (SELECT edition_id, identity, unnest(blocks) AS b FROM v_passages) GROUP BY edition_id, b.ref_word),
ordered AS (SELECT *, max(high) OVER (PARTITION BY edition_id ORDER BY low
                                      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached FROM runs),
pieces AS (SELECT *, sum(CASE WHEN low <= reached THEN 0 ELSE 1 END)
                     OVER (PARTITION BY edition_id ORDER BY low ROWS UNBOUNDED PRECEDING) AS piece FROM ordered)
SELECT p.edition_id, e.work_id, min(p.low) AS word_begin, max(p.high) AS word_end,
       max(p.high) - min(p.low) AS words, max(p.identity) AS best_identity,
       CAST(sum(p.runs) AS BIGINT) AS runs
FROM pieces p JOIN edition e USING (edition_id) GROUP BY p.edition_id, e.work_id, p.piece;

-- A work is as much in the shards as the edition of it that is most.
CREATE VIEW v_works AS
WITH covered AS (SELECT edition_id, CAST(sum(words) AS BIGINT) AS words FROM v_coverage GROUP BY edition_id),
matched AS (SELECT edition_id, CAST(sum(matched_words) AS BIGINT) AS words FROM v_passages GROUP BY edition_id),
best AS (SELECT e.work_id, e.edition_id, coalesce(c.words, 0) / greatest(e.words, 1) AS coverage,
                coalesce(c.words, 0) AS covered_words, coalesce(m.words, 0) AS matched_words
         FROM edition e LEFT JOIN covered c USING (edition_id) LEFT JOIN matched m USING (edition_id)
         QUALIFY row_number() OVER (PARTITION BY e.work_id
                                     ORDER BY coverage DESC, matched_words DESC, e.edition_id) = 1),
found AS (SELECT work_id, max(longest_run) AS longest_run, count(DISTINCT (shard, "row")) AS documents,
                 count(DISTINCT shard) AS shards,
                 CAST(sum(matched_words) AS DOUBLE) / sum(matched_words / identity) AS identity,
                 count(*) FILTER (credited) AS credited_matches,
                 coalesce(CAST(sum(matched_words) FILTER (credited) AS BIGINT), 0) AS credited_words,
                 count(DISTINCT (shard, "row")) FILTER (credited) AS credited_documents,
                 bool_or(estimated) AS estimated
          FROM v_passages GROUP BY work_id)
SELECT w.work_id, w.title, w.author, w.editions, b.edition_id AS best_edition,
       {grade_sql("b.coverage", "b.covered_words")} AS grade,
       round(b.coverage, 6) AS coverage, b.covered_words, b.matched_words,
       coalesce(f.longest_run, 0) AS longest_run, round(f.identity, 6) AS identity,
       coalesce(f.documents, 0) AS documents, coalesce(f.shards, 0) AS shards,
       CASE WHEN b.covered_words > 0 THEN round(b.matched_words / b.covered_words, 2) ELSE 0 END AS copies,
       coalesce(f.credited_matches, 0) AS credited_matches, coalesce(f.credited_words, 0) AS credited_words,
       coalesce(f.credited_documents, 0) AS credited_documents, coalesce(f.estimated, false) AS estimated
FROM work w JOIN best b USING (work_id) LEFT JOIN found f USING (work_id);

CREATE VIEW v_documents AS
WITH intervals AS (SELECT shard, "row", b.doc_word AS low, b.doc_word + b.words AS high
                   FROM (SELECT shard, "row", unnest(blocks) AS b FROM match)),
ordered AS (SELECT *, max(high) OVER (PARTITION BY shard, "row" ORDER BY low, high
                                      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached FROM intervals),
copied AS (SELECT shard, "row", CAST(sum(greatest(0, high - greatest(low, coalesce(reached, low)))) AS BIGINT) AS words
           FROM ordered GROUP BY shard, "row")
SELECT m.shard, m."row", any_value(m.doc_id) AS doc_id, any_value(c.words) AS matched_words, count(*) AS matches,
       max(m.longest_run) AS longest_run, list_sort(list(DISTINCT m.work_id)) AS works
FROM match m JOIN copied c ON c.shard = m.shard AND c."row" = m."row" GROUP BY m.shard, m."row";

CREATE VIEW v_shards AS
SELECT s.*, coalesce(m.matches, 0) AS matches, coalesce(m.works, 0) AS works,
       (SELECT count(*) FROM exception x WHERE x.shard = s.shard) AS exceptions
FROM shard s LEFT JOIN (SELECT shard, count(*) AS matches, count(DISTINCT work_id) AS works
                        FROM match GROUP BY shard) m USING (shard);
"""
