"""What was done to each shard, kept beside the new shards: the same command goes on from there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.cleaning.edits import DONE_SCHEMA
from provenance.cleaning.targets import STATE
from provenance.errors import LedgerDamagedError, OtherRunError
from provenance.files.digests import canonical_json, file_sha256, json_sha256, readable_json
from provenance.storage.folders import Folder, LocalFolder

RECORD = f"{STATE}/clean.json"
REMOVED = f"{STATE}/removed.parquet"
PARTS = f"{STATE}/parts"

COPIED, WRITTEN = "copied", "written"

REMOVED_SCHEMA = pa.schema([("shard", pa.string()), *DONE_SCHEMA, ("grade", pa.string()), ("title", pa.string())])
"""What was taken out or noted, a row a passage, and why: the work with its grade in the run."""


@dataclass(frozen=True)
class Part:
    """What was done to a shard. Rows are those of the file; lines of JSON that are blank are none."""

    shard: str
    target: str  # its name below the folder with new shards
    how: str  # COPIED byte for byte, or WRITTEN anew
    source_sha256: str
    sha256: str
    bytes: int
    rows: int
    kept: int
    changed: int  # of those kept
    spans: int  # that were masked
    lost: str  # what could not be kept of the file; empty if all was


class Progress:
    """The folder with new shards, and what is known to be done."""

    def __init__(self, folder: Folder, terms: dict[str, Any]) -> None:
        """`terms` is all that decides what new shards are."""
        self.folder, self.terms = folder, terms
        self.digest = json_sha256(terms)

    def begun(self) -> bool:
        """Whether new shards of a run were begun there: on these terms, or on others, which `begin` refuses."""
        return self._known() is not None

    def begin(self, overwrite: bool) -> None:
        """Take the folder; raises OtherRunError where it is another's, unless that may be overwritten."""
        known = self._known()
        if known == self.digest and not overwrite:
            return
        if known is not None:
            if not overwrite:
                raise OtherRunError(
                    f"{self.folder.place} holds shards that were cleaned of another run, or otherwise: choose another "
                    "--out, or pass --overwrite to begin anew"
                )
            self.forget()
        self.write({"state": "begun"})

    def _known(self) -> str | None:
        raw = self.folder.read(RECORD)
        return None if raw is None else str(_read(raw).get("digest"))

    def write(self, more: dict[str, Any]) -> None:
        """Write the record: the terms, and what came of them."""
        record = {"digest": self.digest, "terms": self.terms, **more}
        self.folder.write(RECORD, readable_json(record), replace=True)

    def forget(self) -> None:
        """Forget what was done; new shards stay until they are replaced."""
        for name in [*self.folder.names(PARTS), REMOVED]:
            self.folder.remove(name)

    def keep(self, part: Part, done: Path | None) -> None:
        """Note that a shard is done; at `done` lies a table of DONE_SCHEMA."""
        stem = self._stem(part.shard)
        if done is not None:
            self.folder.put(f"{stem}.parquet", done)
        self.folder.write(
            f"{stem}.json", canonical_json({"digest": self.digest, **asdict(part)}).encode(), replace=True
        )

    def part(self, shard: str) -> Part | None:
        """What is done of a shard, if its new one lies there as it was written."""
        raw = self.folder.read(f"{self._stem(shard)}.json")
        known = {} if raw is None else _read(raw)
        if known.pop("digest", None) != self.digest:
            return None
        part = Part(**known)
        if isinstance(self.folder, LocalFolder):
            path = self.folder.path / part.target
            if not path.is_file() or path.stat().st_size != part.bytes or file_sha256(path) != part.sha256:
                return None
        return part

    def done(self, part: Part) -> pa.Table:
        """What was done to a shard that is written anew, as DONE_SCHEMA; raises LedgerDamagedError where it is gone."""
        name = f"{self._stem(part.shard)}.parquet"
        raw = self.folder.read(name)
        try:
            if raw is None:
                raise FileNotFoundError(name)
            return pq.read_table(BytesIO(raw), schema=DONE_SCHEMA)
        except (OSError, pa.ArrowException) as error:
            raise LedgerDamagedError(
                f"{self.folder.place}/{name} cannot be read: {error}; begin with --overwrite"
            ) from error

    def finish(self, removed: Path | None, more: dict[str, Any]) -> None:
        """Write what came of all: the table at `removed`, and the record."""
        if removed is not None:
            self.folder.put(REMOVED, removed)
        self.write({"state": "done", **more})

    def _stem(self, shard: str) -> str:
        return f"{PARTS}/{hashlib.sha256(shard.encode()).hexdigest()[:32]}"


def _read(raw: bytes) -> dict[str, Any]:
    try:
        known = json.loads(raw)
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}


def local_target(folder: Folder, target: str, scratch: Path) -> Path:
    """Where a new shard is written first: beside its place, or for an object in `scratch`."""
    if not isinstance(folder, LocalFolder):
        return scratch / f"new-{hashlib.sha256(target.encode()).hexdigest()[:16]}"
    path = folder.path / target
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.clean.tmp")
