"""Tables that help to fill the template for the public summary of training content (AI Act, Art. 53(1)(d)).

European Commission, template of July 2025. Each file is named after the section of the template that it helps with.
What is written there, and whether it is enough, is for the provider to judge.
"""

import json
from importlib.resources import files

import pyarrow as pa

from provenance.report.queries import QUERIES
from provenance.store.csv_text import csv_of
from provenance.store.database import RunReader

TOP_SHARE = 0.1  # of hosts by rank, which the template asks for; small providers: 5 %, or 1,000

SOURCES = """
SELECT regexp_extract(shard, '^(.*)[/]', 1, 's') AS folder, format, count(*) AS files,
       count(*) FILTER (outcome = 'scanned') AS scanned, count(*) FILTER (outcome = 'partial') AS partial,
       count(*) FILTER (outcome = 'failed') AS failed, count(*) FILTER (outcome = 'skipped') AS skipped,
       CAST(sum(bytes) AS BIGINT) AS bytes, CAST(sum(documents) AS BIGINT) AS documents,
       CAST(sum(text_bytes) AS BIGINT) AS text_bytes, CAST(sum(words) AS BIGINT) AS words
FROM shard GROUP BY ALL ORDER BY ALL"""
"""`s`: a folder may have a line break in its name."""


def _origins(kind: str, unsaid: str, nowhere: str) -> str:
    """SQL for all text that was scanned by its origin: a row each for those that are named, and for what is not.

    A file without such a column is not counted in `origin`; here it is, so that shares are of all that was scanned.
    """
    return f"""
WITH known AS (SELECT name, documents, text_bytes, documents_matched,
                      CASE WHEN name IS NULL THEN '(others, summed up in their units)' WHEN name = '' THEN '{unsaid}'
                           ELSE name END AS origin FROM origin WHERE kind = '{kind}'),
sums AS (SELECT coalesce(sum(documents), 0) AS documents, coalesce(sum(text_bytes), 0) AS text_bytes,
                coalesce(sum(documents_matched), 0) AS documents_matched FROM known),
rest AS (SELECT sum(s.documents - s.nulls) - any_value(k.documents) AS documents,
                sum(s.text_bytes) - any_value(k.text_bytes) AS text_bytes,
                sum(s.documents_matched) - any_value(k.documents_matched) AS documents_matched
         FROM shard s, sums k),
origins AS (SELECT origin, name IS NOT NULL AND name <> '' AS named, documents, text_bytes, documents_matched FROM known
            UNION ALL SELECT '{nowhere}', false, CAST(documents AS BIGINT), CAST(text_bytes AS BIGINT),
                             CAST(documents_matched AS BIGINT) FROM rest WHERE documents > 0)"""


COLLECTIONS = f"""{_origins("collection", "(not said)", "(in files without a column for it)")}
SELECT origin AS collection, documents, text_bytes, documents_matched AS documents_with_known_works
FROM origins ORDER BY text_bytes DESC, collection"""

DOMAINS = f"""{_origins("site", "(no URL)", "(in files without a URL column)")},
ranked AS (SELECT *, greatest(sum(text_bytes) OVER (), 1) AS whole, count(*) FILTER (named) OVER () AS hosts,
                  row_number() OVER above AS place, sum(text_bytes) OVER above AS reached
           FROM origins WINDOW above AS (PARTITION BY named ORDER BY text_bytes DESC, origin
                                         ROWS UNBOUNDED PRECEDING))
SELECT CASE WHEN named THEN place END AS rank, origin AS host, documents, text_bytes,
       round(text_bytes / whole, 6) AS share, CASE WHEN named THEN round(reached / whole, 6) END AS cumulative_share,
       named AND place <= ceil({TOP_SHARE} * hosts) AS in_top_tenth,
       documents_matched AS documents_with_known_works
FROM ranked ORDER BY rank NULLS LAST, host"""

WORKS = """
SELECT w.work_id, w.title, w.author, e.rights_holder, e.licence, e.registration, e.isbn, w.grade, w.coverage,
       w.documents, w.shards, a.status AS allowed, a.reason AS allowed_because, a.expires AS allowed_until,
       coalesce(a.holds, false) AS allowance_holds
FROM v_works w LEFT JOIN v_allowed a USING (work_id)
LEFT JOIN (SELECT work_id, string_agg(DISTINCT rights_holder, '; ' ORDER BY rights_holder) AS rights_holder,
                  string_agg(DISTINCT licence, '; ' ORDER BY licence) AS licence,
                  string_agg(DISTINCT registration, '; ' ORDER BY registration) AS registration,
                  string_agg(DISTINCT isbn, '; ' ORDER BY isbn) AS isbn FROM edition GROUP BY work_id) e USING (work_id)
WHERE w.documents > 0 AND NOT w.decoy ORDER BY w.coverage DESC, w.work_id"""


def annex(run: RunReader) -> dict[str, bytes]:
    """The files, by name; all CSV is safe to open in a spreadsheet."""
    asked = {"2-sources": SOURCES, "2-collections": COLLECTIONS, "2.3-domains": DOMAINS, "3-works": WORKS}
    tables = {**{name: run.arrow(sql) for name, sql in asked.items()}, "3-processing": _processing(run)}
    written = {f"annex/{name}.csv": csv_of(table).encode() for name, table in tables.items()}
    return {"annex/README.md": (files("provenance.evidence") / "texts" / "annex.md").read_bytes(), **written}


def _processing(run: RunReader) -> pa.Table:
    record = run.query("SELECT * FROM run")[0]
    config = json.loads(record["config"])
    counted = run.query(QUERIES["files"].whole)[0]
    facts = {
        "tool": f"provenance {record['tool_version']}",
        "run ended (UTC)": record["ended_utc"],
        "outcome": record["outcome"],
        "known works looked for": run.query(QUERIES["library"].whole)[0]["works"],
        "files listed": counted["listed"],
        "files scanned": counted["scanned"],
        "files that failed": counted["failed"],
        "files scanned in part": counted["partial"],
        "files skipped by rule": counted["skipped"],
        "exceptions": counted["exceptions"],
        "documents scanned": record["documents_scanned"],
        "documents with known works": record["documents_matched"],
        "words scanned": counted["words"],
        "bytes of text scanned": counted["text_bytes"],
        "text rules": record["text_rules"],
        "least words of a match": config["match"]["min_words"],
        "index digest (XXH3-128)": record["index_digest"],
        "digest of all unit files (SHA-256)": record["units_digest"],
    }
    return pa.table({"what": list(facts), "value": list(map(str, facts.values()))})
