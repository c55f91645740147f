"""Parquet files with a record and their own digest in the footer: what a run leaves for whoever reads it later.

The digest is the SHA-256 of the whole file with 64 zeros in its place, so no byte can change unnoticed, the footer's
own included, which no checksum of Parquet covers. Statistics are left out: all that stands behind the digest's key is
then ASCII of ours, and its last occurrence is it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.errors import LedgerDamagedError, first_line
from provenance.files.digests import canonical_json

RECORD, DIGEST = "provenance.record", "provenance.sha256"
_MARK = DIGEST.encode() + b"\x18\x40"  # Thrift's compact protocol: field 2, a string of 64 bytes
_ZEROS = b"0" * 64


class Sealed(NamedTuple):
    """A sealed file that was read and found whole."""

    table: pa.Table
    record: dict[str, Any]
    sha256: str


def seal(table: pa.Table, record: dict[str, Any]) -> bytes:
    """The file: equal tables and records give equal bytes."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, compression="zstd", write_statistics=False) as writer:
        writer.write_table(table)
        told = canonical_json(record)
        writer.add_key_value_metadata({RECORD: told, DIGEST: _ZEROS.decode()})
    data = bytearray(sink.getvalue())
    at = _place(data)
    data[at : at + 64] = hashlib.sha256(data).hexdigest().encode()
    return bytes(data)


def digest_in(data: bytes) -> str:
    """The digest of a file that was just sealed."""
    at = _place(data)
    return data[at : at + 64].decode("ascii")


def unseal(data: bytes, name: str, schema: pa.Schema) -> Sealed:
    """What `seal` was given; raises LedgerDamagedError if a byte differs, or the columns are not those of `schema`."""
    try:
        at = _place(data)
        claimed = data[at : at + 64].decode("ascii")
        digest = hashlib.sha256(data[:at] + _ZEROS + data[at + 64 :]).hexdigest()
        if digest != claimed:
            raise ValueError("its digest is another one")
        with pq.ParquetFile(pa.BufferReader(data)) as file:
            table = file.read(use_threads=False)
            record = json.loads(file.metadata.metadata[RECORD.encode()])
        table.validate(full=True)
        if table.schema != schema:
            raise ValueError("it has other columns than this version writes")
    except (ValueError, LookupError, OSError, pa.ArrowException, MemoryError) as error:
        told = first_line(error, 200)
        raise LedgerDamagedError(f"{name} is damaged: {told}") from error
    return Sealed(table, record, claimed)


def _place(data: bytes | bytearray) -> int:
    at = data.rfind(_MARK)
    if at < 0:
        raise ValueError("it has no digest")
    return at + len(_MARK)
