"""Makes a run database of a ledger: the same one however its units came to be, in which order, and how often."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from provenance.errors import LedgerDamagedError, OtherRunError, StoreError
from provenance.runs.background import Background
from provenance.runs.job_ledger import SavedUnit, existing_folder
from provenance.runs.ledger import Ledger
from provenance.runs.listed import Listed
from provenance.runs.record import ScanSummary, ShardRecord, load_editions, load_rows, load_run, load_shards, summarize
from provenance.runs.terms import Terms
from provenance.store.database import RunReader, RunWriter
from provenance.store.journal import entries
from provenance.units.cutting import Unit

LOADED_ORIGINS = 100_000  # rows
LOADED_BYTES = 64 << 20  # of matches that are loaded at once: small units one by one would cost more than their rows
LOADED_TABLES = 1000  # of which each costs some 100 kB, however few its rows


class UnitRow(NamedTuple):
    """A row of the table `unit`."""

    unit: str  # its digest
    shard: str
    slot: int
    slots: int
    sha256: str
    whole: bool
    rows_read: int
    matches: int


@dataclass
class Loader:
    """Loads units into a run database, each once."""

    writer: RunWriter
    listed: list[Listed]
    units: dict[str, UnitRow] = field(default_factory=dict)  # by digest
    records: dict[str, ShardRecord] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)  # units whose file cannot be used, and why
    _tables: list[pa.Table] = field(default_factory=list)
    _origins: list[dict[str, object]] = field(default_factory=list)
    _bytes: int = 0

    def __post_init__(self) -> None:
        for file in self.listed:
            record = self.records[file.name] = ShardRecord(file.name, file.skipped, bytes=file.bytes or None)
            if file.unreadable:
                record.note("unreadable", file.unreadable)

    def take(self, unit: Unit, ledger: Ledger, names: set[str], only_whole: bool = False) -> bool:
        """Load a unit from its file, if it has one; whether it needs no further try."""
        try:
            saved = ledger.read(unit, names)
        except LedgerDamagedError as error:
            self.damaged[unit.digest] = str(error)
            return False
        if saved is None or (only_whole and not saved.whole):
            return False
        self.add(saved)
        return saved.whole

    def add(self, saved: SavedUnit) -> None:
        """Load a unit; one that was loaded before changes nothing."""
        unit = saved.unit
        if unit.digest in self.units:
            return
        shard = self.records[unit.shard]
        rows = saved.table.num_rows
        self.units[unit.digest] = UnitRow(
            unit.digest, shard.shard, unit.slot, unit.slots, saved.sha256, saved.whole, saved.record["rows_read"], rows
        )
        shard.add(saved.record)
        self._origins += saved.record["origins"]
        if rows:  # an empty table has no bytes to be counted, but takes as much memory
            self._tables.append(saved.table)
            self._bytes += saved.table.nbytes
        full = self._bytes >= LOADED_BYTES or len(self._tables) >= LOADED_TABLES
        if full or len(self._origins) >= LOADED_ORIGINS:
            self._load()

    def close(self, place: str, terms: str) -> None:
        """Load what is left, and what is told of units and shards; units without a file are not scanned."""
        self._load()
        loaded = Counter(row.shard for row in self.units.values())
        for file in (file for file in self.listed if loaded[file.name] < file.slots):
            missing = [unit for unit in file.units(terms) if unit.digest not in self.units]
            for unit in (unit for unit in missing if unit.digest in self.damaged):
                reason = f"shard {file.name}, unit {unit.slot + 1} of {file.slots}: {self.damaged[unit.digest]}"
                self.records[file.name].note("damaged unit", reason)
            if without := [unit for unit in missing if unit.digest not in self.damaged]:
                numbers = ", ".join(str(unit.slot + 1) for unit in without[:10]) + ", ..." * (len(without) > 10)
                which = f"unit{'s' * (len(without) > 1)} {numbers} of {file.slots}"
                self.records[file.name].note("missing", f"shard {file.name}: {which} not scanned: no file in {place}")
        load_rows(self.writer, "unit", (self.units[digest]._asdict() for digest in sorted(self.units)))
        load_shards(self.writer, self.records)

    def _load(self) -> None:
        if self._tables:
            self.writer.load("match", pa.concat_tables(self._tables))
        if self._origins:
            self.writer.fold("origin", ("kind", "name"), pa.Table.from_pylist(self._origins))
        self._tables, self._origins, self._bytes = [], [], 0

    @property
    def digest(self) -> str:
        """SHA-256 of the lines `NAME SHA256` of all units, sorted: equal ledgers have equal ones."""
        lines = "".join(f"{row.unit} {row.sha256}\n" for row in sorted(self.units.values()))
        return hashlib.sha256(lines.encode()).hexdigest()


def finish(loader: Loader, ledger: Ledger, db: Path) -> ScanSummary:
    """Load what a run database has besides units, and give it its name."""
    writer, facts, attempts = loader.writer, ledger.facts(), ledger.attempts()
    loader.close(ledger.place, Terms(facts["terms"]).digest)
    load_run(writer, facts, ledger.place, ledger.background(Background).record, loader.records, attempts, loader.digest)
    summary = summarize(writer, db)
    writer.finish()
    return summary


def collect(
    out: str | Path, db: str | Path, *, overwrite: bool = False, on_unit: Callable[[int], None] = lambda total: None
) -> ScanSummary:
    """Load the units that tasks wrote to `out` into a run database; what is missing is in its `exception`.

    Raises OtherRunError where there is no run, LedgerDamagedError where its own files are damaged; a unit whose file
    is damaged counts as missing.
    """
    return collect_into(Ledger(existing_folder(out)), Path(db), overwrite=overwrite, on_unit=on_unit)


def works_in(out: str | Path) -> list[str]:
    """The works that the run in `out` scans for; raises OtherRunError, LedgerDamagedError as `collect` does."""
    ledger = Ledger(existing_folder(out))
    ledger.terms()  # raises where there is no run
    return [row["work_id"] for row in ledger.editions().select(["work_id", "decoy"]).to_pylist() if not row["decoy"]]


def collect_into(
    ledger: Ledger, db: Path, *, overwrite: bool = False, on_unit: Callable[[int], None] = lambda total: None
) -> ScanSummary:
    """Load all units of a ledger into a run database; see `collect`."""
    terms, listed = ledger.terms().digest, ledger.plan()
    if listed is None:
        raise OtherRunError(f"{ledger.place} has no plan: no task of this run has begun to scan")
    with loading(ledger, listed, db, overwrite, holds_run(db, terms)) as loader:
        units = [unit for file in listed for unit in file.units(terms)]
        names = ledger.unit_names()
        for unit in units:
            on_unit(len(units))
            loader.take(unit, ledger, names)
        return finish(loader, ledger, db)


@contextmanager
def loading(ledger: Ledger, listed: list[Listed], db: Path, overwrite: bool, ours: bool) -> Iterator[Loader]:
    """A loader into a new run database, of which nothing is left after an error.

    A database that is `ours`, of the same run, is replaced by it, and gives it what people added to its journal.
    """
    journal = entries(db) if ours else []
    writer = RunWriter(db, overwrite or ours)
    try:
        if journal:
            writer.load("journal", pa.Table.from_pylist(journal))
        load_editions(writer, ledger.editions())
        yield Loader(writer, listed)
    except BaseException:
        writer.abandon()
        raise


def is_whole(db: Path, listed: Sequence[Listed], units: Sequence[Unit]) -> bool:
    """Whether a database has all units of a plan, none of which asks for another try."""
    expected = {unit.digest for unit in units}
    with RunReader(db) as run:
        loaded = {row["unit"]: row["whole"] for row in run.query("SELECT unit, whole FROM unit")}
        missing = run.query("SELECT count(*) AS n FROM exception WHERE kind IN ('missing', 'damaged unit')")[0]["n"]
        files = {row["shard"] for row in run.query("SELECT shard FROM shard")}
    return set(loaded) == expected and all(loaded.values()) and not missing and files == {file.name for file in listed}


def holds_run(db: Path, terms: str) -> bool:
    """Whether there is a database of a run on these terms."""
    try:
        with RunReader(db) as run:
            return bool(run.query("SELECT 1 FROM run WHERE terms_digest = ?", [terms]))
    except StoreError:
        return False
