"""Tables and views of a run database. Lengths are in words, offsets in bytes, positions from 0.

Excerpts are most of its bytes. Left to choose, DuckDB tries several compressions on them; zstd is faster and smaller.
That of an edition is kept where it is not the document's (`ref_excerpt_other`): it takes a third of the time to write.
"""

import json

from provenance.statistics.chance import LAMBDA, LOG_K, SMALLEST
from provenance.store.grades import grade_sql

_BLOCKS = "STRUCT(doc_word BIGINT, ref_word BIGINT, words BIGINT)[]"
_PASSAGE = f"""
    edition_id VARCHAR, work_id VARCHAR, ref_begin BIGINT, ref_end BIGINT, ref_word BIGINT, ref_words BIGINT,
    matched_words BIGINT, identity DOUBLE, matched_low BIGINT, matched_high BIGINT, identity_low DOUBLE,
    identity_high DOUBLE, longest_run BIGINT, score DOUBLE, blocks {_BLOCKS}"""

TABLES = f"""
CREATE TABLE run (
    tool_version VARCHAR, code_sha256 VARCHAR, code_commit VARCHAR, text_rules INTEGER, unicode VARCHAR,
    python VARCHAR, platform VARCHAR, packages JSON, command JSON, config JSON, grades JSON, chance JSON,
    background JSON, decoys JSON, index_path VARCHAR, index_digest VARCHAR, key_id VARCHAR, sketch JSON, terms JSON,
    terms_digest VARCHAR, ledger VARCHAR, units_digest VARCHAR, workers INTEGER, started_utc TIMESTAMP,
    ended_utc TIMESTAMP, seconds DOUBLE, compile_seconds DOUBLE, outcome VARCHAR, files_listed BIGINT,
    documents_scanned BIGINT, documents_matched BIGINT, bytes_scanned BIGINT);
CREATE TABLE attempt (
    attempt VARCHAR PRIMARY KEY, started_utc TIMESTAMP, seconds DOUBLE, clock_step_seconds DOUBLE, host VARCHAR,
    account VARCHAR, pid BIGINT, platform VARCHAR, python VARCHAR, packages JSON, code_sha256 VARCHAR,
    code_commit VARCHAR, command JSON, engine VARCHAR, task VARCHAR, workers INTEGER, units BIGINT, found BIGINT,
    compile_seconds DOUBLE, outcome VARCHAR);
CREATE TABLE unit (
    unit VARCHAR PRIMARY KEY, shard VARCHAR, slot INTEGER, slots INTEGER, sha256 VARCHAR, whole BOOLEAN,
    rows_read BIGINT, matches BIGINT);
CREATE TABLE shard (
    shard VARCHAR PRIMARY KEY, outcome VARCHAR, reason VARCHAR, format VARCHAR, version VARCHAR, sha256 VARCHAR,
    bytes BIGINT, row_groups BIGINT, rows BIGINT, rows_read BIGINT, documents BIGINT, nulls BIGINT, text_bytes BIGINT,
    words BIGINT, invalid_utf8 BIGINT, invalid_documents BIGINT, common_fingerprints BIGINT, common_passages BIGINT,
    documents_matched BIGINT, text_column VARCHAR, id_column VARCHAR, url_column VARCHAR, source_column VARCHAR);
CREATE TABLE edition (
    edition_id VARCHAR PRIMARY KEY, work_id VARCHAR, grouped_by VARCHAR, title VARCHAR, author VARCHAR,
    isbn VARCHAR, year VARCHAR, publisher VARCHAR, language VARCHAR, rights_holder VARCHAR, registration VARCHAR,
    licence VARCHAR, source VARCHAR, source_sha256 VARCHAR, format VARCHAR, encoding VARCHAR, cut_front BIGINT,
    cut_back BIGINT, notes VARCHAR[], text_sha256 VARCHAR, text_xxh3 VARCHAR, text_bytes BIGINT,
    words BIGINT, first_word BIGINT, fingerprints BIGINT, invalid_utf8 BIGINT, decoy BOOLEAN);
CREATE TABLE work (work_id VARCHAR PRIMARY KEY, title VARCHAR, author VARCHAR, editions BIGINT, decoy BOOLEAN);
CREATE TABLE match (
    shard VARCHAR, row_group BIGINT, "row" BIGINT, doc_id VARCHAR, text_column VARCHAR, url VARCHAR, site VARCHAR,
    source VARCHAR, doc_token_begin BIGINT, doc_token_end BIGINT,
    doc_begin BIGINT, doc_end BIGINT, doc_word BIGINT, doc_words BIGINT, {_PASSAGE.strip()},
    estimated BOOLEAN, also STRUCT({_PASSAGE.strip()})[], shared STRUCT({_PASSAGE.strip()})[],
    doc_char_begin BIGINT, doc_char_end BIGINT, excerpt VARCHAR USING COMPRESSION zstd, excerpt_sha256 VARCHAR,
    doc_before VARCHAR USING COMPRESSION zstd, doc_after VARCHAR USING COMPRESSION zstd,
    ref_char_begin BIGINT, ref_char_end BIGINT, ref_excerpt VARCHAR AS (
        coalesce(ref_excerpt_other, CASE WHEN ref_excerpt_sha256 = excerpt_sha256 THEN excerpt END)),
    ref_excerpt_sha256 VARCHAR, ref_before VARCHAR USING COMPRESSION zstd, ref_after VARCHAR USING COMPRESSION zstd,
    ref_excerpt_other VARCHAR USING COMPRESSION zstd);
CREATE TABLE origin (kind VARCHAR, name VARCHAR, documents BIGINT, text_bytes BIGINT, documents_matched BIGINT);
CREATE TABLE journal (
    seq BIGINT PRIMARY KEY, at_utc TIMESTAMP, account VARCHAR, name VARCHAR, kind VARCHAR, entry JSON,
    previous VARCHAR, sha256 VARCHAR);
CREATE TABLE exception (shard VARCHAR, row_group BIGINT, "row" BIGINT, kind VARCHAR, reason VARCHAR);
"""


