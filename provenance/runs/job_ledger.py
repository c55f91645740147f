"""The ledger of a job of any kind: its terms, a sealed file for each unit that is done, and who worked on it.

    run.json                             the terms, and what else its kind needs
    units/ab/abcd....parquet             a unit's record and table
    units/ab/abcd....incomplete.parquet  the same of a unit that is not whole; the next attempt does it again
    attempts/....json                    who worked on it, when, and how it ended

A unit is done when its file is there, and nothing else says so.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from provenance.errors import LedgerDamagedError, OtherRunError
from provenance.files.digests import canonical_json, json_sha256, readable_json
from provenance.runs.sealed import digest_in, seal, unseal
from provenance.runs.terms import LEDGER_VERSION, Terms
from provenance.storage.folders import Folder, open_folder
from provenance.storage.locations import is_remote
from provenance.units.cutting import Unit

RUN, UNITS, ATTEMPTS = "run.json", "units", "attempts"

AGAIN = ("unreadable", "not fetched", "worker died", "too slow", "memory", "disk", "fault")
"""Kinds of problem that the next attempt may not meet; the others are of rows, and will be there again."""


class Finished(NamedTuple):
    """A unit that is done, before it is kept."""

    unit: Unit
    record: dict[str, Any]  # with `problems`: a unit with one of a kind in AGAIN is not whole
    table: pa.Table


class SavedUnit(NamedTuple):
    """A unit's file."""

    unit: Unit
    record: dict[str, Any]
    table: pa.Table
    sha256: str
    whole: bool


