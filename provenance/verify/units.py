"""The run database against the ledger: it is made again from the unit files, and both are compared row by row."""

from collections.abc import Callable, Iterator
from pathlib import Path

from provenance.errors import LedgerDamagedError, OtherRunError, StoreError
from provenance.runs.collect import collect_into
from provenance.runs.ledger import Ledger
from provenance.store.database import RunReader
from provenance.store.differences import differences
from provenance.verify.check import DIFFERENT, EQUAL, UNCHECKED, Check, check

LOST = "SELECT shard, kind, reason FROM exception WHERE kind IN ('missing', 'damaged unit') ORDER BY ALL"
"""What of the units was not there to be loaded when a database was made."""


def check_units(db: Path, ledger: Ledger, scratch: Path, on_unit: Callable[[int], None]) -> Iterator[Check]:
    """Whether every unit file is whole, and the database what they give.

    Shards of which a unit file is lost or damaged are left out of the comparison, and told. Raises OutputError where
    `scratch` has no room for a second database.
    """
    again = scratch / "again.duckdb"
    try:
        summary = collect_into(ledger, again, on_unit=on_unit)
    except (LedgerDamagedError, OtherRunError) as error:
        yield Check("units", DIFFERENT if isinstance(error, LedgerDamagedError) else UNCHECKED, str(error))
        return
    try:
        with RunReader(db) as run, RunReader(again) as made:
            expected = {(row["shard"], row["reason"]) for row in run.query(LOST)}
            lost = [row for row in made.query(LOST) if (row["shard"], row["reason"]) not in expected]
            digest = made.query("SELECT units_digest FROM run")[0]["units_digest"]
        good = f"{summary.units:,} unit files have the digests in them; that of all is {digest}"
        damaged, missing = ([row["reason"] for row in lost if row["kind"] == k] for k in ("damaged unit", "missing"))
        yield check("units", good, damaged, missing, "shards' unit files")
        left_out = sorted({row["shard"] for row in lost})
        different = [str(difference) for difference in differences(db, again, scratch, left_out)]
    except StoreError as error:
        yield Check("database", DIFFERENT, str(error))
        return
    finally:
        again.unlink(missing_ok=True)
    besides = f"; {len(left_out):,} shards were left out" if left_out else ""
    if different:
        yield Check("database", DIFFERENT, f"it is not what the unit files give{besides}", tuple(different))
    else:
        state = UNCHECKED if left_out else EQUAL
        yield Check("database", state, f"its tables and views are what the unit files give, row by row{besides}")
