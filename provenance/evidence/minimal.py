"""The least that a run can say to who owns the books: which works are in, how much of each, and nothing of the data.

No shard, document, text, host or path is in it; what it stands on is committed to by one salted digest, so that the
whole run can be asked for later, and whatever is shown then is held against it. See `docs/two-party.md`.
"""

import hmac
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct, ValidationError, convert, defstruct

from provenance.errors import BundleError, ProvenanceError, StoreError, UsageError
from provenance.evidence.manifest import with_digest, without_digest
from provenance.files.digests import canonical_json
from provenance.files.writing import atomic_write, check_free, check_parent
from provenance.index.format import read_manifest
from provenance.index.opening import Index
from provenance.isolation.tasks import MOST, Number
from provenance.report.queries import QUERIES
from provenance.sketch import Key
from provenance.store.database import RunReader
from provenance.verify.check import DIFFERENT, EQUAL, MOST_EXAMPLES, Check

FORMAT, VERSION = "provenance-minimal-result", 1
LEAST_SALT = 16  # bytes
MOST_BYTES = 256 << 20
ROUNDED = 1e-4  # coverage has four digits

WORKS = """
SELECT work_id, best_edition, CAST(best_words AS BIGINT) AS words, grade, round(coverage, 4) AS coverage,
       round(coverage_low, 4) AS coverage_low, round(coverage_high, 4) AS coverage_high, covered_words,
       documents, estimated
FROM v_works WHERE grade <> 'none' AND NOT decoy ORDER BY work_id"""
COMMITTED = "SELECT shard, outcome, sha256 FROM shard ORDER BY shard"

OF_FILES = ("listed", "scanned", "partial", "failed", "skipped", "documents", "documents_matched", "words")
OF_WORKS = ("works", "editions", "found", "only_shared", "without")

Share = Annotated[float, Meta(ge=0, lt=float(MOST))]


class Work(Struct, forbid_unknown_fields=True):
    """A work of a result."""

    work_id: str
    best_edition: str
    words: Number
    grade: str
    coverage: Share
    coverage_low: Share | None
    coverage_high: Share | None
    covered_words: Number
    documents: Number
    estimated: bool


def _strict(name: str, fields: dict[str, Any]) -> type[Struct]:
    return defstruct(name, list(fields.items()), forbid_unknown_fields=True)


Result = _strict("Result", {
    "format": str, "version": Number, "tool_version": str, "code_sha256": str, "text_rules": Number, "ended": str,
    "outcome": str, "index": _strict("Index", {"xxh3_128": str, "key_id": str}), "sketch": dict, "match": dict,
    "scale": Number | None, "background_fingerprints": Number, "decoys": dict,
    "scanned": _strict("Scanned", dict.fromkeys(OF_FILES, Number)),
    "library": _strict("Library", dict.fromkeys(OF_WORKS, Number)), "works": list[Work], "commitment": str,
})  # fmt: skip
"""What a result has: it comes from the other party."""


def write_minimal(db: Path, out: Path, salt: bytes, overwrite: bool = False) -> str:
    """Write the minimal result of a run; returns its digest. The same run and salt give the same bytes.

    Raises UsageError for a salt that is too short or an `out` that is taken, StoreError for what is no run, and
    OutputError.
    """
    check_parent(out)
    check_free(out, "--out", "minimal result", overwrite, lambda: read_minimal(out))
    with RunReader(db) as run, atomic_write(out) as file:
        made = minimal_result(run, salt)
        file.write(made)
    return str(json.loads(made)["sha256"])


def minimal_result(run: RunReader, salt: bytes) -> bytes:
    """The bytes of the result."""
    if len(salt) < LEAST_SALT:
        raise UsageError(f"the salt holds {len(salt)} bytes; at least {LEAST_SALT} random ones are needed")
    record = run.query("SELECT * FROM run")[0]
    config = json.loads(record["config"])
    files, library = (run.query(QUERIES[name].whole)[0] for name in ("files", "library"))
    library["without"] = library["works"] - library["found"] - library["only_shared"]
    content = {
        "format": FORMAT,
        "version": VERSION,
        **{name: record[name] for name in ("tool_version", "code_sha256", "text_rules", "outcome")},
        "ended": "" if record["ended_utc"] is None else record["ended_utc"].date().isoformat(),
        "index": {"xxh3_128": record["index_digest"], "key_id": record["key_id"]},
        **{name: json.loads(record[name]) for name in ("sketch", "decoys")},
        **{name: config[name] for name in ("match", "scale")},
        "background_fingerprints": json.loads(record["background"]).get("fingerprints", 0),
        "scanned": {name: files[name] for name in OF_FILES},
        "library": {name: library[name] for name in OF_WORKS},
        "works": run.query(WORKS),
        "commitment": commitment(run, record, salt),
    }
    return with_digest(content)


def commitment(run: RunReader, record: Mapping[str, Any], salt: bytes) -> str:
    """HMAC-SHA-256, with the salt as its key, of the digests of terms and units, and of all shards.

    The digest of units is over all matches. Salted, because who guesses which public data were scanned could else
    confirm it.
    """
    shards = [[row["shard"], row["outcome"], row["sha256"]] for row in run.query(COMMITTED)]
    body = {"terms": record["terms_digest"], "units": record["units_digest"], "shards": shards}
    return hmac.digest(salt, canonical_json(body).encode(), "sha256").hex()


