"""DuckDB: the one way to open it, to ask it, and to call it undisturbed.

It looks at signals while it works, and what a handler raises then is sometimes lost and sometimes leaves a transaction
that cannot be used; one that comes in the middle of its import ends Python.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pyarrow as pa

from provenance.errors import OutputError, StoreError, first_line


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C and SIGTERM that come meanwhile come after; for what takes a second at most."""
    if threading.current_thread() is not threading.main_thread():  # where no handler runs
        yield
        return
    came: list[tuple[int, FrameType | None]] = []

    def keep(number: int, frame: FrameType | None) -> None:
        came.append((number, frame))

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in handlers.items() if handler not in (None, signal.SIG_IGN)}
    for number in handlers:
        signal.signal(number, keep)
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


def connect(path: Path, write: bool = False, memory: str = READER_MEMORY) -> Connection:
    """Open a database file and reach nothing else; raises duckdb.Error."""
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


def kind_of(error: Exception) -> type[OutputError | StoreError]:
    """What DuckDB's error is one of."""
    return OutputError if any(os.strerror(number) in str(error) for number in DISK) else StoreError


@contextmanager
def interruptible() -> Iterator[None]:
    """DuckDB turns a KeyboardInterrupt in a query into a RuntimeError; this turns it back."""
    try:
        yield
    except (RuntimeError, pa.ArrowException, OSError) as error:
        if "interrupted" not in str(error).lower():
            raise
        raise KeyboardInterrupt from error


@interruptible()
def rows_of(con: Connection, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Rows of a query, by column; raises StoreError with DuckDB's own message, OutputError where a disk is full."""
    try:
        cursor = con.execute(sql, list(parameters)) if parameters else con.execute(sql)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except duckdb.Error as error:
        raise kind_of(error)(f"the query failed: {first_line(error)}") from error


def batches_of(con: Connection, sql: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The columns of a query, and its result, some rows at a time; raises StoreError."""
    try:
        with interruptible():
            reader: pa.RecordBatchReader = con.sql(sql).to_arrow_reader(ROWS_AT_ONCE)
    except (duckdb.Error, AttributeError) as error:  # a statement without a result has no reader
        raise kind_of(error)(f"the query failed: {first_line(error)}") from error
    return reader.schema, _read(reader)


def _read(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    try:
        with interruptible():
            yield from reader
    except (duckdb.Error, pa.ArrowException, OSError, RuntimeError) as error:
        raise kind_of(error)(f"the query failed: {first_line(error)}") from error


def identifier(name: str) -> str:
    """A name of SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Text as a literal of SQL: a query with parameters gives no Arrow table."""
    return "'" + text.replace("'", "''") + "'"
