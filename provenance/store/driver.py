"""DuckDB: the one way to open it, to ask it, and to call it undisturbed.

It looks at signals while it works, and what a handler raises then is sometimes lost and sometimes leaves a transaction
that cannot be used; one that comes in the middle of its import ends Python.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from provenance.errors import OutputError, ProvenanceError, StoreError, first_line
from provenance.files.closing import Closing

if TYPE_CHECKING:  # a question loads no Arrow
    import pyarrow as pa


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C and SIGTERM that come meanwhile come after; for what takes a second at most."""
    if threading.current_thread() is not threading.main_thread():  # where no handler runs
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in handlers.items() if handler not in (None, signal.SIG_IGN)}
    for number in handlers:
        signal.signal(number, lambda *received: came.append(received))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for received, frame in came[:1]:
            then = handlers[signal.Signals(received)]
            if callable(then):
                then(received, frame)
            else:
                signal.raise_signal(received)


with undisturbed():
    import duckdb

__all__ = ["duckdb", "undisturbed"]

Connection = duckdb.DuckDBPyConnection

READER_MEMORY, WRITER_MEMORY = "1GB", "256MB"  # DuckDB's default is 80 % of the machine
ROWS_AT_ONCE = 2048
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO)  # not what was asked for is wrong, but where it should go


def connect(path: Path, write: bool = False) -> Connection:
    """Open a database file and reach nothing else; raises duckdb.Error."""
    memory = WRITER_MEMORY if write else READER_MEMORY
    return duckdb.connect(str(path), read_only=not write, config=_settings(memory) | {"enable_external_access": False})


def connect_beside(
    databases: Mapping[str, Path],
    spill: Path,
    memory: str = READER_MEMORY,
    options: str = "READ_ONLY",
    **settings: bool | int,
) -> Connection:
    """Open databases by name beside one in memory, and reach nothing else; what does not fit goes to `spill`.

    Raises duckdb.Error.
    """
    con = duckdb.connect(config=_settings(memory) | {"temp_directory": str(spill)} | settings)
    try:
        for name, path in databases.items():
            con.execute(f"ATTACH {literal(str(path))} AS {name} ({options})")
        con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
    except BaseException:
        con.close()
        raise
    return con


def _settings(memory: str) -> dict[str, str | bool | int | float | list[str]]:
    return {"memory_limit": memory, "autoinstall_known_extensions": False, "autoload_known_extensions": False}


@contextmanager
def store_errors(message: str, kind: type[ProvenanceError] | None = None) -> Iterator[None]:
    """What DuckDB says as an error of ours: OutputError where a disk is full, else StoreError, unless `kind` is given.

    DuckDB turns a KeyboardInterrupt in a query into a RuntimeError; this turns it back.
    """
    try:
        yield
    except (duckdb.Error, OSError, RuntimeError, _arrow_error()) as error:
        if not isinstance(error, duckdb.Error) and "interrupted" in str(error).lower():
            raise KeyboardInterrupt from error
        full = any(os.strerror(number) in str(error) for number in DISK)
        raise (kind or (OutputError if full else StoreError))(f"{message}: {first_line(error)}") from error


def _arrow_error() -> type[Exception]:
    """Arrow's exception, if it is loaded."""
    kind: type[Exception] = getattr(sys.modules.get("pyarrow"), "ArrowException", duckdb.Error)
    return kind


@store_errors("the query failed")
def rows_of(con: Connection, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Rows of a query, by column; raises StoreError with DuckDB's own message, OutputError where a disk is full."""
    cursor = con.execute(sql, list(parameters)) if parameters else con.execute(sql)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class Database(Closing):
    """An open connection, and what it is asked; raises StoreError with DuckDB's own message."""

    _con: Connection

    @property
    def catalog(self) -> str:
        """The name of the database as SQL has it."""
        name = str(self.query("SELECT current_database() AS name")[0]["name"])
        return '"' + name.replace('"', '""') + '"'

    def close(self) -> None:
        """Close it."""
        self._con.close()

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows of a query."""
        return rows_of(self._con, sql, parameters)

    @store_errors("the query failed")
    def fetch(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The names of the columns of a query, and its rows."""
        if self._con.execute(sql) is None or self._con.description is None:
            raise StoreError("the query failed: it is a statement without a result")
        return [column[0] for column in self._con.description], self._con.fetchall()

    @store_errors("the query failed")
    def columns(self, sql: str, parameters: Sequence[Any]) -> dict[str, Any]:
        """The result of a query as NumPy arrays by the names of its columns."""
        return self._con.execute(sql, parameters).fetchnumpy()

    @store_errors("the query failed")
    def arrow(self, sql: str) -> pa.Table:
        """The result of a query as an Arrow table."""
        return self._answer(sql).to_arrow_table()

    def batches(self, sql: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The columns of a query, and its result, some rows at a time."""
        with store_errors("the query failed"):
            reader = self._answer(sql).to_arrow_reader(ROWS_AT_ONCE)
        return reader.schema, _read(reader)

    def _answer(self, sql: str) -> duckdb.DuckDBPyRelation:
        answer = self._con.sql(sql)
        if answer is None:
            raise StoreError("the query failed: it is a statement without a result")
        return answer


def _read(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    with store_errors("the query failed"):
        yield from reader


def literal(text: str) -> str:
    """Text as a literal of SQL: a query with parameters gives no Arrow table."""
    return "'" + text.replace("'", "''") + "'"
