"""Units are kept in the order in which they are done, each before anybody is told of it, some at the same time."""

from __future__ import annotations

import shutil

import pyarrow as pa
import pytest

from provenance.errors import OutputError
from provenance.runs.ledger import Ledger
from provenance.runs.listed import Listed
from provenance.runs.scanning import MOST_PENDING, failed, kept_in
from provenance.storage.folders import open_folder
from provenance.units.located import RESULT_SCHEMA


def finished(count: int, rows: int = 0):
    for number in range(count):
        (unit,) = Listed(f"data/{number}.parquet", bytes=1, slots=1).units("terms")
        table = pa.Table.from_pylist([{"shard": unit.shard, "row": row} for row in range(rows)], schema=RESULT_SCHEMA)
        yield failed(unit, "row too long", "row 0 is too long")._replace(table=table)


@pytest.mark.parametrize("rows", [0, 3, MOST_PENDING // 4])
def test_every_unit_is_kept_once_in_order_and_lies_there_when_it_is_told(tmp_path, rows):
    ledger = Ledger(open_folder(tmp_path))
    units = [each.unit for each in finished(30)]
    for number, kept in enumerate(kept_in(ledger, finished(30, rows))):
        assert kept.unit == units[number]
        read = ledger.read(kept.unit)
        assert read.table.equals(kept.table)
        assert (read.record, read.sha256, read.whole) == (kept.record, kept.sha256, kept.whole)
    assert number == 29
    assert len(ledger.unit_names()) == 30


def test_units_that_were_done_before_an_error_are_kept(tmp_path):
    def broken():
        yield from finished(5)
        raise RuntimeError("a child was lost")

    ledger = Ledger(open_folder(tmp_path))
    with pytest.raises(RuntimeError, match="lost"):
        list(kept_in(ledger, broken()))
    assert len(ledger.unit_names()) == 5


def test_a_unit_that_cannot_be_written_is_an_error(tmp_path):
    ledger = Ledger(open_folder(tmp_path / "out"))
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "out").write_text("no folder")
    with pytest.raises(OutputError):
        list(kept_in(ledger, finished(30)))
