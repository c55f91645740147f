"""Somebody sets the clock while a run goes on: the result is the same, and how long it took is measured otherwise."""

from __future__ import annotations

import pytest

from provenance.store import RunReader
from tests.faults.rig import DONE, Fault

DAY = 86_400


@pytest.fixture(scope="module")
def looks(rig, tmp_path_factory) -> int:
    """How often the processes of a run look at the clock."""
    outcome = rig.run(tmp_path_factory.mktemp("clock"), Fault("count", role="all", clock=(1 << 60, 0)))
    assert outcome.looks > 20
    return outcome.looks


@pytest.mark.parametrize("step", [DAY, -DAY])
def test_a_clock_that_is_set_changes_no_result_and_no_duration(rig, tmp_path, looks, step):
    run = tmp_path / "run"
    outcome = rig.run(run, Fault("count", role="all", clock=(looks * 3 // 4, step)))
    assert (outcome.exit, outcome.lines) == (DONE, [])
    assert outcome.looks > looks * 3 // 4
    assert rig.exports(run) == rig.clean
    with RunReader(run / "run.duckdb") as reader:
        (row,) = reader.query("SELECT seconds, epoch(ended_utc - started_utc) AS apart FROM run")
    assert 0 <= row["seconds"] < 120
    assert abs(row["apart"] - step) < 120  # the clock was set between them: the test does what it says