_ID_DIGEST = "'sha256:[0-9a-f]{64}'"


def _id_digest(column: str) -> str:
    """SQL for an id as redaction writes it: once, for a view may be asked for what one before its table has changed."""
    return f"CASE WHEN regexp_full_match({column}, {_ID_DIGEST}) THEN {column} ELSE 'sha256:' || sha256({column}) END"


def real_id_sql(match: str) -> str:
    """SQL for the id of a row, NULL where it was made up of its place (`_places` in provenance/units/located.py)."""
    made_up = f"concat_ws(':', {match}.shard, {match}.row_group, {match}.\"row\")"
    return (
        f"CASE WHEN {match}.doc_id = {made_up} THEN NULL WHEN NOT starts_with({match}.doc_id, 'sha256:') "
        f"THEN {match}.doc_id WHEN {match}.doc_id = 'sha256:' || sha256({made_up}) THEN NULL ELSE {match}.doc_id END"
    )


def match_key_sql(match: str) -> str:
    """SQL for what names a match wherever its row lies: 32 hexadecimal digits over what was copied from which work.

    Of ids the digest counts, so that it is the same in a redacted database; a row without one is its text alone.
    """
    real_id = real_id_sql(match)
    return (
        f"substr(sha256(concat('match v1', chr(31), coalesce({_id_digest(f'({real_id})')}, ''), chr(31), "
        f"{match}.text_column, chr(31), coalesce({match}.excerpt_sha256, ''), chr(31), {match}.work_id)), 1, 32)"
    )


