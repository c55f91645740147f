"""A worker that dies, hangs or swells costs at most the unit it has in hand, by name; the run goes on and ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from functools import cache

import pytest

from provenance.store import RunReader
from tests.faults.rig import DONE, INCOMPLETE, Fault, becomes_true, send, with_

SHARD = Fault("kill-before", operations="read", role="children", inputs=True, name="*/s1.parquet")


@cache
def options_of_scan() -> str:
    command = [sys.executable, "-m", "provenance", "scan", "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_worker_that_is_killed_once_costs_no_more_than_its_unit(rig, tmp_path):
    run = tmp_path / "run"
    outcome = rig.run(run, with_(SHARD, at=8))
    assert outcome.faults == 1
    assert outcome.exit in (DONE, INCOMPLETE)
    if outcome.exit == INCOMPLETE:
        assert "s1.parquet" in outcome.stderr
        assert "s0.parquet" not in outcome.stderr
        assert "s2.parquet" not in outcome.stderr
    rig.must_be_mended(run, outcome)


def test_a_shard_that_kills_every_worker_is_named_and_the_others_are_scanned(rig, tmp_path):
    run = tmp_path / "run"
    outcome = rig.run(run, with_(SHARD, at=1, lasting=True))
    assert outcome.exit == INCOMPLETE
    assert 1 <= outcome.faults <= 6  # and not for ever
    assert "s1.parquet" in outcome.stderr
    rig.must_be_honest(run, outcome)
    with RunReader(run / "run.duckdb") as reader:
        shards = reader.query("SELECT outcome, documents FROM shard ORDER BY shard")
    assert [shard["outcome"] for shard in shards] == ["scanned", "failed", "scanned"]
    assert (shards[0]["documents"], shards[2]["documents"]) == (12, 12)
    rig.must_resume(run)


def test_a_worker_without_memory_costs_no_more_than_its_units(rig, tmp_path):
    run = tmp_path / "run"
    started = rig.start(run, with_(SHARD, action="swell", at=8))
    outcome = started.wait(60)
    assert outcome.faults == 1
    assert outcome.exit in (DONE, INCOMPLETE)
    assert started.all_gone()
    rig.must_be_mended(run, outcome)


def test_a_frozen_worker_is_given_up(rig, tmp_path):
    if "--max-seconds" not in options_of_scan():
        pytest.skip("no option --max-seconds yet")
    run = tmp_path / "run"
    started = rig.start(run, with_(SHARD, action="freeze", at=8), options=("--max-seconds", "2"))
    outcome = started.wait(60)
    assert outcome.faults == 1
    assert outcome.exit in (DONE, INCOMPLETE)
    assert started.all_gone()
    rig.must_be_mended(run, outcome)


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_frozen_worker_does_not_outlive_its_run(rig, tmp_path, number):
    """It cannot notice that nobody listens any more: something else must end it."""
    run = tmp_path / "run"
    started = rig.start(run, with_(SHARD, action="freeze", at=8))
    try:
        assert becomes_true(lambda: any(c.status() == "stopped" for c in started.children()), 30)
        begun = time.monotonic()
        send(started, number)
        outcome = started.wait(10)
        assert time.monotonic() - begun < 5
        assert started.all_gone()
    finally:
        started.end()
    rig.must_be_whole(run, outcome)
    rig.must_resume(run)
