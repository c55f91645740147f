"""Compares two run databases row by row, of which one may come from somebody who has a reason to change it."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance.errors import StoreError
from provenance.store.driver import connect_beside, duckdb, rows_of, store_errors

MOST_EXAMPLES = 3

NOT_COMPARED = set(
    "python platform packages command ledger workers started_utc ended_utc seconds compile_seconds code_sha256 "
    "code_commit".split()
)
"""Columns of `run` that tell who made a database, and when; two of the same units differ in them. So does all of
`attempt`; and `journal` is what people added since."""

TABLES = ("run", "unit", "shard", "edition", "work", "match", "exception", "origin")

SUMS = ("run", "origin")  # over all shards

OF_SHARDS = ("unit", "shard", "match", "exception")

PLACES = {"match": ("shard", "row", "doc_begin", "edition_id"), "exception": ("shard", "row", "kind")}
"""Columns by which an example is told; of other tables the first two."""


@dataclass(frozen=True)
class Difference:
    """Rows of a table, or a view, that one database has and the other has not."""

    table: str
    only_here: int  # rows of the database that was asked about
    only_there: int  # rows of the other
    examples: list[str]

    def __str__(self) -> str:
        """For people."""
        if not self.only_here and not self.only_there:
            return f"{self.table}: {'; '.join(self.examples)}"
        rows = f"{self.only_here:,} rows that should not be there, {self.only_there:,} that are missing"
        return f"{self.table}: {rows} ({'; '.join(self.examples)})"


def differences(database: Path, other: Path, scratch: Path, without: Sequence[str] = ()) -> Iterator[Difference]:
    """What of a run database is not as in another one, which this version just made; rows in any order.

    The definitions of its views count too: they are what people read. Rows of the shards `without` do not count, and
    with them not what is summed up over all shards. Raises StoreError where it cannot be read.
    """
    with store_errors(f"{database} cannot be read", StoreError):
        con = connect_beside({"here": database, "there": other}, scratch / "spill")
    with closing(con):
        different = list(_definitions(con))
        yield from different
        for table in () if different else TABLES:  # what is no table of ours may be anything
            if not without or table not in SUMS:
                yield from _rows(con, table, without if table in OF_SHARDS else ())


def _definitions(con: duckdb.DuckDBPyConnection) -> Iterator[Difference]:
    """Tables, columns, views, macros; a view of another definition could say anything of unchanged rows."""
    here, there = _defined(con, "here"), _defined(con, "there")
    for name in sorted({*here, *there}):
        if here.get(name) != there.get(name):
            state = "is missing" if name not in here else "is no part of a run" if name not in there else "is another"
            yield Difference(name, 0, 0, [f"its definition {state}"])


def _defined(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, str]:
    """What is defined in a database, by kind and name."""
    tables = {}
    for kind, name, definition, source in (
        ("table", "table_name", "sql", "duckdb_tables()"),
        ("view", "view_name", "sql", "duckdb_views()"),
        ("macro", "function_name", "macro_definition", "duckdb_functions()"),
        ("type", "type_name", "logical_type", "duckdb_types()"),
        ("sequence", "sequence_name", "sql", "duckdb_sequences()"),
        ("index", "index_name", "sql", "duckdb_indexes()"),
    ):
        rows = rows_of(
            con,
            f"SELECT schema_name AS schema, {name} AS name, {definition} AS told FROM {source} "
            f"WHERE database_name = ?{'' if kind in ('sequence', 'index') else ' AND NOT internal'}",
            [database],
        )
        for row in rows:
            tables[f"{kind} {'' if row['schema'] == 'main' else row['schema'] + '.'}{row['name']}"] = str(row["told"])
    return tables


def _rows(con: duckdb.DuckDBPyConnection, table: str, without: Sequence[str]) -> Iterator[Difference]:
    names = [row["name"] for row in rows_of(con, "SELECT column_name AS name FROM duckdb_columns() "
                                                 "WHERE database_name = 'there' AND table_name = ? "
                                                 "ORDER BY column_index", [table])]  # fmt: skip
    compared = [name for name in names if table != "run" or name not in NOT_COMPARED]
    listed = ", ".join(f'"{name}"' for name in compared)
    chosen = " WHERE NOT list_contains(?, shard)" if without else ""
    counts, examples = [], []
    for mine, others, missing in (("here", "there", False), ("there", "here", True)):
        sides = [f'SELECT {listed} FROM {side}.main."{table}"{chosen}' for side in (mine, others)]
        only, given = f"({sides[0]} EXCEPT ALL {sides[1]})", [list(without)] * 2 if without else []
        counts.append(int(rows_of(con, f"SELECT count(*) AS n FROM {only}", given)[0]["n"]))
        if counts[-1]:
            places = [name for name in PLACES.get(table, compared[:2]) if name in compared]
            columns = ", ".join(f'"{name}"' for name in places)
            rows = rows_of(con, f"SELECT {columns} FROM {only} ORDER BY ALL LIMIT {MOST_EXAMPLES}", given)
            examples += [f"{'missing' if missing else 'not in any unit'}: {_told(row)}" for row in rows]
    if any(counts):
        if table == "run":
            examples = [f"{name} is another" for name in _changed(con, compared)] or examples
        yield Difference(table, counts[0], counts[1], examples)


def _changed(con: duckdb.DuckDBPyConnection, columns: list[str]) -> list[str]:
    """Columns of the only row of `run` that differ."""
    (here,), (there,) = (rows_of(con, f"SELECT * FROM {name}.main.run LIMIT 1") or [{}] for name in ("here", "there"))
    return [name for name in columns if here.get(name) != there.get(name)]


def _told(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {str(value)[:200]}" for name, value in row.items() if value is not None)