def _union(passages: str) -> str:
    """SQL for what of each edition some passages cover: the union of their matched words as intervals, one a row.

    Copies begin at the same words, and to join those first is ten times as fast as windows over all of them.
    """
    return f"""
WITH runs AS (SELECT edition_id, b.ref_word AS low, max(b.ref_word + b.words) AS high, max(identity) AS identity,
                     count(*) AS runs, bool_or(estimated) AS estimated
              FROM (SELECT edition_id, identity, estimated, unnest(blocks) AS b FROM {passages})
              GROUP BY edition_id, b.ref_word),
ordered AS (SELECT *, max(high) OVER (PARTITION BY edition_id ORDER BY low
                                      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached FROM runs),
pieces AS (SELECT *, sum(CASE WHEN low <= reached THEN 0 ELSE 1 END)
                     OVER (PARTITION BY edition_id ORDER BY low ROWS UNBOUNDED PRECEDING) AS piece FROM ordered)
SELECT p.edition_id, e.work_id, min(p.low) AS word_begin, max(p.high) AS word_end,
       max(p.high) - min(p.low) AS words, max(p.identity) AS best_identity,
       CAST(sum(p.runs) AS BIGINT) AS runs, bool_or(p.estimated) AS estimated
FROM pieces p JOIN edition e USING (edition_id) GROUP BY p.edition_id, e.work_id, p.piece"""


def _beside(role: str) -> str:
    """SQL for the passages that stand beside matches in one of their lists."""
    names = "edition_id, work_id, matched_words, identity, matched_low, matched_high, longest_run, score, blocks"
    chosen = ", ".join(f"a.{name}" for name in names.split(", "))
    return f"""SELECT shard, "row", {chosen}, estimated, '{role}'
FROM (SELECT shard, "row", estimated, unnest({role}) AS a FROM match)"""


_DECILES = """list_transform(range(10), lambda d: round(coalesce(list_sum(list_transform(
           coalesce(b.spans, []), lambda s:
           greatest(0, least(s.word_end, (d + 1) * b.words // 10) - greatest(s.word_begin, d * b.words // 10)))), 0)
           / greatest((d + 1) * b.words // 10 - d * b.words // 10, 1), 4))"""
"""Of each tenth of the best edition, the share that is in the shards."""

_CELLS = json.dumps(
    [dict.fromkeys(("noise",), "VARCHAR") | dict.fromkeys(("words", "planted", "found", "credited"), "BIGINT")
     | dict.fromkeys(("rate", "recall", "low", "high"), "DOUBLE")]
)  # fmt: skip
"""How the cells of a self-test stand in its entry."""


def _allowances(view: str, column: str, kind: str) -> str:
    """SQL for a view of what may be in the data: the last word on each, by the column that names it."""
    return f"""CREATE VIEW {view} AS
SELECT *, coalesce(expires >= CAST((SELECT ended_utc FROM run) AS DATE), true) AS holds
FROM (SELECT entry->>'$.{column}' AS {column}, arg_max(entry->>'$.status', seq) AS status,
             arg_max(entry->>'$.reason', seq) AS reason,
             CAST(nullif(arg_max(coalesce(entry->>'$.expires', ''), seq), '') AS DATE) AS expires,
             arg_max(name, seq) AS name, arg_max(account, seq) AS account, max(at_utc) AS at_utc, max(seq) AS seq
      FROM journal WHERE kind = '{kind}' GROUP BY ALL)
WHERE status <> 'withdrawn';"""


