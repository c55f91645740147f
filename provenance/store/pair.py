"""Two run databases side by side, `earlier` and `later`, in one connection that reads them and reaches nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from provenance.errors import StoreError, UsageError
from provenance.store.database import RunReader
from provenance.store.driver import Database, connect_beside, store_errors


class RunPair(Database):
    """Two finished runs; tables that are made of them live in this connection only."""

    def __init__(self, earlier: Path, later: Path, scratch: Path) -> None:
        """What does not fit into memory goes to `scratch`. Raises StoreError for what is no run, UsageError for one."""
        for path in (earlier, later):
            RunReader(path).close()  # raises for what is no run
        if earlier.samefile(later):
            raise UsageError(f"{earlier} and {later} are the same run database: two are compared")
        databases = {"earlier": earlier, "later": later}
        with store_errors(f"cannot open the run databases {earlier} and {later}", StoreError):
            # answers are sorted; to keep another order takes memory
            self._con = connect_beside(databases, scratch / "spill", preserve_insertion_order=False)

    def runs(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What each says of itself: the only row of its table `run`. Raises StoreError where that is not so."""
        runs = []
        for name in ("earlier", "later"):
            rows = self.query(f"SELECT * FROM {name}.main.run")
            if len(rows) != 1:
                raise StoreError(f"the {name} run database has {len(rows)} rows in its table `run`, where one is due")
            runs.append(rows[0])
        return runs[0], runs[1]
