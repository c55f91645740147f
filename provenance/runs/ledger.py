"""What a run leaves behind while it goes on, so that it can be resumed, shared among tasks, collected and verified.

    run.json              the terms of the run, and what is needed of the index to make a run database
    editions.parquet      the editions of the index
    background.parquet    fingerprints that count as common text, if any were learned
    plan.parquet          every file that was listed, and into how many units it is cut
    units/ab/abcd....parquet             the matches of a unit and its closing record
    units/ab/abcd....incomplete.parquet  the same of one that could not be read whole; it is tried again by the next run
    attempts/....json     who worked on it, when, and how it ended

All but `attempts` have the same bytes whoever writes them; each holds its own digest. A unit is done when its file is
there, and nothing else says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from provenance.errors import LedgerDamagedError, OtherRunError
from provenance.files.digests import json_sha256, readable_json
from provenance.index.format import EDITION_SCHEMA
from provenance.index.opening import Index
from provenance.runs.background import Background
from provenance.runs.listed import PLAN_SCHEMA, Listed, plan_table, planned
from provenance.runs.sealed import seal, unseal
from provenance.runs.terms import LEDGER_VERSION, Terms
from provenance.sketch import to_json
from provenance.storage.folders import Folder
from provenance.units.cutting import Unit
from provenance.units.located import RESULT_SCHEMA

RUN, PLAN, EDITIONS, BACKGROUND = "run.json", "plan.parquet", "editions.parquet", "background.parquet"
UNITS, ATTEMPTS = "units", "attempts"

EDITIONS_SCHEMA = pa.schema([field for field in EDITION_SCHEMA if field.name != "identity_fingerprints"])
BACKGROUND_SCHEMA = pa.schema([("fingerprint", pa.uint64())])

AGAIN = ("unreadable", "not fetched", "worker died", "too slow", "memory", "disk", "fault")
"""Kinds of problem that the next run may not meet; the others are of rows, and will be there again."""


class Kept(NamedTuple):
    """A unit's file."""

    unit: Unit
    record: dict[str, Any]
    matches: pa.Table  # of RESULT_SCHEMA
    sha256: str
    whole: bool