VIEWS = f"""
-- Every passage found. Beside those that are credited: the same in other editions of the work (also), in other works
-- (shared).
CREATE VIEW v_passages AS
SELECT shard, "row", edition_id, work_id, matched_words, identity, matched_low, matched_high, longest_run, score,
       blocks, estimated, 'credited' AS role
FROM match
UNION ALL {_beside("also")}
UNION ALL {_beside("shared")};

-- Each match, a name for it that is made of its place, a key that is not, and how many at least as good chance
-- would make in this run (see `provenance/statistics/chance.py`).
CREATE VIEW v_matches AS
SELECT substr(sha256(concat_ws(chr(31), m.shard, m."row", m.text_column, m.doc_begin, m.doc_end, m.edition_id,
                               m.ref_word)), 1, 16) AS match_id,
       {match_key_sql("m")} AS match_key,
       m.* EXCLUDE (ref_excerpt_other),
       greatest({SMALLEST!r}, exp({LOG_K!r} + ln(greatest(1, (SELECT sum(words) FROM shard)))
                + ln(greatest(1, (SELECT sum(words) FROM edition))) - {LAMBDA!r} * m.score)) AS expectation
FROM match m;

-- What of an edition is in the shards, whoever is credited for it; and what of it is in passages that its work is
-- credited for.
CREATE VIEW v_coverage AS {_union("v_passages")};
CREATE VIEW v_own_coverage AS {_union("(SELECT * FROM v_passages WHERE role <> 'shared')")};

-- What people decided of matches: the last word on each, and how many there were.
CREATE VIEW v_reviews AS
SELECT entry->>'$.match_id' AS match_id, arg_max(entry->>'$.decision', seq) AS decision,
       arg_max(entry->>'$.note', seq) AS note, arg_max(name, seq) AS name, arg_max(account, seq) AS account,
       max(at_utc) AS at_utc, max(seq) AS seq, count(*) AS entries
FROM journal WHERE kind = 'review' GROUP BY ALL;

-- Works that somebody says may be in the data, and why. One whose time was over when the run ended does not count.
{_allowances("v_allowed", "work_id", "allow")}

-- Matches that somebody says may be in the data, by key.
{_allowances("v_allowed_matches", "match_key", "allow match")}

-- The cells of the last self-test: how many passages were planted in copies of rows, and found, with intervals of 95 %.
CREATE VIEW v_selftest AS
SELECT seq, place, c.noise, c.rate, c.words, c.planted, c.found, c.credited, c.recall, c.low, c.high
FROM (SELECT seq, unnest(cells) AS c, generate_subscripts(cells, 1) AS place
      FROM (SELECT seq, from_json(entry->'$.cells', '{_CELLS}') AS cells FROM journal WHERE kind = 'selftest'
            ORDER BY seq DESC LIMIT 1));

-- A work is as much in the shards as the edition of it that is most.
CREATE VIEW v_works AS
WITH covered AS (SELECT edition_id, CAST(sum(words) AS BIGINT) AS words,
                        list(struct_pack(word_begin, word_end) ORDER BY word_begin) AS spans
                 FROM v_coverage GROUP BY edition_id),
own AS (SELECT work_id, max(words) AS words
        FROM (SELECT work_id, edition_id, CAST(sum(words) AS BIGINT) AS words FROM v_own_coverage GROUP BY ALL)
        GROUP BY work_id),
matched AS (SELECT edition_id, CAST(sum(matched_words) AS BIGINT) AS words,
                   CASE WHEN bool_or(estimated) THEN sum(matched_words) / sum(columns) ELSE 1 END AS equal,
                   sum(matched_low) / sum(matched_words) AS low, sum(matched_high) / sum(matched_words) AS high
            FROM (SELECT *, matched_words / greatest(identity, 0.01) AS columns FROM v_passages) GROUP BY edition_id),
-- estimated passages are whole spans, of which a share is equal
best AS (SELECT e.work_id, e.edition_id, coalesce(c.words * m.equal, 0) / greatest(e.words, 1) AS coverage,
                CAST(round(coalesce(c.words * m.equal, 0)) AS BIGINT) AS covered_words,
                coalesce(m.words, 0) AS matched_words, coverage * m.low AS coverage_low,
                CASE WHEN m.high IS NOT NULL THEN least(1, coverage * m.high) END AS coverage_high, c.spans, e.words
         FROM edition e LEFT JOIN covered c USING (edition_id) LEFT JOIN matched m USING (edition_id)
         QUALIFY row_number() OVER (PARTITION BY e.work_id
                                     ORDER BY coverage DESC, matched_words DESC, e.edition_id) = 1),
found AS (SELECT work_id, max(longest_run) AS longest_run, count(DISTINCT (shard, "row")) AS documents,
                 count(DISTINCT shard) AS shards,
                 CAST(sum(matched_words) AS DOUBLE) / sum(matched_words / greatest(identity, 0.01)) AS identity,
                 count(*) FILTER (role = 'credited') AS credited_matches,
                 coalesce(CAST(sum(matched_words) FILTER (role = 'credited') AS BIGINT), 0) AS credited_words,
                 count(DISTINCT (shard, "row")) FILTER (role = 'credited') AS credited_documents,
                 count(DISTINCT (shard, "row")) FILTER (role = 'shared') AS shared_documents,
                 bool_or(estimated) AS estimated
          FROM v_passages GROUP BY work_id)
SELECT w.work_id, w.title, w.author, w.editions, w.decoy, b.edition_id AS best_edition, b.words AS best_words,
       {grade_sql("b.coverage", "coalesce(o.words, 0)")} AS grade,
       round(b.coverage, 6) AS coverage, round(b.coverage_low, 6) AS coverage_low,
       round(b.coverage_high, 6) AS coverage_high, b.covered_words, coalesce(o.words, 0) AS own_words, b.matched_words,
       coalesce(f.longest_run, 0) AS longest_run, round(f.identity, 6) AS identity,
       coalesce(f.documents, 0) AS documents, coalesce(f.shards, 0) AS shards,
       CASE WHEN b.covered_words > 0 THEN round(b.matched_words / b.covered_words, 2) ELSE 0 END AS copies,
       {_DECILES} AS deciles,
       coalesce(f.credited_matches, 0) AS credited_matches, coalesce(f.credited_words, 0) AS credited_words,
       coalesce(f.credited_documents, 0) AS credited_documents, coalesce(f.shared_documents, 0) AS shared_documents,
       coalesce(f.estimated, false) AS estimated, a.status AS allowed
FROM work w JOIN best b USING (work_id) LEFT JOIN own o USING (work_id) LEFT JOIN found f USING (work_id)
LEFT JOIN (SELECT * FROM v_allowed WHERE holds) a USING (work_id);

CREATE VIEW v_documents AS
WITH intervals AS (SELECT shard, "row", text_column, b.doc_word AS low, b.doc_word + b.words AS high
                   FROM (SELECT shard, "row", text_column, unnest(blocks) AS b FROM match)),
ordered AS (SELECT *, max(high) OVER (PARTITION BY shard, "row", text_column ORDER BY low, high
                                      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached FROM intervals),
copied AS (SELECT shard, "row", CAST(sum(greatest(0, high - greatest(low, coalesce(reached, low)))) AS BIGINT) AS words
           FROM ordered GROUP BY shard, "row")
SELECT m.shard, m."row", any_value(m.doc_id) AS doc_id, any_value(c.words) AS matched_words, count(*) AS matches,
       max(m.longest_run) AS longest_run, list_sort(list(DISTINCT m.work_id)) AS works,
       bool_or(m.estimated) AS estimated
FROM match m JOIN copied c ON c.shard = m.shard AND c."row" = m."row" GROUP BY m.shard, m."row";

CREATE VIEW v_shards AS
SELECT s.*, coalesce(m.matches, 0) AS matches, coalesce(m.works, 0) AS works,
       (SELECT count(*) FROM exception x WHERE x.shard = s.shard) AS exceptions
FROM shard s LEFT JOIN (SELECT shard, count(*) AS matches, count(DISTINCT work_id) AS works
                        FROM match GROUP BY shard) m USING (shard);
"""

