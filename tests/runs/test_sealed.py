"""A sealed file of an empty table is the one that Parquet's own writer makes, and is read without it."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.errors import LedgerDamagedError
from provenance.files.digests import canonical_json
from provenance.runs.sealed import DIGEST, RECORD, digest_in, seal, unseal
from provenance.units.located import RESULT_SCHEMA

SCHEMAS = [RESULT_SCHEMA, pa.schema([("number", pa.uint64())])]
RECORDS = [{}, {"text": "é" * 60}, *({"text": "x" * size} for size in (100, 116, 117, 118, 16_372, 16_373, 20_000))]


def written_by_pyarrow(table: pa.Table, record: dict) -> bytes:
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, compression="zstd", write_statistics=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({RECORD: canonical_json(record), DIGEST: "0" * 64})
    data = sink.getvalue().to_pybytes()
    return data[::-1].replace(b"0" * 64, hashlib.sha256(data).hexdigest().encode()[::-1], 1)[::-1]


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("record", RECORDS)
def test_an_empty_table_is_sealed_as_parquet_writes_it_and_read_as_it_was(schema, record):
    data = seal(schema.empty_table(), canonical_json(record))
    assert data == written_by_pyarrow(schema.empty_table(), record)
    table, told, sha256 = unseal(data, "it", schema)
    assert (table, told, sha256) == (schema.empty_table(), record, digest_in(data))


def test_the_digest_of_no_changed_byte_of_an_empty_file_fits():
    data = seal(SCHEMAS[1].empty_table(), '{"a":1}')
    assert unseal(data, "it", SCHEMAS[1]).record == {"a": 1}
    for at in range(len(data)):
        with pytest.raises(LedgerDamagedError):
            unseal(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], "it", SCHEMAS[1])


def test_an_empty_table_of_other_columns_is_refused():
    with pytest.raises(LedgerDamagedError, match="other columns"):
        unseal(seal(SCHEMAS[1].empty_table(), "{}"), "it", RESULT_SCHEMA)


def test_an_empty_file_that_another_writer_made_is_read_all_the_same():
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, RESULT_SCHEMA, compression="none", write_statistics=False) as writer:
        writer.add_key_value_metadata({RECORD: '{"a": 1}', DIGEST: "0" * 64})
    data = sink.getvalue().to_pybytes()
    data = data[::-1].replace(b"0" * 64, hashlib.sha256(data).hexdigest().encode()[::-1], 1)[::-1]
    table, told, _ = unseal(data, "it", RESULT_SCHEMA)
    assert (table.num_rows, told) == (0, {"a": 1})
