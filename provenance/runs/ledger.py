"""The ledger of a run: what it leaves behind, so that it can be resumed, shared among tasks, collected and verified.

Besides what every job's ledger has (see `job_ledger`):

    editions.parquet      the editions of the index
    background.parquet    fingerprints that count as common text, if any were learned
    plan.parquet          every file that was listed, and into how many units it is cut

All but `attempts` have the same bytes whoever writes them; each holds its own digest.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from provenance.errors import LedgerDamagedError
from provenance.files.digests import canonical_json
from provenance.index.format import EDITION_SCHEMA
from provenance.index.opening import Index
from provenance.runs.background import Background
from provenance.runs.job_ledger import JobLedger
from provenance.runs.listed import PLAN_SCHEMA, Listed, plan_table, planned
from provenance.runs.sealed import seal, unseal
from provenance.runs.terms import Terms
from provenance.storage.folders import Folder
from provenance.units.located import RESULT_SCHEMA

PLAN, EDITIONS, BACKGROUND = "plan.parquet", "editions.parquet", "background.parquet"

EDITIONS_SCHEMA = pa.schema([field for field in EDITION_SCHEMA if field.name != "identity_fingerprints"])
BACKGROUND_SCHEMA = pa.schema([("fingerprint", pa.uint64())])

REMEDIES = {
    EDITIONS: "the scan's command makes it again from the index, and keeps what is done",
    PLAN: "the scan's command without --task lists anew, and keeps what is done",
    BACKGROUND: "begin the run anew with --overwrite",
}


class Ledger(JobLedger):
    """The folder of one run."""

    def __init__(self, folder: Folder, place: str | None = None) -> None:
        """`place` is what the folder is called in messages, where it has been moved since."""
        super().__init__(folder, RESULT_SCHEMA, place)

    def begin(self, terms: Terms, index: Index, named: str, command: Sequence[str]) -> None:
        """Begin a run, or take up the one that is there; raises OtherRunError for one on other terms."""
        facts = {
            "index_path": named,
            "sketch": {**asdict(index.sketch), "stride": index.stride},
            "unicode": index.manifest["unicode"],
            "command": list(command),
        }
        self.take(terms, facts)
        # after the terms: of an index on other terms nothing is written; and again, where a first attempt was killed
        try:
            self.editions()
        except LedgerDamagedError:
            editions = index.editions.drop_columns(["identity_fingerprints"])
            self.folder.write(EDITIONS, seal(editions, "{}"), replace=True)

    def editions(self) -> pa.Table:
        """The editions of the index; raises LedgerDamagedError."""
        return self._sealed(EDITIONS, EDITIONS_SCHEMA)[0]

    def plan(self) -> list[Listed] | None:
        """What was listed, None if it was not yet; raises LedgerDamagedError."""
        return None if self.folder.read(PLAN) is None else planned(self._sealed(PLAN, PLAN_SCHEMA)[0])

    def keep_plan(self, listed: Sequence[Listed], replace: bool) -> list[Listed]:
        """Write the plan, and return the one that holds: of several tasks that begin at once, that of the first."""
        if self.folder.write(PLAN, seal(plan_table(listed), "{}"), replace):
            return list(listed)
        return self.plan() or list(listed)

    def background(self, learn: Callable[[], Background]) -> Background:
        """The background that was learned before, or else now; of tasks that learn at once, that of the first holds."""
        if self.folder.read(BACKGROUND) is None:
            learned = learn()
            column = pa.table([pa.array(learned.fingerprints, pa.uint64())], schema=BACKGROUND_SCHEMA)
            if not learned.record or self.folder.write(BACKGROUND, seal(column, canonical_json(learned.record))):
                return learned
        table, record = self._sealed(BACKGROUND, BACKGROUND_SCHEMA)
        return Background(table["fingerprint"].to_numpy(), record)

    def clear(self, *others: str) -> None:
        """See JobLedger."""
        super().clear(PLAN, BACKGROUND, EDITIONS, *others)

    def _sealed(self, name: str, schema: pa.Schema) -> tuple[pa.Table, dict[str, Any]]:
        raw = self.folder.read(name)
        if raw is None:
            raise LedgerDamagedError(f"{self.place}/{name} is missing: {REMEDIES[name]}")
        try:
            table, record, _ = unseal(raw, f"{self.place}/{name}", schema)
        except LedgerDamagedError as error:
            raise LedgerDamagedError(f"{error}: {REMEDIES[name]}") from error
        return table, record
