"""The memory that a run database takes while it is made does not grow with tables that are empty."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa

from provenance.files.digests import canonical_json
from provenance.runs.collect import LOADED_TABLES, Loader
from provenance.runs.job_ledger import SavedUnit
from provenance.runs.listed import Listed
from provenance.runs.scanning import failed
from provenance.runs.sealed import seal, unseal
from provenance.store.database import RunReader, RunWriter
from provenance.units.located import RESULT_SCHEMA

UNITS = 4 * LOADED_TABLES
MOST_A_UNIT = 8000  # bytes; it was 128 kB


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def kept(unit, matches: pa.Table) -> SavedUnit:
    """A unit as it is read from its file."""
    record = {**failed(unit, "", "").record, "problems": []}
    table, told, sha256 = unseal(seal(matches, canonical_json(record)), unit.digest, RESULT_SCHEMA)
    return SavedUnit(unit, told, table, sha256, True)


def test_units_without_matches_take_no_more_than_their_records(tmp_path):
    listed = [Listed(f"data/{number:06}.parquet", bytes=500, slots=1) for number in range(UNITS)]
    writer = RunWriter(tmp_path / "run.duckdb")
    loader = Loader(writer, listed)
    sizes = []
    for number, file in enumerate(listed):
        (unit,) = file.units("terms")
        loader.add(kept(unit, RESULT_SCHEMA.empty_table()))
        if number % LOADED_TABLES == 0:
            sizes.append(resident())
    loader.close("units", "terms")
    writer.finish()
    assert (sizes[-1] - sizes[1]) / (UNITS - 2 * LOADED_TABLES) < MOST_A_UNIT
    with RunReader(tmp_path / "run.duckdb") as run:
        assert (
            run.query("SELECT count(*) AS n FROM unit")
            == run.query("SELECT count(*) AS n FROM shard")
            == [{"n": UNITS}]
        )


def test_small_tables_are_loaded_before_they_are_many(tmp_path):
    listed = [Listed(f"data/{number:06}.parquet", bytes=500, slots=1) for number in range(LOADED_TABLES + 1)]
    loaded = list[int]()

    class Writer:
        def load(self, table: str, rows: pa.Table) -> None:
            loaded.append(rows.num_rows)

    loader = Loader(Writer(), listed)
    units = [unit for file in listed for unit in file.units("terms")]
    saved = kept(units[0], pa.Table.from_pylist([{"shard": "data/000000.parquet"}], schema=RESULT_SCHEMA))
    for unit in units:
        loader.add(saved._replace(unit=unit))
    assert loaded == [LOADED_TABLES]
