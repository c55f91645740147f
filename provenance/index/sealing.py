"""What a keyed index without texts says of its editions, and the record that its owner keeps of what it does not say.

A digest of a file or a text lets whoever has the same file confirm that it is in the index, and so do its exact size
and its name. So they are left out, or replaced by keyed digests: who has the secret can show that they are of a given
file, and nobody can show that they are of another one.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance.errors import IndexDamagedError, UsageError
from provenance.files.writing import atomic_write, check_free, check_parent
from provenance.readers.document import DESCRIBED
from provenance.sketch import Key

Row = dict[str, Any]

KEYED = ("source_sha256", "text_sha256")
LEFT_OUT: Row = {
    "source": "", "format": "", "encoding": "", "cut_front": 0, "cut_back": 0, "notes": [], "text_xxh3": "",
    "text_bytes": 0, "invalid_utf8": 0,
}  # fmt: skip
"""What nobody needs to scan, and what stands in its place."""

RECORD, RECORD_VERSION = "provenance-private-record", 1
RECORDED = (
    "title", "author", *DESCRIBED, "source", "source_sha256", "text_sha256", "text_bytes", "words", "grouped_by",
    "decoy",
)  # fmt: skip
MOST_BYTES = 1 << 30  # of a record


@dataclass(frozen=True)
class Sealing:
    """How an index is sealed: with which key, whether names are replaced, and where its owner's record goes."""

    key: Key
    pseudonyms: bool = False
    record: Path | None = None

    def sealed(self, row: Row) -> Row:
        """What the index says of an edition."""
        public = {**row, **LEFT_OUT, **{name: self.key.keyed_digest(row[name]) for name in KEYED}}
        if not self.pseudonyms:
            return public
        work = self.key.pseudonym("work", row["work_id"])
        edition = self.key.pseudonym("edition", row["edition_id"])
        nameless = {"author": "", **dict.fromkeys(DESCRIBED, "")}
        return {**public, **nameless, "edition_id": edition, "work_id": work, "title": work}

    def keep_record(self, rows: Sequence[Row], digest: str) -> None:
        """Write the record of an index, which is of no use to others and must not reach them; raises OutputError."""
        if self.record is None:
            return
        editions = [
            {
                "edition_id": (sealed := self.sealed(row))["edition_id"],
                "work_id": sealed["work_id"],
                "id": row["edition_id"],
                "work": row["work_id"],
                **{name: row[name] for name in RECORDED},
            }
            for row in rows
        ]
        body = {"format": RECORD, "version": RECORD_VERSION, "index": digest, "key_id": self.key.key_id}
        with atomic_write(self.record) as file:
            file.write(json.dumps({**body, "editions": editions}, indent=1).encode() + b"\n")


def sealing(
    key: Key, keep_texts: bool, pseudonyms: bool, record: Path | None, out: Path, overwrite: bool
) -> Sealing | None:
    """The sealing of an index at `out` with these options, None for one that holds texts or has no secret.

    Raises UsageError for options that need a sealed index, for pseudonyms that nobody could resolve, and for a record
    that would be handed over with the index or replace another file.
    """
    if keep_texts or key.is_public:
        if pseudonyms or record is not None:
            raise UsageError("--pseudonyms and --private-record are for sealed indexes: add --no-text and --key-file")
        return None
    if record is None:
        if pseudonyms:
            raise UsageError("--pseudonyms needs --private-record FILE: nothing else says which book has which name")
        return Sealing(key)
    if record.resolve().is_relative_to(out.resolve()):
        raise UsageError(f"--private-record {record} lies in the index, which is handed over: choose another place")
    check_parent(record)
    check_free(record, "--private-record", "private record", overwrite, lambda: read_record(record))
    return Sealing(key, pseudonyms, record)


def read_record(path: Path) -> Row:
    """A record that `keep_record` wrote; raises UsageError for what is none."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path} is too large for a private record")
        record = json.loads(path.read_bytes())
        kind = (record["format"], record["version"])
        sound = all(isinstance(row[name], str) for row in record["editions"] for name in ("edition_id", "id", *KEYED))
    except OSError as error:
        raise UsageError(f"cannot read private record {path}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise UsageError(f"{path} is no private record: `index build --private-record` writes one") from error
    if kind != (RECORD, RECORD_VERSION) or not sound:
        raise UsageError(f"{path} is no private record of version {RECORD_VERSION}")
    return dict(record)


def check_record(record: Row, rows: Sequence[Row], digest: str, key: Key) -> int:
    """How many editions of an index have the keyed digests of what the record names: all, or IndexDamagedError."""
    different = list(_differences(record, {str(row["edition_id"]): row for row in rows}, digest, key))
    if different:
        raise IndexDamagedError(f"the index is not that of the private record: {different[0]}")
    return len(rows)


def _differences(record: Row, rows: dict[str, Row], digest: str, key: Key) -> Iterator[str]:
    if record.get("index") != digest:
        yield f"its digest is {digest}, and the record is of {record.get('index')}"
    recorded = {entry["edition_id"] for entry in record["editions"]}
    yield from (f"the record does not name edition {name}" for name in sorted(rows.keys() - recorded))
    for entry in record["editions"]:
        row = rows.get(entry["edition_id"])
        if row is None:
            yield f"it has no edition {entry['edition_id']}"
            continue
        for name in KEYED:
            if key.keyed_digest(entry[name]) != row[name]:
                yield f"{name} of {entry['edition_id']} is not the keyed digest of {entry[name]}"
