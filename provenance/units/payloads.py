"""Tables on their way from a worker process to its parent."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import pyarrow as pa

from provenance.errors import ShardError, first_line
from provenance.isolation.framing import Payload

T = TypeVar("T")


def cached_by_schema(make: Callable[[pa.Schema], T]) -> Callable[[pa.Schema], T]:
    """Makes a thing once for each schema. There are few, and comparing takes a thousandth of what hashing one does."""
    made: list[tuple[pa.Schema, T]] = []

    @wraps(make)
    def get(schema: pa.Schema) -> T:
        for its, thing in made:
            if its.equals(schema, check_metadata=True):
                return thing
        made.append((schema, make(schema)))
        return made[-1][1]

    return get


def to_payload(table: pa.Table) -> memoryview:
    """A table as an Arrow IPC stream, nothing for an empty one. The only copy: tables of many matches are large."""
    if not table.num_rows:
        return memoryview(b"")
    measure = pa.MockOutputStream()
    _write(table, measure)
    buffer = pa.allocate_buffer(measure.size())
    _write(table, pa.FixedSizeBufferWriter(buffer))
    return memoryview(buffer)


@cached_by_schema
def empty_table(schema: pa.Schema) -> pa.Table:
    """A table without rows, which takes Arrow half a millisecond to make, and memory: never while modules load."""
    return schema.empty_table()


def _write(table: pa.Table, sink: pa.NativeFile) -> None:
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def from_payload(payload: Payload, schema: pa.Schema, shard: str) -> pa.Table:
    """The table that `to_payload` made, checked: it comes from the process that parsed hostile files.

    Raises ShardError for what is no such table of this schema.
    """
    if not len(payload):
        return empty_table(schema)
    try:
        with pa.ipc.open_stream(payload) as reader:
            table = reader.read_all()
        table.validate(full=True)
        if table.schema != schema:
            raise ValueError("it has other columns")
    except (pa.ArrowException, ValueError, OSError, MemoryError) as error:
        reason = first_line(error, 200)
        raise ShardError(f"shard {shard}: its worker's answer makes no sense: {reason}; please report this") from error
    return table