def read_minimal(path: Path) -> dict[str, Any]:
    """A result, checked against its own digest and Result; raises BundleError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BundleError(f"{path} is too large for a minimal result")
        content = without_digest(path.read_bytes(), path)
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}") from error
    if (content.get("format"), content.get("version")) != (FORMAT, VERSION):
        raise BundleError(f"{path} is no minimal result of version {VERSION}")
    digest = content.pop("sha256")
    try:
        convert(content, Result)
    except (ValidationError, RecursionError) as error:
        raise BundleError(f"{path} is no minimal result: {str(error)[:200]}") from error
    return {**content, "sha256": digest}


def verify_minimal(
    path: Path, index: Path | None = None, db: Path | None = None, salt: bytes | None = None
) -> Iterator[Check]:
    """Check a minimal result: by itself, against the index that was handed over, and against the run it is of.

    Raises what opening the index or the run raises; UsageError for a run without the salt.
    """
    if db is not None and salt is None:
        raise UsageError("--run needs --salt-file: with it the commitment was made")
    try:
        result = read_minimal(path)
    except BundleError as error:
        yield Check("result", DIFFERENT, str(error))
        return
    if inner := [*_sums(result)]:
        yield Check("result", DIFFERENT, f"{path} contradicts itself: {inner[0]}", tuple(inner[1:MOST_EXAMPLES]))
        return
    yield Check("result", EQUAL, f"it has the digest in it, {result['sha256']}, and its numbers add up")
    if index is not None:
        yield from _against_index(result, index)
    if db is not None and salt is not None:
        yield _against_run(path, result, db, salt)


def _sums(result: dict[str, Any]) -> Iterator[str]:
    """Where numbers of a result do not fit one another."""
    scanned, library, works = result["scanned"], result["library"], result["works"]
    if scanned["listed"] != sum(scanned[name] for name in ("scanned", "partial", "failed", "skipped")):
        yield "files that were listed are not those scanned, failed and skipped"
    outcomes = sum(library[name] for name in ("found", "only_shared", "without"))
    if library["found"] != len(works) or library["works"] != outcomes:
        yield "works that were looked for are not those found and not found"
    names = [work["work_id"] for work in works]
    if names != sorted(set(names)):
        yield "works are named twice, or out of order"
    for work in works:
        off = abs(work["covered_words"] - work["coverage"] * work["words"])
        if not 0 <= work["coverage"] <= 1 or off > 1 + ROUNDED * work["words"]:
            yield f"coverage of {work['work_id']} is not its covered words"
        if not 0 < work["documents"] <= scanned["documents_matched"] <= scanned["documents"]:
            yield f"{work['work_id']} is in more documents than there are"


def _against_index(result: dict[str, Any], folder: Path) -> Iterator[Check]:
    manifest = read_manifest(folder)
    opened = Index(folder, Key(key_id=manifest["key_id"]))
    try:
        opened.verify()
    except ProvenanceError as error:
        yield Check("index", DIFFERENT, str(error))
        return
    ours = {"xxh3_128": opened.digest, "key_id": manifest["key_id"]}
    if (theirs := result["index"]) != ours:
        under = "{xxh3_128} under key {key_id}".format_map
        yield Check("index", DIFFERENT, f"the result is of index {under(theirs)}; {folder} is {under(ours)}")
        return
    yield Check("index", EQUAL, f"{folder} is the index that was scanned with, and its key is {ours['key_id']}")
    names = ("edition_id", "work_id", "words", "decoy")
    rows = zip(*(opened.editions[name].to_pylist() for name in names), strict=True)
    editions = {edition: (work, words) for edition, work, words, decoy in rows if not decoy}
    different = [
        f"{work['work_id']} with {work['words']:,} words in {work['best_edition']} is not in it"
        for work in result["works"]
        if editions.get(work["best_edition"]) != (work["work_id"], work["words"])
    ]
    counts = {"editions": len(editions), "works": len({work for work, _ in editions.values()})}
    different += [
        f"{name} are {count:,}, and the result says {result['library'][name]:,}"
        for name, count in counts.items()
        if result["library"][name] != count
    ]
    if different:
        yield Check("works", DIFFERENT, f"not all works are those of the index: {different[0]}", tuple(different[1:]))
        return
    yield Check("works", EQUAL, f"all {len(result['works']):,} works found are works of the index, of that length")


def _against_run(path: Path, result: dict[str, Any], db: Path, salt: bytes) -> Check:
    with RunReader(db) as run:
        try:
            made = minimal_result(run, salt)
        except (StoreError, LookupError, ValueError) as error:
            return Check("run", DIFFERENT, f"{db} is damaged, or was made by another version: {error}")
    if made == path.read_bytes():
        return Check("run", EQUAL, f"{db} gives it byte for byte, and the salt opens its commitment")
    again = json.loads(made)
    different = [name for name in Result.__struct_fields__ if again[name] != result[name]]
    return Check("run", DIFFERENT, f"{db} gives another result: {', '.join(different)} differ")
