"""What was done to each shard: its part, a unit in the ledger beside the new shards; and what all parts come to."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.cleaning.again import Again
from provenance.cleaning.edits import DONE_SCHEMA
from provenance.cleaning.selection import Selection
from provenance.errors import LedgerDamagedError
from provenance.files.digests import file_sha256
from provenance.runs.job_ledger import JobLedger
from provenance.storage.folders import Folder, LocalFolder
from provenance.units.cutting import Unit

RECORD, REMOVED = "clean.json", "removed.parquet"  # in the folder of the ledger

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


def part_in(ledger: JobLedger, unit: Unit, names: set[str], folder: Folder) -> Part | None:
    """What was done to a shard, if its new one lies in `folder` as it was written."""
    try:
        saved = ledger.read(unit, names)
    except LedgerDamagedError:
        return None
    if saved is None:
        return None
    part = Part(**saved.record["part"])
    if isinstance(folder, LocalFolder):
        path = folder.path / part.target
        if not path.is_file() or path.stat().st_size != part.bytes or file_sha256(path) != part.sha256:
            return None
    return part


def write_removed(ledger: JobLedger, units: Iterable[Unit], works: Sequence[dict[str, Any]], out: Path | None) -> int:
    """Write what was taken out, and why, as REMOVED_SCHEMA, in order of shard, row and place; returns the passages.

    Raises LedgerDamagedError.
    """
    selected, passages = {work["work_id"]: work for work in works}, 0
    with ExitStack() as stack:
        writer = None if out is None else stack.enter_context(pq.ParquetWriter(out, REMOVED_SCHEMA, compression="zstd"))
        for unit in units:
            saved = ledger.read(unit)
            if saved is None or not saved.table.num_rows:
                continue
            passages += saved.table.num_rows
            if writer is not None:
                writer.write_table(_with_reasons(unit.shard, saved.table, selected))
    return passages


def _with_reasons(shard: str, table: pa.Table, works: dict[str, dict[str, Any]]) -> pa.Table:
    table = table.append_column("shard", pa.repeat(shard, table.num_rows))
    for name in ("grade", "title"):
        reasons = [works[work][name] for work in table["work_id"].to_pylist()]
        table = table.append_column(name, pa.array(reasons, pa.string()))
    return table.select(REMOVED_SCHEMA.names).cast(REMOVED_SCHEMA)


@dataclass(frozen=True)
class CleanSummary:
    """What was done; `to_json` is the object that `--json` prints."""

    out: str
    mode: str
    selection: Selection
    works: list[dict[str, Any]]  # that were selected, as rows of v_works
    parts: list[Part]
    left_out: list[dict[str, str]]  # shards that were not written, and why
    skipped: int  # files that were no shards
    removed: str | None = None  # where the table of passages is
    passages: int = 0
    again: Again | None = None  # what a scan of the new shards found

    @property
    def counts(self) -> dict[str, int]:
        """Shards and rows; `rows = kept + dropped`, and all shards are written, copied or left out."""
        names = ("rows", "kept", "changed", "spans")
        rows, rows_kept, changed, spans = (sum(getattr(part, name) for part in self.parts) for name in names)
        how = [part.how for part in self.parts]
        return {
            "shards": len(how) + len(self.left_out), "written": how.count(WRITTEN), "copied": how.count(COPIED),
            "left_out": len(self.left_out), "no_shards": self.skipped, "rows": rows, "kept": rows_kept,
            "dropped": rows - rows_kept, "changed": changed, "spans": spans, "passages": self.passages,
        }  # fmt: skip

    @property
    def complete(self) -> bool:
        """Whether every shard was written, and the scan of the new ones, if there was one, missed nothing."""
        return not self.left_out and (self.again is None or self.again.complete)

    @property
    def remaining(self) -> list[dict[str, Any]]:
        """Works that the new shards still have, at or above the grade."""
        return [] if self.again is None else self.again.works

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        values = {**asdict(self), "counts": self.counts, "complete": self.complete}
        values["check"] = values["again"]
        names = "out mode selection works counts parts left_out removed check complete"
        return {name: values[name] for name in names.split()}
