"""Creates, loads and queries a run database, or two. One appears under its name only when the run is whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.errors import OutputError, StoreError, UsageError, first_line
from provenance.files.writing import check_free, check_parent, output_errors, rename_file
from provenance.store.driver import WRITER_MEMORY, Database, connect, connect_beside, duckdb, store_errors, undisturbed
from provenance.store.schema import REDACTED, TABLES, VIEWS, match_key_sql

if TYPE_CHECKING:
    import pyarrow as pa

STORAGE_VERSION = "v1.4.0"  # DuckDB 1.4 and later open it; 2.0's own format only DuckDB 2


class RunWriter(Database):
    """Owns a new run database: built as `NAME.partial`, whose lock keeps a second run away; renamed when finished."""

    def __init__(self, path: Path, overwrite: bool = False) -> None:
        """Raises StoreError when the path is taken, held by another process, or cannot be written."""
        self.path = path
        self.partial = path.with_name(path.name + ".partial")
        check_place(path)
        check_free(path, "--db", "run database", overwrite, lambda: _is_run(path))
        if self.partial.exists():
            _refuse_if_held(self.partial)
        try:
            with undisturbed(), store_errors(f"cannot create the run database {path}"):
                self._remove_partial()
                self._create()
        except KeyboardInterrupt:
            self._remove_partial()
            raise

    def _create(self) -> None:
        spill = str(self.partial) + ".tmp"  # DuckDB would take the working directory
        options = f"STORAGE_VERSION '{STORAGE_VERSION}'"
        self._con = connect_beside({"run_db": self.partial}, Path(spill), WRITER_MEMORY, options, threads=1)
        self._con.execute("USE run_db")
        self._con.execute(TABLES)
        self._con.execute(VIEWS)
        # one transaction: rows then go to their place once, and not to the log first
        self._con.execute("BEGIN TRANSACTION")

    @undisturbed()
    def load(self, table: str, rows: pa.Table) -> None:
        """Append Arrow rows to a table, columns by name."""
        if rows.num_rows == 0:
            return
        with self._incoming(rows):
            self._con.execute(f'INSERT INTO "{table}" BY NAME FROM incoming')

    @undisturbed()
    def fold(self, table: str, keys: Sequence[str], rows: pa.Table) -> None:
        """Add the numbers of Arrow rows to those of the rows that have the same keys, all other columns being sums."""
        sums = [f"CAST(sum({name}) AS BIGINT) AS {name}" for name in rows.column_names if name not in keys]
        folded = f"SELECT {', '.join((*keys, *sums))} FROM (FROM {table} UNION ALL BY NAME FROM incoming) GROUP BY ALL"
        with self._incoming(rows):
            self._con.execute(f"CREATE TEMP TABLE folded AS {folded}")
            self._con.execute(f"DELETE FROM {table}")
            self._con.execute(f"INSERT INTO {table} BY NAME FROM folded ORDER BY ALL")
            self._con.execute("DROP TABLE temp.folded")

    @contextmanager
    def _incoming(self, rows: pa.Table) -> Iterator[None]:
        """Arrow rows under the name of a table; after an error the transaction takes no more statements."""
        with store_errors(f"cannot write to {self.partial}", OutputError):
            self._con.register("incoming", rows)
            yield
            self._con.unregister("incoming")

    def finish(self) -> None:
        """Checkpoint, close, and give the database its name."""
        with store_errors(f"cannot finish the run database {self.path}", OutputError):
            for statement in ("COMMIT", "CHECKPOINT run_db", "USE memory", "DETACH run_db"):
                self._con.execute(statement)
            self._con.close()
        with output_errors(self.path, "finish the run database"):
            rename_file(self.partial, self.path)

    def abandon(self) -> None:
        """Close and remove what was built."""
        self.close()
        self._remove_partial()

    def _remove_partial(self) -> None:
        for path in (self.partial, self.partial.with_name(self.partial.name + ".wal")):
            path.unlink(missing_ok=True)
        shutil.rmtree(str(self.partial) + ".tmp", ignore_errors=True)


class RunReader(Database):
    """A finished run database, opened read-only, locked against anything outside it."""

    def __init__(self, path: Path, redact: bool = False) -> None:
        """With `redact` no text of documents or editions comes out of any table or view, only digests and places.

        Raises StoreError when it is missing, no DuckDB file, no run, or held by a writer.
        """
        self.path = path
        if not path.is_file():
            raise StoreError(f"no run database at {path}: make one with `provenance scan SHARD... --db {path}`")
        with store_errors(f"cannot open the run database {path}", StoreError):
            self._con = connect(path)
            if not self.query("SELECT current_setting('lock_configuration') AS locked")[0]["locked"]:
                self._con.execute("SET lock_configuration = true")  # it is where this process has it open already
            for name, columns in REDACTED.items() if redact else ():  # unqualified names find these views first
                self._con.execute(f"CREATE TEMP VIEW {name} AS SELECT {columns} FROM {self.catalog}.main.{name}")
            tables = {row["name"] for row in self.query("SELECT table_name AS name FROM duckdb_tables()")}
        if not {"run", "match", "shard", "edition", "work", "exception", "journal"} <= tables:
            self._con.close()
            raise StoreError(
                f"{path} is a DuckDB file, but not a run of this version of provenance: it lacks the tables of one"
            )

    def leave_out(self, match_keys: Sequence[str]) -> None:
        """Answer from now on as if matches with these match_keys had not been found: grades and coverage too."""
        if not match_keys:
            return
        with store_errors(f"cannot read {self.path}", StoreError):
            self._con.execute("CREATE TEMP TABLE left_out (match_key VARCHAR)")
            self._con.execute("INSERT INTO left_out SELECT unnest(?)", [list(match_keys)])
            self._con.execute(
                f"CREATE TEMP VIEW match AS SELECT m.* FROM {self.catalog}.main.match m "
                f"WHERE {match_key_sql('m')} NOT IN (SELECT match_key FROM left_out)"
            )
            self._con.execute(VIEWS.replace("CREATE VIEW", "CREATE TEMP VIEW"))  # which find this `match` first

    def works_like(self, work_id: str) -> list[str]:
        """Ids of works that are most like one that somebody gave and the run does not have."""
        likeness = "jaro_winkler_similarity(lower(work_id), lower(?))"
        rows = self.query(f"SELECT work_id FROM work ORDER BY {likeness} DESC, work_id LIMIT 3", [work_id])
        return [row["work_id"] for row in rows]

    def keep(self, view: str) -> None:
        """Compute a view once for all queries that follow; for small ones, it is held in memory."""
        saved = f"kept_{view}"
        if not self.query("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [saved]):
            self._con.execute(f"CREATE TEMP TABLE {saved} AS SELECT * FROM {view}")
            self._con.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT * FROM {saved}")


class RunPair(Database):
    """Two finished runs side by side, `earlier` and `later`; tables made of them live in this connection only."""

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


def _is_run(path: Path) -> bool:
    RunReader(path).close()  # raises for what is none
    return True


def check_place(path: Path) -> None:
    """Raise StoreError where no run database can be written, or another process writes it."""
    if path.is_dir():
        raise StoreError(f"{path} is a directory: --db names the database file to write")
    check_parent(path)
    if path.exists():
        _refuse_if_held(path)


def refuse_same(out: Path, db: Path) -> None:
    """Raise UsageError where an output would replace the run database."""
    if out.exists() and db.exists() and out.samefile(db):
        raise UsageError(f"--out {out} is the run database itself: choose another file")


def _refuse_if_held(path: Path) -> None:
    """Raise StoreError if another process has the database open for writing; any other trouble is told later."""
    try:
        connect(path).close()
    except duckdb.Error as error:
        if "lock" in str(error).lower():
            raise StoreError(f"{path} is held by another process: {first_line(error)}") from error
