"""An in-toto Statement of a bundle: which files it has, and of which run they are. Unsigned, ready to be signed.

in-toto Attestation Framework, Statement v1. To sign it as DSSE: `cosign attest-blob --statement statement.json ...`.
"""

import json
from collections.abc import Mapping
from typing import Any

from provenance.report.queries import QUERIES
from provenance.store.database import RunReader

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:x-provenance-scanner:scan-result:1"
"""A name for what the predicate says, not an address."""

MOST_INPUTS = 10_000  # shards that are named one by one


def statement(run: RunReader, files: Mapping[str, str]) -> dict[str, Any]:
    """The statement; `files` are the SHA-256 of each file by its name. Depends on nothing but these and the run."""
    record = run.query("SELECT * FROM run")[0]
    scanned, works = (run.query(QUERIES[name].whole)[0] for name in ("files", "library"))
    shards = run.query(f"SELECT shard, sha256, outcome, version FROM shard ORDER BY shard LIMIT {MOST_INPUTS}")
    inputs = [_input(shard) for shard in shards]
    started, ended = (record[name] and f"{record[name].isoformat()}Z" for name in ("started_utc", "ended_utc"))
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(files.items())],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "tool": {
                "name": "provenance", "version": record["tool_version"],
                "code_sha256": record["code_sha256"], "commit": record["code_commit"],
            },
            "run": {
                "outcome": record["outcome"], "startedOn": started, "finishedOn": ended,
                "terms_sha256": record["terms_digest"], "units_sha256": record["units_digest"],
                "index": {"path": record["index_path"], "xxh3_128": record["index_digest"]},
                "config": json.loads(record["config"]),
            },
            "scanned": {**scanned, "inputs": inputs, "inputs_left_out": scanned["listed"] - len(inputs)},
            "works": works,
        },
    }  # fmt: skip


def _input(shard: dict[str, Any]) -> dict[str, Any]:
    """A shard as in-toto describes resources."""
    resource: dict[str, Any] = {"uri": shard["shard"], "annotations": {"outcome": shard["outcome"]}}
    if shard["sha256"]:
        resource["digest"] = {"sha256": shard["sha256"]}
    if shard["version"]:
        resource["annotations"]["version"] = shard["version"]
    return resource
