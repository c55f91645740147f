"""The questions whose answers a report prints: every number in it is a value of one of these, and `docs/report.md` has
them, so that anybody can ask them again.
"""

from typing import NamedTuple


class Query(NamedTuple):
    """What is asked, and in which order the answers stand."""

    about: str
    sql: str  # without its order
    order: str = ""

    @property
    def whole(self) -> str:
        """As one types it."""
        return f"{self.sql}\nORDER BY {self.order}" if self.order else self.sql

    def where(self, condition: str) -> str:
        """Only the answers of which a condition holds."""
        return f"SELECT * FROM ({self.sql}) WHERE {condition}" + (f"\nORDER BY {self.order}" if self.order else "")


WORK_ORDER = "coverage DESC, matched_words DESC, work_id"

QUERIES = {
    "run": Query(
        "The run: what made it, and its sums",
        """SELECT tool_version, code_sha256, code_commit, text_rules, unicode, python, platform, index_path,
       index_digest, key_id, terms_digest, units_digest, outcome, started_utc, ended_utc,
       round(seconds, 1) AS seconds, workers, files_listed, documents_scanned, documents_matched, bytes_scanned
FROM run""",
    ),
    "files": Query(
        "Files by outcome, and all that was read of them",
        """SELECT count(*) AS listed, count(*) FILTER (outcome = 'scanned') AS scanned,
       count(*) FILTER (outcome = 'partial') AS partial, count(*) FILTER (outcome = 'failed') AS failed,
       count(*) FILTER (outcome = 'skipped') AS skipped, coalesce(CAST(sum(bytes) AS BIGINT), 0) AS bytes,
       coalesce(CAST(sum(bytes) FILTER (outcome IN ('scanned', 'partial')) AS BIGINT), 0) AS bytes_of_scanned,
       coalesce(CAST(sum(rows_read) AS BIGINT), 0) AS rows_read,
       coalesce(CAST(sum(documents) AS BIGINT), 0) AS documents, coalesce(CAST(sum(nulls) AS BIGINT), 0) AS nulls,
       coalesce(CAST(sum(words) AS BIGINT), 0) AS words, coalesce(CAST(sum(text_bytes) AS BIGINT), 0) AS text_bytes,
       coalesce(CAST(sum(invalid_documents) AS BIGINT), 0) AS invalid_documents,
       coalesce(CAST(sum(documents_matched) AS BIGINT), 0) AS documents_matched,
       coalesce(CAST(sum(documents - nulls - documents_matched) AS BIGINT), 0) AS documents_clean,
       coalesce(CAST(sum(common_passages) AS BIGINT), 0) AS common_passages,
       (SELECT count(*) FROM exception) AS exceptions
FROM shard""",
    ),
    "library": Query(
        "The known works, and how many of each outcome",
        """SELECT count(*) AS works, (SELECT count(*) FROM edition WHERE NOT decoy) AS editions,
       (SELECT CAST(sum(words) AS BIGINT) FROM edition WHERE NOT decoy) AS words,
       count(*) FILTER (grade <> 'none') AS found, count(*) FILTER (grade = 'complete') AS complete,
       count(*) FILTER (grade = 'substantial') AS substantial, count(*) FILTER (grade = 'excerpts') AS excerpts,
       count(*) FILTER (grade = 'quotation') AS quotation,
       count(*) FILTER (grade = 'none' AND documents > 0) AS only_shared,
       count(*) FILTER (documents = 0) AS without_match,
       count(*) FILTER (grade <> 'none' AND allowed IS NOT NULL) AS allowed
FROM v_works WHERE NOT decoy""",
    ),
    "matches_in_all": Query(
        "All matches together",
        """SELECT count(*) AS matches, count(DISTINCT work_id) AS works, count(DISTINCT (shard, "row")) AS documents,
       coalesce(CAST(sum(matched_words) AS BIGINT), 0) AS words, coalesce(max(longest_run), 0) AS longest_run,
       count(*) FILTER (estimated) AS estimated, coalesce(max(expectation), 0) AS largest_expectation,
       coalesce(CAST(printf('%.6e', sum(expectation)) AS DOUBLE), 0) AS sum_of_expectations
FROM v_matches""",
    ),
    "decoys": Query(
        "Works that cannot be in the data",
        """SELECT CAST(decoys->>'$.works' AS BIGINT) AS works, CAST(decoys->>'$.matched' AS BIGINT) AS matched,
       CAST(decoys->>'$.too_short' AS BIGINT) AS too_short, CAST(decoys->>'$.upper95' AS DOUBLE) AS upper95
FROM run""",
    ),
    "works": Query(
        "Every work of which something is in the shards",
        """SELECT work_id, title, author, grade, coverage, coverage_low, coverage_high, identity, covered_words,
       own_words, matched_words, longest_run, documents, shards, copies, credited_matches, credited_documents,
       shared_documents, editions, best_edition, best_words, deciles, estimated, allowed
FROM v_works WHERE documents > 0 AND NOT decoy""",
        WORK_ORDER,
    ),
    "works_without_match": Query(
        "Every work of which nothing was found",
        """SELECT work_id, title, author, best_edition, best_words, editions
FROM v_works WHERE documents = 0 AND NOT decoy""",
        "work_id",
    ),
    "editions": Query(
        "The editions of every work",
        """SELECT e.work_id, e.edition_id, e.title, e.author, e.year, e.publisher, e.isbn, e.language, e.rights_holder,
       e.registration, e.licence, e.words, e.source, e.source_sha256, e.text_sha256, e.format, e.grouped_by,
       e.invalid_utf8, array_to_string(e.notes, '; ') AS notes, e.text_bytes, coalesce(c.covered, 0) AS covered_words,
       round(coalesce(c.covered, 0) / greatest(e.words, 1), 6) AS covered
FROM edition e LEFT JOIN (SELECT edition_id, CAST(sum(words) AS BIGINT) AS covered FROM v_coverage
                          GROUP BY edition_id) c USING (edition_id)
WHERE NOT e.decoy""",
        "work_id, covered DESC, edition_id",
    ),
    "work_shards": Query(
        "Of every work and shard, what is there",
        """SELECT work_id, shard, count(*) AS passages, count(*) FILTER (role = 'credited') AS credited,
       count(DISTINCT "row") AS documents, CAST(sum(matched_words) AS BIGINT) AS words
FROM v_passages WHERE role <> 'also' GROUP BY work_id, shard""",
        "work_id, words DESC, shard",
    ),
    "work_sites": Query(
        "Of every work and host, what is there, where a URL column says so",
        """SELECT work_id, site, count(*) AS matches, count(DISTINCT (shard, "row")) AS documents,
       CAST(sum(matched_words) AS BIGINT) AS words
FROM match WHERE site IS NOT NULL GROUP BY work_id, site""",
        "work_id, words DESC, site",
    ),
    "work_collections": Query(
        "Of every work and collection, what is there, where a column says so",
        """SELECT work_id, source, count(*) AS matches, count(DISTINCT (shard, "row")) AS documents,
       CAST(sum(matched_words) AS BIGINT) AS words
FROM match WHERE source IS NOT NULL GROUP BY work_id, source""",
        "work_id, words DESC, source",
    ),
    "work_beside": Query(
        "With which works a work shares passages, and who is credited for them",
        """SELECT work_id, other, role, count(*) AS passages, CAST(sum(words) AS BIGINT) AS words
FROM (SELECT work_id, s.work_id AS other, 'this work is credited' AS role, s.matched_words AS words
      FROM (SELECT work_id, unnest(shared) AS s FROM match)
      UNION ALL
      SELECT s.work_id, work_id, 'the other is credited', s.matched_words
      FROM (SELECT work_id, unnest(shared) AS s FROM match))
GROUP BY work_id, other, role""",
        "work_id, words DESC, other, role",
    ),
    "matches": Query(
        "Every match, the longest of each work first",
        """SELECT row_number() OVER (PARTITION BY m.work_id ORDER BY m.matched_words DESC, m.match_id) AS rank,
       m.match_id, m.match_key, m.work_id, m.edition_id, m.shard, s.sha256 AS shard_sha256, m.row_group, m."row",
       m.doc_id,
       m.text_column, m.url, m.site, m.source, m.doc_begin, m.doc_end, m.doc_char_begin, m.doc_char_end,
       m.doc_token_begin, m.doc_token_end, m.doc_word, m.doc_words, m.ref_begin, m.ref_end, m.ref_char_begin,
       m.ref_char_end, m.ref_word, m.ref_words, m.matched_words, m.matched_low, m.matched_high, m.identity,
       m.longest_run, m.score, m.expectation, m.estimated, m.excerpt, m.excerpt_sha256, m.doc_before, m.doc_after,
       m.ref_excerpt, m.ref_excerpt_sha256, m.ref_before, m.ref_after, m.blocks,
       len(m.also) AS also, len(m.shared) AS shared, r.decision, r.note, r.name AS reviewer, r.at_utc AS reviewed_utc
FROM v_matches m JOIN shard s USING (shard) LEFT JOIN v_reviews r USING (match_id)""",
        "work_id, rank",
    ),
    "shards": Query(
        "Every file, those first of which not all was scanned",
        """SELECT shard, outcome, reason, format, bytes, rows, rows_read, documents, nulls, words, text_bytes,
       invalid_documents, documents_matched, round(documents_matched / greatest(documents - nulls, 1), 6) AS rate,
       matches, works, exceptions, text_column, id_column, url_column, source_column, version, sha256
FROM v_shards""",
        "outcome IN ('scanned', 'skipped'), outcome, documents_matched DESC, shard",
    ),
    "exceptions": Query(
        "What was not scanned, by kind",
        """SELECT kind, count(*) AS times, count(DISTINCT shard) AS shards, min(shard) AS example_shard,
       min(reason) AS example
FROM exception GROUP BY kind""",
        "times DESC, kind",
    ),
    "each_exception": Query(
        "What was not scanned, one by one",
        """SELECT shard, row_group, "row", kind, reason FROM exception""",
        'shard, row_group, "row", kind, reason',
    ),
    "origins": Query(
        "Hosts and collections of all that was scanned",
        """SELECT kind, name, documents, text_bytes, documents_matched,
       round(documents_matched / greatest(documents, 1), 6) AS rate FROM origin""",
        "kind, text_bytes DESC, name",
    ),
    "attempts": Query(
        "Who worked on the run, and how each attempt ended",
        """SELECT attempt, started_utc, round(seconds, 1) AS seconds, outcome, engine, task, workers, units, found,
       host, account, pid, clock_step_seconds, python, platform, code_sha256, code_commit, command FROM attempt""",
        "started_utc, attempt",
    ),
    "reviews": Query(
        "What people decided",
        """SELECT count(*) FILTER (decision = 'accepted') AS accepted,
       count(*) FILTER (decision = 'rejected') AS rejected, count(*) FILTER (decision = 'undecided') AS undecided,
       (SELECT count(*) FROM match) - count(*) FILTER (decision IN ('accepted', 'rejected')) AS not_decided,
       (SELECT count(*) FROM journal) AS entries, (SELECT arg_max(sha256, seq) FROM journal) AS last_entry
FROM v_reviews WHERE match_id IN (SELECT match_id FROM v_matches)""",
    ),
    "review_log": Query(
        "The log of reviews",
        """SELECT seq, at_utc, name, account, entry->>'$.match_id' AS match_id, entry->>'$.decision' AS decision,
       entry->>'$.note' AS note, sha256 FROM journal WHERE kind = 'review'""",
        "seq",
    ),
    "allowed": Query(
        "Works that are allowed, and whether that held when the run ended",
        """SELECT a.work_id, w.title, w.grade, w.coverage, a.status, a.reason, a.expires, a.holds, a.name, a.account,
       a.at_utc FROM v_allowed a LEFT JOIN v_works w USING (work_id)""",
        "work_id",
    ),
    "custody": Query(
        "What was said of how the inputs were acquired",
        """SELECT seq, at_utc, name, account, entry, sha256 FROM journal WHERE kind = 'custody'""",
        "seq",
    ),
    "selftest": Query(
        "The last self-test: passages that were planted in copies of rows of the shards",
        """SELECT seq, at_utc, name, account, sha256, entry->>'$.tool_version' AS tool_version,
       CAST(entry->>'$.seed' AS BIGINT) AS seed, CAST(entry->>'$.plants' AS BIGINT) AS plants,
       entry->>'$.index' AS "index", entry->>'$.settings' AS settings, CAST(entry->>'$.texts' AS BIGINT) AS texts,
       CAST(entry->>'$.owner_copies' AS BOOLEAN) AS owner_copies, CAST(entry->>'$.shards' AS BIGINT) AS shards,
       json_array_length(entry, '$.shards_sampled') AS shards_sampled,
       json_array_length(entry, '$.shards_unreadable') AS shards_unreadable,
       CAST(entry->>'$.rows_sampled' AS BIGINT) AS rows_sampled,
       CAST(entry->>'$.rows_matched' AS BIGINT) AS rows_matched, CAST(entry->>'$.rows_used' AS BIGINT) AS rows_used,
       CAST(entry->>'$.rows_cut' AS BIGINT) AS rows_cut, CAST(entry->>'$.row_bytes' AS BIGINT) AS row_bytes,
       entry->>'$.one.noise' AS one_noise, CAST(entry->>'$.one.rate' AS DOUBLE) AS one_rate,
       CAST(entry->>'$.one.words' AS BIGINT) AS one_words, CAST(entry->>'$.one.planted' AS BIGINT) AS one_planted,
       CAST(entry->>'$.one.found' AS BIGINT) AS one_found, CAST(entry->>'$.one.low' AS DOUBLE) AS one_low,
       CAST(entry->>'$.all.planted' AS BIGINT) AS all_planted, CAST(entry->>'$.all.found' AS BIGINT) AS all_found
FROM journal WHERE kind = 'selftest' QUALIFY seq = max(seq) OVER ()""",
    ),
    "selftest_cells": Query(
        "Its cells: of passages of so many words, changed in one way, how many were planted and found",
        """SELECT place, noise, rate, words, planted, found, credited, recall, low, high FROM v_selftest""",
        "place",
    ),
    "digests": Query(
        "How many inputs have a digest",
        """SELECT (SELECT count(*) FROM shard WHERE sha256 IS NOT NULL) AS shards,
       (SELECT count(*) FROM edition WHERE source_sha256 IS NOT NULL) AS editions,
       (SELECT count(*) FROM unit) AS units, (SELECT count(*) FROM attempt) AS attempts,
       (SELECT count(*) FROM attempt WHERE outcome <> 'finished') AS not_finished""",
    ),
}  # fmt: skip
"""By name, as the attributes `data-query` of a report give it."""
