"""Names, versions and the manifest of an index directory, and its files against that: sizes, digests, the editions.

`indexes/README.md` describes the same for other readers.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Meta, Struct, ValidationError, convert

from provenance.errors import IndexDamagedError, IndexFormatError, IndexMissingError
from provenance.files.digests import canonical_json, file_digest, readable_json, text_digest
from provenance.files.writing import atomic_write
from provenance.kernels.probe import FEWEST_BUCKET_BITS, MOST_BUCKET_BITS
from provenance.readers.document import DESCRIBED
from provenance.text.rules import TEXT_RULES_VERSION

FORMAT = "provenance-index"
FORMAT_VERSION = 4

MANIFEST = "index.json"
EDITIONS = "editions.parquet"
FINGERPRINTS = "fingerprints.u32"  # one a posting: what its bucket does not say of its stored value, ascending there
POSTINGS = "postings.u32"  # global word position of each, its low 32 bits
POSTINGS_HIGH = "postings_high.u8"  # and the next 8, where there are so many words
BUCKETS = "buckets.bin"
FILTER = "filter.u64"
IDENTITIES = "identities.u64"  # sketches by which editions of one work are found
WORDS = "words.u32"  # low half of the hash of every word
SPANS = "spans.u8"  # bytes before every word, and of it, so that places need no text
TEXTS = "texts.zst"
BLOCKS = "blocks.u64"
TABLES = (FINGERPRINTS, POSTINGS, POSTINGS_HIGH, BUCKETS, FILTER)  # what a posting costs

OUTCOMES = ("read", "skipped", "failed")
COUNTS = ("editions", "works", "words", "postings", "distinct_fingerprints", "dropped_repeats")

EDITION_SCHEMA = pa.schema(
    [
        ("edition_id", pa.string()),
        ("work_id", pa.string()),
        ("grouped_by", pa.string()),  # given | title | content | alone: why the edition is in this work
        ("title", pa.string()),
        ("author", pa.string()),
        *((name, pa.string()) for name in DESCRIBED),
        ("source", pa.string()),  # file the text came from, and its row where it has rows
        ("source_sha256", pa.string()),
        ("format", pa.string()),  # txt | html | epub | pdf | jsonl | parquet
        ("encoding", pa.string()),  # of the source, and how it was chosen
        ("cut_front", pa.int64()),  # bytes of Project Gutenberg's before the text that were left out
        ("cut_back", pa.int64()),
        ("notes", pa.list_(pa.string())),  # what was odd about reading it
        ("text_sha256", pa.string()),
        ("text_xxh3", pa.string()),
        ("text_bytes", pa.int64()),
        ("words", pa.int64()),
        ("first_word", pa.int64()),  # global word position of the edition's first word
        ("fingerprints", pa.int64()),  # postings kept for this edition
        ("identity_fingerprints", pa.int64()),  # of `identities.u64`, which has them edition after edition
        ("invalid_utf8", pa.int64()),  # invalid byte sequences, each a separator
        ("decoy", pa.bool_()),  # cannot be in any data: what matches it is an error
    ]
)


class Part(Struct):
    """What a manifest says of a file."""

    bytes: int
    xxh3_128: str


class Manifest(Struct):
    """The parts of a manifest that are used: its digest proves no good will."""

    sketch: dict[str, Any]
    key_id: str
    names: Literal["given", "pseudonyms"]
    texts: bool
    wide_postings: bool
    bucket_dtype: Literal["<u4", "<u8"]
    bucket_bits: Annotated[int, Meta(ge=FEWEST_BUCKET_BITS, le=MOST_BUCKET_BITS)]
    filter_scale: Annotated[int, Meta(gt=0, lt=1 << 32)]
    counts: dict[str, int]
    sources: dict[str, dict[str, Any]]
    files: dict[str, Part]

    def __post_init__(self) -> None:
        names = set(file_names(self.texts, self.wide_postings))
        if set(COUNTS) - self.counts.keys() or self.sources.keys() != set(OUTCOMES) or self.files.keys() != names:
            raise ValueError("counts, sources or files are missing")


def damaged(path: Path | str, reason: str) -> IndexDamagedError:
    """The error for a file that is not as it was written."""
    return IndexDamagedError(f"{path} is damaged: {reason}; build the index again")


def write_manifest(folder: Path, record: dict[str, Any], names: list[str]) -> str:
    """Write `index.json`: the record, size and digest of every file named, and its own digest, which is returned."""
    files = {name: {"bytes": (folder / name).stat().st_size, "xxh3_128": file_digest(folder / name)} for name in names}
    versions = {"format": FORMAT, "format_version": FORMAT_VERSION, "text_rules": TEXT_RULES_VERSION}
    body = {**versions, **record, "files": files}
    digest = manifest_digest(body)
    with atomic_write(folder / MANIFEST) as file:
        file.write(readable_json({**body, "digest": digest}))
    return digest


def file_names(texts: bool, wide_postings: bool) -> list[str]:
    """The files of an index besides its manifest."""
    files = [EDITIONS, FINGERPRINTS, POSTINGS, BUCKETS, FILTER, IDENTITIES]
    return files + ([POSTINGS_HIGH] if wide_postings else []) + ([WORDS, SPANS, TEXTS, BLOCKS] if texts else [])


def mapped(path: Path, dtype: str) -> npt.NDArray[Any]:
    """A file of numbers, mapped; raises IndexDamagedError."""
    try:
        if path.stat().st_size == 0:  # an empty file cannot be mapped
            return np.empty(0, dtype=dtype)
        return np.memmap(path, dtype=dtype, mode="r").view(np.ndarray)
    except (OSError, ValueError) as error:
        raise IndexDamagedError(f"{path} cannot be mapped: {error}") from error


def manifest_digest(body: dict[str, Any]) -> str:
    """XXH3-128 of the manifest without its own digest, as sorted JSON without spaces."""
    return text_digest(canonical_json(body).encode())


def read_manifest(folder: Path) -> dict[str, Any]:
    """The checked manifest; raises IndexMissingError, IndexDamagedError or IndexFormatError."""
    path = folder / MANIFEST
    try:
        return checked_manifest(path.read_bytes(), folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise IndexMissingError(
            f"no index at {folder} (it has no {MANIFEST}): build one with `provenance index build BOOKS --out {folder}`"
        ) from error
    except OSError as error:
        raise IndexMissingError(f"cannot read {path}: {error.strerror}") from error


def checked_manifest(raw: bytes, folder: Path | str) -> dict[str, Any]:
    """What `index.json` of the index at `folder` holds; raises IndexDamagedError or IndexFormatError."""
    path = f"{folder}/{MANIFEST}"
    try:
        record = json.loads(raw)
        digest = record.pop("digest")
        version = (record["format"], record["format_version"], record["text_rules"])
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise damaged(path, "it is not the manifest of an index") from error
    if version != (FORMAT, FORMAT_VERSION, TEXT_RULES_VERSION):
        raise IndexFormatError(
            f"{folder} has {version[0]} format {version[1]} with text rules {version[2]}; this version reads "
            f"{FORMAT} format {FORMAT_VERSION} with text rules {TEXT_RULES_VERSION}: build the index again"
        )
    if digest != manifest_digest(record):
        raise damaged(path, "it does not agree with its own digest")
    try:
        convert(record, Manifest)
    except ValidationError as error:
        raise damaged(path, "it lacks parts of a manifest, or they make no sense") from error
    return {**record, "digest": digest}


def check_sizes(folder: Path, manifest: dict[str, Any]) -> None:
    """Raise IndexDamagedError for a file that is missing, or of another size than the manifest says."""
    for name, entry in manifest["files"].items():
        path = folder / name
        try:
            size = path.stat().st_size
        except OSError as error:
            raise IndexDamagedError(f"{path} is missing from the index; build it again") from error
        if size != entry["bytes"]:
            raise damaged(path, f"{size} bytes instead of {entry['bytes']}")


def read_editions(folder: Path, manifest: dict[str, Any], columns: list[str]) -> pa.Table:
    """Some columns of the editions; raises IndexDamagedError for a table that is not the one that was written."""
    path = folder / EDITIONS
    check_digest(folder, manifest, EDITIONS)
    try:
        with pq.ParquetFile(path) as file:
            table = file.read(columns, use_threads=False)
        table = table.cast(pa.schema([EDITION_SCHEMA.field(name) for name in columns]))
        table.validate(full=True)  # strings are read as they stand; what is no UTF-8 would be met much later
    except (pa.ArrowException, ValueError, OSError) as error:
        raise IndexDamagedError(f"{path} is damaged: it has not the columns of editions: {error}") from error
    if any(column.null_count for column in table.columns):
        raise damaged(path, "it has nulls, which no index has")
    return table


def check_digest(folder: Path, manifest: dict[str, Any], name: str) -> None:
    """Read a file; raises IndexDamagedError where it cannot be read, or its digest is not that of the manifest."""
    path = folder / name
    try:
        digest = file_digest(path)
    except OSError as error:  # of a failing disk: it names no file
        raise IndexDamagedError(f"{path} cannot be read: {error.strerror or error}") from error
    if digest != manifest["files"][name]["xxh3_128"]:
        raise damaged(path, f"{MANIFEST} has another digest")
