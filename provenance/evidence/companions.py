"""What a bundle says in formats of others: an in-toto Statement of its files, the scanned set as Croissant metadata.

in-toto Attestation Framework, Statement v1: which files a bundle has, and of which run they are; unsigned, ready to be
signed. To sign it as DSSE: `cosign attest-blob --statement statement.json ...`. MLCommons Croissant Format
Specification 1.1: files and columns, as far as a run knows them; licence and citation are the publisher's to say.
"""

import json
from collections.abc import Mapping
from typing import Any

from provenance.display.text import safe, utc
from provenance.report.queries import QUERIES
from provenance.store.database import RunReader

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:x-provenance-scanner:scan-result:1"
"""A name for what the predicate says, not an address."""

MOST_INPUTS = 10_000  # shards that are named one by one

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
MOST_FILES = 10_000

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{
        name: f"cr:{name}"
        for name in (
            "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet",
            "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet",
            "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField",
            "transform",
        )
    },
}  # fmt: skip

FORMATS = {
    "parquet": "application/vnd.apache.parquet", "arrow file": "application/vnd.apache.arrow.file",
    "arrow stream": "application/vnd.apache.arrow.stream", "jsonl": "application/jsonl", "csv": "text/csv",
    "tsv": "text/tab-separated-values", "webdataset tar": "application/x-tar", "warc": "application/warc",
}  # fmt: skip
UNKNOWN = "application/octet-stream"


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


def croissant(run: RunReader) -> dict[str, Any]:
    """The JSON-LD object; the same for the same run."""
    counts = run.query(QUERIES["files"].whole)[0]
    ended = run.query("SELECT ended_utc FROM run")[0]["ended_utc"]
    shards = run.query(
        f"""SELECT shard, sha256, bytes, format, text_column, id_column, url_column, source_column FROM shard
        WHERE outcome IN ('scanned', 'partial') AND sha256 IS NOT NULL ORDER BY shard LIMIT {MOST_FILES}"""
    )
    whole = counts["scanned"] + counts["partial"]
    sentences = [
        f"The files that a run of provenance scanned, which ended {utc(ended)}: {whole:,} of {counts['listed']:,} "
        f"files listed, {counts['documents']:,} documents, {counts['words']:,} words.",
    ]
    if counts["exceptions"] or counts["failed"] or counts["partial"] or counts["skipped"]:
        sentences.append(
            f"Not scanned, or in part: {counts['failed']:,} files failed, {counts['skipped']:,} skipped by rule, "
            f"{counts['partial']:,} in part, {counts['exceptions']:,} exceptions; they are not known to be clean."
        )
    if whole > len(shards):  # Croissant asks for a digest of every file, and one that changed since may have none
        sentences.append(
            f"{whole - len(shards):,} more files are not listed here, which have no digest or come after the first "
            f"{MOST_FILES:,}; run/shard.parquet has all."
        )
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": "scanned-set",
        "description": " ".join(sentences),
        "conformsTo": CONFORMS_TO,
        **({} if ended is None else {"datePublished": f"{ended:%Y-%m-%d}"}),
        "distribution": [_file(number, shard) for number, shard in enumerate(shards, 1)],
        "recordSet": _records(shards),
    }


def _file(number: int, shard: dict[str, Any]) -> dict[str, Any]:
    kind = str(shard["format"] or "").partition(" (")[0]
    entry = {
        "@type": "cr:FileObject", "@id": f"file-{number}", "name": f"file-{number}",
        "description": safe(shard["shard"]), "contentUrl": shard["shard"],
        "encodingFormat": FORMATS.get(kind, UNKNOWN), "sha256": shard["sha256"],
    }  # fmt: skip
    if shard["bytes"] is not None:
        entry["contentSize"] = f"{shard['bytes']} B"
    return entry


def _records(shards: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A record set for the columns of the first file that has plain ones; paths into structs and lists are left out.

    Whoever loads the data would look for a column of that very name.
    """
    for number, shard in enumerate(shards, 1):
        if not _plain(shard["text_column"]) or shard["format"] not in ("parquet", "csv", "tsv", "jsonl"):
            continue
        columns = [shard[f"{name}_column"] for name in ("id", "text", "url", "source")]
        fields = [_field(number, column) for column in dict.fromkeys(columns) if _plain(column)]
        return [{"@type": "cr:RecordSet", "@id": "documents", "name": "documents", "field": fields}]
    return []


def _plain(column: str | None) -> bool:
    """Whether it is one column of the table, and not a path into one, or several."""
    return bool(column) and not any(mark in str(column) for mark in (".", "[]", ","))


def _field(number: int, column: str) -> dict[str, Any]:
    source = {"fileObject": {"@id": f"file-{number}"}, "extract": {"column": column}}
    name = safe(column)
    return {"@type": "cr:Field", "@id": f"documents/{name}", "name": name, "dataType": "sc:Text", "source": source}
