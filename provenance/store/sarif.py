"""Matches as SARIF 2.1.0, for viewers and gates that read findings of scanners: small runs only, it is all one object.

OASIS, Static Analysis Results Interchange Format Version 2.1.0 (2020). A place in a shard is a logical location: no
region of that standard means a row. What is allowed or was rejected by a person is there, suppressed, with the reason.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from provenance.display.text import percent, safe
from provenance.errors import UsageError
from provenance.files.writing import atomic_write

if TYPE_CHECKING:
    from provenance.store.database import RunReader

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_RESULTS = 10_000
RULES = {  # by grade, its level and what it says
    "complete": ("error", "At least 90 % of a known work is in the scanned data."),
    "substantial": ("error", "At least 20 % of a known work is in the scanned data."),
    "excerpts": ("warning", "At least 300 words of a known work are in the scanned data."),
    "quotation": ("note", "A quotation from a known work is in the scanned data."),
    "shared": ("note", "Words that a known work shares with another that explains them better."),
}

MATCHES = """
SELECT m.match_id, m.match_key, m.shard, m."row", m.row_group, m.doc_id, m.text_column, m.doc_begin, m.doc_end,
       m.edition_id, m.work_id, m.ref_begin, m.ref_end, m.matched_words, m.identity, m.longest_run, m.expectation,
       m.estimated, m.excerpt_sha256, w.title, w.author, w.grade, w.coverage, w.decoy, a.status, a.reason, a.holds,
       r.decision, r.note, r.name AS reviewer, f.status AS match_status, f.reason AS match_reason,
       f.holds AS match_holds
FROM v_matches m JOIN v_works w USING (work_id) LEFT JOIN v_allowed a USING (work_id)
     LEFT JOIN v_reviews r USING (match_id) LEFT JOIN v_allowed_matches f USING (match_key)
ORDER BY m.shard, m."row", m.text_column, m.doc_begin, m.doc_end, m.edition_id, m.ref_word"""


def write_sarif(run: RunReader, what: str, out: Path) -> int:
    """Write all matches; returns how many. Raises UsageError for another table, and for more than MOST_RESULTS."""
    if what != "matches":
        raise UsageError(f"SARIF holds matches: pass --what matches, or export {what} as parquet, csv or jsonl")
    count = run.query("SELECT count(*) AS n FROM match")[0]["n"]
    if count > MOST_RESULTS:
        raise UsageError(f"the run has {count:,} matches; SARIF takes at most {MOST_RESULTS:,}: export them as parquet")
    rows = run.query(MATCHES)
    with atomic_write(out) as file:
        file.write(json.dumps(_log(run, rows), indent=1).encode() + b"\n")
    return len(rows)


def _log(run: RunReader, rows: list[dict[str, Any]]) -> dict[str, Any]:
    record = run.query("SELECT * FROM run")[0]
    shards = run.query("SELECT shard, sha256, bytes, outcome, reason FROM shard ORDER BY shard")
    exceptions = run.query("SELECT * FROM exception ORDER BY ALL")
    numbers = {shard["shard"]: number for number, shard in enumerate(shards)}
    rules = [
        {"id": grade, "defaultConfiguration": {"level": level}, "shortDescription": {"text": text}}
        for grade, (level, text) in RULES.items()
    ]
    times = {"startTimeUtc": record["started_utc"], "endTimeUtc": record["ended_utc"]}  # as far as that is known
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "provenance", "semanticVersion": record["tool_version"], "rules": rules}},
                "automationDetails": {"id": f"provenance/{record['terms_digest']}"},
                "invocations": [
                    {
                        "executionSuccessful": record["outcome"] == "complete",
                        **{name: f"{moment:%Y-%m-%dT%H:%M:%SZ}" for name, moment in times.items() if moment},
                        "toolExecutionNotifications": [_notification(row) for row in exceptions],
                    }
                ],
                "artifacts": [_artifact(shard) for shard in shards],
                "results": [_result(row, numbers) for row in rows],
            }
        ],
    }


def _notification(row: dict[str, Any]) -> dict[str, Any]:
    return {"level": "error", "message": {"text": f"not scanned: {safe(row['reason'] or row['kind'])}"}}


def _artifact(shard: dict[str, Any]) -> dict[str, Any]:
    artifact: dict[str, Any] = {"location": {"uri": _uri(shard["shard"])}, "properties": {"outcome": shard["outcome"]}}
    if shard["sha256"]:
        artifact["hashes"] = {"sha-256": shard["sha256"]}
    if shard["bytes"] is not None:
        artifact["length"] = shard["bytes"]
    return artifact


def _uri(name: str) -> str:
    """A path or an address as the reference that SARIF asks for."""
    return quote(name, safe="/:@!$&'()*+,;=~-._?#" if "://" in name else "/@!$&'()*+,;=~-._")


def _result(row: dict[str, Any], numbers: dict[str, int]) -> dict[str, Any]:
    grade = row["grade"] if row["grade"] in RULES else "shared"
    title = safe(row["title"] or row["work_id"])
    message = (
        f"{row['matched_words']:,} words of {title}, identity {percent(row['identity'])}, of which "
        f"{percent(row['coverage'])} are in the data"
    )
    place = f"row {row['row']}, {row['text_column']}, bytes {row['doc_begin']} to {row['doc_end']}"
    fields = (
        "work_id", "edition_id", "row", "row_group", "doc_id", "text_column", "doc_begin", "doc_end", "ref_begin",
        "ref_end", "matched_words", "identity", "longest_run", "expectation", "estimated", "excerpt_sha256",
    )  # fmt: skip
    return {
        "ruleId": grade,
        "level": RULES[grade][0],
        "message": {"text": message},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": _uri(row["shard"]), "index": numbers[row["shard"]]}},
                "logicalLocations": [{"fullyQualifiedName": safe(place), "kind": "row"}],
            }
        ],
        "partialFingerprints": {
            "provenance/match_id/v1": row["match_id"],  # another one wherever the row moves to
            "provenance/match_key/v1": row["match_key"],  # the same one
        },
        "suppressions": _suppressions(row),
        "properties": {name: row[name] for name in fields},
    }


def _suppressions(row: dict[str, Any]) -> list[dict[str, Any]]:
    reasons = (
        (row["holds"], f"{row['status']}: {row['reason']}"),
        (row["match_holds"], f"{row['match_status']}: {row['match_reason']}"),
        (row["decision"] == "rejected", f"rejected by {row['reviewer']}: {row['note'] or 'no note'}"),
    )
    return [
        {"kind": "external", "status": "accepted", "justification": safe(reason)} for holds, reason in reasons if holds
    ]
