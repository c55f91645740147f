"""Parquet files with a record and their own digest in the footer: what a run leaves for whoever reads it later.

The digest is the SHA-256 of the whole file with 64 zeros in its place, so no byte can change unnoticed, the footer's
own included, which no checksum of Parquet covers. Statistics are left out: all that stands behind the digest's key is
then ASCII of ours, and its last occurrence is it.
"""

import hashlib
import json
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.errors import LedgerDamagedError, first_line
from provenance.units.payloads import cached_by_schema, empty_table

RECORD, DIGEST = "provenance.record", "provenance.sha256"
_MARK = DIGEST.encode() + b"\x18\x40"  # Thrift's compact protocol: field 2, a string of 64 bytes
_RECORD_MARK = RECORD.encode() + b"\x18"
_ZEROS = b"0" * 64
_END = b"PAR1"


class Sealed(NamedTuple):
    """A sealed file that was read and found whole."""

    table: pa.Table
    record: dict[str, Any]
    sha256: str


def seal(table: pa.Table, content: str) -> bytes:
    """The file of a table and of a record as canonical JSON: equal ones give equal bytes."""
    empty = not table.num_rows and not table.schema.metadata
    data = _empty(table.schema, content.encode()) if empty else _parquet(table, content)
    at = _place(data)
    data[at : at + 64] = hashlib.sha256(data).hexdigest().encode()
    return bytes(data)


def _parquet(table: pa.Table, content: str) -> bytearray:
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, compression="zstd", write_statistics=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({RECORD: content, DIGEST: _ZEROS.decode()})
    return bytearray(sink.getvalue())


def _empty(schema: pa.Schema, content: bytes) -> bytearray:
    """What `_parquet` makes of an empty table, in a fortieth of the time: all but the record is always the same."""
    before, after, size = _around_record(schema)
    text = _varint(len(content)) + content
    return bytearray(b"".join((before, text, after, (size + len(text)).to_bytes(4, "little"), _END)))


@cached_by_schema
def _around_record(schema: pa.Schema) -> tuple[bytes, bytes, int]:
    """Of an empty file what stands before and after its record, and how long the rest of its footer is."""
    data = bytes(_parquet(schema.empty_table(), "x"))
    at = data.rindex(_RECORD_MARK) + len(_RECORD_MARK)
    return data[:at], data[at + 2 : -8], int.from_bytes(data[-8:-4], "little") - 2


def _varint(number: int) -> bytes:
    """A length as Thrift's compact protocol has it: seven bits a byte, the lowest first."""
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])


def _record_of_empty(data: bytes, schema: pa.Schema) -> bytes | None:
    """The record of a file with 64 zeros for its digest, if its table is empty; None if Parquet has to be read."""
    before, after, _ = _around_record(schema)
    content = data[len(before) : len(data) - len(after) - 8]
    length = 1
    while length < len(content) and content[length - 1] > 127:
        length += 1
    return content[length:] if bytes(_empty(schema, content[length:])) == data else None


def digest_in(data: bytes) -> str:
    """The digest of a file that was just sealed."""
    at = _place(data)
    return data[at : at + 64].decode("ascii")


def unseal(data: bytes, name: str, schema: pa.Schema) -> Sealed:
    """What `seal` was given; raises LedgerDamagedError if a byte differs, or the columns are not those of `schema`."""
    try:
        at = _place(data)
        claimed = data[at : at + 64].decode("ascii")
        zeroed = data[:at] + _ZEROS + data[at + 64 :]
        if hashlib.sha256(zeroed).hexdigest() != claimed:
            raise ValueError("its digest is another one")
        if (record_json := _record_of_empty(zeroed, schema)) is not None:
            return Sealed(empty_table(schema), json.loads(record_json), claimed)
        with pq.ParquetFile(pa.BufferReader(data)) as file:
            table = file.read(use_threads=False)
            record = json.loads(file.metadata.metadata[RECORD.encode()])
        table.validate(full=True)
        if table.schema != schema:
            raise ValueError("it has other columns than this version writes")
    except (ValueError, LookupError, OSError, pa.ArrowException, MemoryError) as error:
        reason = first_line(error, 200)
        raise LedgerDamagedError(f"{name} is damaged: {reason}") from error
    return Sealed(table, record, claimed)


def _place(data: bytes | bytearray) -> int:
    at = data.rfind(_MARK)
    if at < 0:
        raise ValueError("it has no digest")
    return at + len(_MARK)