class Ledger:
    """The folder of one run."""

    def __init__(self, folder: Folder, place: str | None = None) -> None:
        """`place` is what the folder is called in messages, where it has been moved since."""
        self.folder = folder
        self.place = place or folder.place

    def begun(self) -> dict[str, Any] | None:
        """What `run.json` says, None if there is none; raises LedgerDamagedError."""
        raw = self.folder.read(RUN)
        if raw is None:
            return None
        try:
            record = json.loads(raw)
            claimed = record.pop("sha256")
            if claimed != json_sha256(record):
                raise ValueError("its digest is another one")
            if record["ledger"] != LEDGER_VERSION:
                raise OtherRunError(
                    f"{self.place} was written by another version of provenance: collect it with that one, or begin "
                    "anew with --overwrite"
                )
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise LedgerDamagedError(
                f"{self.place}/{RUN} is damaged ({error}): begin the run anew with --overwrite"
            ) from error
        return dict(record)

    def terms(self) -> Terms:
        """The terms of the run; raises OtherRunError where there is none."""
        return Terms(self.facts()["terms"])

    def facts(self) -> dict[str, Any]:
        """All that `run.json` says; raises OtherRunError where there is none."""
        record = self.begun()
        if record is None:
            raise OtherRunError(f"no run at {self.place} (it has no {RUN}): begin one with `provenance scan ... --out`")
        return record

    def begin(self, terms: Terms, index: Index, named: str, command: Sequence[str]) -> None:
        """Begin a run, or take up the one that is there; raises OtherRunError for one on other terms."""
        known = self.begun()
        if known is None:
            record = {
                "ledger": LEDGER_VERSION,
                "terms": terms.values,
                "index_path": named,
                "sketch": {**to_json(index.sketch), "stride": index.stride},
                "unicode": index.manifest["unicode"],
                "command": list(command),
            }
            sealed = readable_json({**record, "sha256": json_sha256(record)})
            if not self.folder.write(RUN, sealed):
                known = self.facts()  # another task was first
        if known is not None:
            remedy = "Give it as it was, write elsewhere, or begin anew with --overwrite"
            terms.refuse_other(Terms(known["terms"]), self.place, remedy)
        # after the terms: of an index on other terms nothing is written; and again, where a first attempt was killed
        if self.folder.read(EDITIONS) is None:
            self.folder.write(EDITIONS, seal(index.editions.drop_columns(["identity_fingerprints"]), {}))

    def editions(self) -> pa.Table:
        """The editions of the index; raises LedgerDamagedError."""
        return self._sealed(EDITIONS, EDITIONS_SCHEMA)[0]

    def plan(self) -> list[Listed] | None:
        """What was listed, None if it was not yet; raises LedgerDamagedError."""
        return None if self.folder.read(PLAN) is None else planned(self._sealed(PLAN, PLAN_SCHEMA)[0])

    def keep_plan(self, listed: Sequence[Listed], replace: bool) -> list[Listed]:
        """Write the plan, and return the one that holds: of several tasks that begin at once, that of the first."""
        if self.folder.write(PLAN, seal(plan_table(listed), {}), replace):
            return list(listed)
        return self.plan() or list(listed)

    def background(self, learn: Callable[[], Background]) -> Background:
        """The background that was learned before, or else now; of tasks that learn at once, that of the first holds."""
        if self.folder.read(BACKGROUND) is None:
            learned = learn()
            sealed = seal(_column(learned.fingerprints), learned.record) if learned.record else b""
            if not sealed or self.folder.write(BACKGROUND, sealed):
                return learned
        table, record = self._sealed(BACKGROUND, BACKGROUND_SCHEMA)
        return Background(table["fingerprint"].to_numpy(), record)

    def background_record(self) -> dict[str, Any]:
        """From what background was learned; empty without one."""
        if self.folder.read(BACKGROUND) is None:
            return {}
        return self._sealed(BACKGROUND, BACKGROUND_SCHEMA)[1]

    def keep(self, unit: Unit, record: dict[str, Any], matches: pa.Table) -> Kept:
        """Write a unit's file. One that is there and whole stays: this one was delivered twice."""
        whole = not any(problem["kind"] in AGAIN for problem in record["problems"])
        record = {
            **record,
            "ledger": LEDGER_VERSION,
            "unit": {"digest": unit.digest, "shard": unit.shard, "slot": unit.slot, "slots": unit.slots},
            "matches": matches.num_rows,
        }
        data = seal(matches.combine_chunks(), record)
        name = _name(unit, whole)
        if not self.folder.write(name, data, replace=not whole):
            with suppress(LedgerDamagedError):
                return self._read(unit, whole) or self.keep(unit, record, matches)
            self.folder.write(name, data, replace=True)
        if whole:
            self.folder.remove(_name(unit, False))
        return self._checked(unit, data, whole)

    def unit_names(self) -> set[str]:
        """Names of all unit files, for `read`."""
        return set(self.folder.names(UNITS))

    def read(self, unit: Unit, names: set[str] | None = None) -> Kept | None:
        """A unit's file, whole or incomplete; None if it has none. Raises LedgerDamagedError.

        With `names`, from `unit_names`, no file is asked for that is not there.
        """
        for whole in (True, False):
            if (names is None or _name(unit, whole) in names) and (kept := self._read(unit, whole)):
                return kept
        return None

    def is_done(self, unit: Unit, names: set[str] | None = None) -> bool:
        """Whether a unit's file is there, undamaged and whole."""
        try:
            kept = self.read(unit, names)
        except LedgerDamagedError:
            return False
        return kept is not None and kept.whole

    def _read(self, unit: Unit, whole: bool) -> Kept | None:
        raw = self.folder.read(_name(unit, whole))
        return None if raw is None else self._checked(unit, raw, whole)

    def _checked(self, unit: Unit, raw: bytes, whole: bool) -> Kept:
        name = f"{self.place}/{_name(unit, whole)}"
        table, record, sha256 = unseal(raw, name, RESULT_SCHEMA)
        if record.get("ledger") != LEDGER_VERSION or record.get("unit", {}).get("digest") != unit.digest:
            raise LedgerDamagedError(f"{name} is damaged: it is the file of another unit, or of another version")
        return Kept(unit, record, table, sha256, whole)

    def note_attempt(self, name: str, record: dict[str, Any]) -> None:
        """Write down who works on the run; raises OutputError."""
        told = readable_json({**record, "sha256": json_sha256(record)})
        self.folder.write(f"{ATTEMPTS}/{name}.json", told, replace=True)

    def attempts(self) -> list[dict[str, Any]]:
        """Who worked on the run, by name; one whose record is damaged is told as such."""
        found = []
        for name in self.folder.names(ATTEMPTS):
            raw = self.folder.read(name) or b""
            try:
                record = json.loads(raw)
                if record.pop("sha256") != json_sha256(record):
                    raise ValueError
            except (ValueError, LookupError, AttributeError, RecursionError):
                record = {"outcome": "damaged"}
            found.append({"attempt": name.rpartition("/")[2].removesuffix(".json"), **record})
        return found

    def clear(self) -> None:
        """Remove all that a run left; other files stay. The terms go last: without them nothing counts."""
        for name in [*self.folder.names(UNITS), *self.folder.names(ATTEMPTS), PLAN, BACKGROUND, EDITIONS, RUN]:
            self.folder.remove(name)

    def _sealed(self, name: str, schema: pa.Schema) -> tuple[pa.Table, dict[str, Any]]:
        raw = self.folder.read(name)
        if raw is None:
            raise LedgerDamagedError(f"{self.place}/{name} is missing: begin the run anew with --overwrite")
        try:
            sealed = unseal(raw, f"{self.place}/{name}", schema)
        except LedgerDamagedError as error:
            raise LedgerDamagedError(f"{error}: begin the run anew with --overwrite") from error
        return sealed.table, sealed.record


def _name(unit: Unit, whole: bool) -> str:
    return f"{UNITS}/{unit.digest[:2]}/{unit.digest}{'' if whole else '.incomplete'}.parquet"


def _column(fingerprints: npt.NDArray[np.uint64]) -> pa.Table:
    return pa.table({"fingerprint": pa.array(fingerprints, pa.uint64())}, schema=BACKGROUND_SCHEMA)
