"""Somebody sets the clock while a run goes on: the result is the same, and how long it took is measured otherwise."""

from __future__ import annotations

import pytest

from provenance.store.database import RunReader
from tests.faults.rig import DONE, UNITS, Fault

DAY = 86_400


@pytest.mark.parametrize("step", [-DAY, pytest.param(DAY, marks=pytest.mark.slow)])
def test_a_clock_that_is_set_changes_no_result_and_no_duration(rig, tmp_path, step):
    run = tmp_path / "run"
    outcome = rig.run(run, Fault("count", operations="rename", name=UNITS, role="all", clock=(1, step)))
    assert (outcome.exit, outcome.lines) == (DONE, [])
    assert outcome.looks > 0
    assert rig.exports(run) == rig.clean
    with RunReader(run / "run.duckdb") as reader:
        (row,) = reader.query("SELECT seconds, epoch(ended_utc - started_utc) AS apart FROM run")
        (attempt,) = reader.query("SELECT seconds, clock_step_seconds FROM attempt")
    assert 0 <= row["seconds"] < 120
    assert 0 <= attempt["seconds"] < 120
    assert 0 <= row["apart"] < 120
    assert abs(attempt["clock_step_seconds"] - step) < 120