_DIGEST = _id_digest("doc_id")
_TEXTS = "excerpt, doc_before, doc_after, ref_excerpt, ref_before, ref_after, url"


def _without(texts: str) -> str:
    nulls = ", ".join(f"CAST(NULL AS VARCHAR) AS {name}" for name in texts.split(", "))
    return f"* REPLACE ({nulls}, {_DIGEST} AS doc_id)"


_NO_REASON = """* REPLACE (CASE WHEN outcome IN ('failed', 'skipped') THEN reason END AS reason)"""
_NO_NOTE = "* REPLACE (CAST(NULL AS VARCHAR) AS note)"

REDACTED = {
    "match": _without(f"{_TEXTS}, ref_excerpt_other"),
    "v_matches": _without(_TEXTS),
    "v_documents": f"* REPLACE ({_DIGEST} AS doc_id)",
    "exception": """* REPLACE (CASE WHEN "row" IS NULL THEN reason END AS reason)""",
    "shard": _NO_REASON,
    "v_shards": _NO_REASON,
    "v_reviews": _NO_NOTE,
    "journal": """* REPLACE (CASE WHEN kind = 'review' THEN json_merge_patch(entry, '{"note": null}') ELSE entry END
        AS entry)""",
}
"""Of tables and views with texts of documents or editions, what is left without them. Hosts, titles and names of shards
stay, and what is said of whole shards.
"""