class JobLedger:
    """The folder of one job."""

    def __init__(self, folder: Folder, schema: pa.Schema, place: str | None = None) -> None:
        """`schema` is that of all units' tables; `place` names the folder in messages, by default as it is called."""
        self.folder, self.schema = folder, schema
        self.place = place or folder.place

    def begun(self) -> dict[str, Any] | None:
        """What `run.json` says, None if there is none; raises LedgerDamagedError."""
        raw = self.folder.read(RUN)
        if raw is None:
            return None
        try:
            record = _signed(raw)
            if record["ledger"] != LEDGER_VERSION:
                raise OtherRunError(
                    f"{self.place} was written by another version of provenance: collect it with that one, or begin "
                    "anew with --overwrite"
                )
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            reason = f"{self.place}/{RUN} is damaged ({error})"
            raise LedgerDamagedError(f"{reason}: begin the run anew with --overwrite") from error
        return record

    def facts(self) -> dict[str, Any]:
        """All that `run.json` says; raises OtherRunError where there is none."""
        record = self.begun()
        if record is None:
            raise OtherRunError(f"no run at {self.place} (it has no {RUN}): begin one with `provenance scan ... --out`")
        return record

    def terms(self) -> Terms:
        """The terms of the job; raises OtherRunError where there is none."""
        return Terms(self.facts()["terms"])

    def take(self, terms: Terms, facts: dict[str, Any]) -> None:
        """Begin a job, or take up the one that is there; raises OtherRunError for one on other terms."""
        begun = self.begun()
        if begun is None:
            record = {"ledger": LEDGER_VERSION, "terms": terms.values, **facts}
            if not self.folder.write(RUN, _sign(record)):
                begun = self.facts()  # another task was first
        if begun is not None:
            remedy = "Give it as it was, write elsewhere, or begin anew with --overwrite"
            terms.refuse_other(Terms(begun["terms"]), self.place, remedy)

    def keep(self, finished: Iterable[Finished]) -> list[SavedUnit]:
        """Write the files of units; when this returns, all of them last."""
        return [self._keep(*each) for each in finished]

    def _keep(self, unit: Unit, record: dict[str, Any], table: pa.Table) -> SavedUnit:
        """Write a unit's file. One that is there and whole stays: this one was delivered twice."""
        whole = not any(problem["kind"] in AGAIN for problem in record["problems"])
        names = {name: getattr(unit, name) for name in ("digest", "shard", "slot", "slots")}
        content = canonical_json({**record, "ledger": LEDGER_VERSION, "unit": names})
        data, name = seal(table.combine_chunks(), content), _name(unit, whole)
        if not self.folder.write(name, data, replace=not whole):
            with suppress(LedgerDamagedError):
                return self._read(unit, whole) or self._keep(unit, record, table)
            self.folder.write(name, data, replace=True)
        if whole:
            self.folder.remove(_name(unit, False))
        return SavedUnit(unit, json.loads(content), table, digest_in(data), whole)

    def unit_names(self) -> set[str]:
        """Names of all unit files, for `read` and `is_done`."""
        return set(self.folder.names(UNITS))

    def read(self, unit: Unit, names: set[str] | None = None) -> SavedUnit | None:
        """A unit's file, whole or incomplete; None if it has none. Raises LedgerDamagedError.

        With `names`, from `unit_names`, no file is asked for that is not there.
        """
        for whole in (True, False):
            if (names is None or _name(unit, whole) in names) and (saved := self._read(unit, whole)):
                return saved
        return None

    def is_done(self, unit: Unit, names: set[str] | None = None) -> bool:
        """Whether a unit's file is there, undamaged and whole."""
        try:
            saved = self.read(unit, names)
        except LedgerDamagedError:
            return False
        return saved is not None and saved.whole

    def forget(self, unit: Unit, names: set[str]) -> None:
        """Remove a unit's files, of those in `names`: what it says is done is not there any more."""
        for name in names & {_name(unit, True), _name(unit, False)}:
            self.folder.remove(name)

    def _read(self, unit: Unit, whole: bool) -> SavedUnit | None:
        raw, name = self.folder.read(_name(unit, whole)), f"{self.place}/{_name(unit, whole)}"
        if raw is None:
            return None
        table, record, sha256 = unseal(raw, name, self.schema)
        if record.get("ledger") != LEDGER_VERSION or record.get("unit", {}).get("digest") != unit.digest:
            raise LedgerDamagedError(f"{name} is damaged: it is the file of another unit, or of another version")
        return SavedUnit(unit, record, table, sha256, whole)

    def note_attempt(self, name: str, record: dict[str, Any]) -> None:
        """Write down who works on the job; raises OutputError."""
        self.folder.write(f"{ATTEMPTS}/{name}.json", _sign(record), replace=True)

    def attempts(self) -> list[dict[str, Any]]:
        """Who worked on the job, by name; one whose record is damaged is named as such."""
        attempts = []
        for name in self.folder.names(ATTEMPTS):
            try:
                record = _signed(self.folder.read(name) or b"")
            except (ValueError, LookupError, AttributeError, RecursionError):
                record = {"outcome": "damaged"}
            attempts.append({"attempt": name.rpartition("/")[2].removesuffix(".json"), **record})
        return attempts

    def clear(self, *others: str) -> None:
        """Remove all that a job left, `others` of its files too. The terms go last: without them nothing counts."""
        for name in [*self.folder.names(UNITS), *self.folder.names(ATTEMPTS), *others, RUN]:
            self.folder.remove(name)


def existing_folder(place: str | Path) -> Folder:
    """The folder of a job that was begun; raises OtherRunError where there is none, and makes none."""
    if not is_remote(str(place)) and not Path(place).is_dir():
        raise OtherRunError(f"no run at {place}: there is no such folder; begin one with `provenance scan ... --out`")
    return open_folder(place)


def _name(unit: Unit, whole: bool) -> str:
    return f"{UNITS}/{unit.digest[:2]}/{unit.digest}{'' if whole else '.incomplete'}.parquet"


def _sign(record: dict[str, Any]) -> bytes:
    """A record as JSON, with its own digest in it."""
    return readable_json({**record, "sha256": json_sha256(record)})


def _signed(raw: bytes) -> dict[str, Any]:
    """What `_sign` was given; raises ValueError, LookupError, AttributeError or RecursionError for anything else."""
    record = json.loads(raw)
    if record.pop("sha256") != json_sha256(record):
        raise ValueError("its digest is another one")
    return dict(record)
