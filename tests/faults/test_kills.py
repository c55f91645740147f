"""A run may be killed at any moment: the same command then ends with the same result, and nothing is left running."""

from __future__ import annotations

import random
import shutil
import signal
import time
from dataclasses import replace

import pytest

from tests.faults.rig import DONE, INTERRUPTED, UNITS, Fault, becomes_true, by_default, send, units_in

KILLED = -signal.SIGKILL
DATABASE = "*.duckdb.partial"
NAMED = "*/run.duckdb"

POINTS = {
    "before anything is written": Fault("kill-before", 1),
    "before the terms of the run have their name": Fault("kill-before", 1, operations="rename", name="*/run.json"),
    "after the database has its first bytes": Fault("kill-after", 1, operations="write", name=DATABASE),
    "before the first unit has a byte": Fault("kill-before", 1, operations="write", name=UNITS),
    "after the bytes of the second unit last": Fault("kill-after", 2, operations="fsync", name=UNITS + ".tmp"),
    "before the second unit has its name": Fault("kill-before", 2, operations="rename", name=UNITS),
    "after the second unit has its name": Fault("kill-after", 2, operations="rename", name=UNITS),
    "after all units are done": Fault("kill-after", 3, operations="rename", name=UNITS),
    "before the database has its name": Fault("kill-before", 1, operations="rename", name=NAMED),
    "after the database has its name": Fault("kill-after", 1, operations="rename", name=NAMED),
}


def kill_and_resume(rig, run, fault: Fault) -> None:
    started = rig.start(run, fault)
    outcome = started.wait()
    assert (outcome.exit, outcome.faults) == (KILLED, 1)
    assert started.all_gone()
    rig.must_be_whole(run, outcome)
    rig.must_resume(run)


@pytest.mark.parametrize(
    "point",
    by_default(
        POINTS,
        "before the first unit has a byte",
        "before the database has its name",
        "after the database has its name",
    ),
)
def test_a_run_killed_at_a_named_point_ends_as_if_it_had_not_been(rig, tmp_path, point):
    kill_and_resume(rig, tmp_path / "run", POINTS[point])


def test_units_that_were_done_are_not_done_again(rig, tmp_path):
    run = tmp_path / "run"
    rig.run(run, POINTS["after the second unit has its name"])
    done = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in units_in(run / "run.duckdb.units")}
    assert len(done) == 2
    outcome = rig.run(run)
    assert outcome.exit == DONE
    assert "2 of 3 units are done" in outcome.stderr
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in done} == done
    assert rig.exports(run) == rig.clean


@pytest.mark.slow
def test_killed_again_and_again_a_run_still_ends(rig, tmp_path):
    """What one kill leaves is where the next one begins."""
    chosen = random.Random(3)
    for _ in range(3):
        outcome = rig.run(tmp_path / "run", Fault("kill-after", chosen.randint(20, 80)))
        assert (outcome.exit, outcome.faults) == (KILLED, 1)
    rig.must_resume(tmp_path / "run")


@pytest.mark.slow
def test_a_run_killed_at_operations_all_over_it_ends_as_if_it_had_not_been(rig, tmp_path):
    for at in range(1, 132, 22):
        kill_and_resume(rig, tmp_path / "run", Fault("kill-before", at))


def killed_at_a_moment(rig, run, moment: float) -> None:
    started = rig.start(run)
    time.sleep(moment * rig.seconds)
    send(started, signal.SIGKILL)
    outcome = started.wait()
    assert outcome.exit in (KILLED, DONE)
    assert started.all_gone()
    rig.must_be_whole(run, outcome)
    if (run / "run.duckdb").exists():  # it was faster
        shutil.rmtree(run)


def test_a_run_killed_at_any_moment_ends_as_if_it_had_not_been(rig, tmp_path):
    for moment in [0.5, 0.75, 0.9]:
        killed_at_a_moment(rig, tmp_path / "run", moment)
    rig.must_resume(tmp_path / "run")


@pytest.mark.slow
def test_a_run_killed_at_any_of_fifty_moments_ends_as_if_it_had_not_been(rig, tmp_path):
    chosen = random.Random(50)
    for number in range(50):
        killed_at_a_moment(rig, tmp_path / "run", chosen.uniform(0.1, 1.0))
        if number % 10 == 9:
            rig.must_resume(tmp_path / "run")


def told_to_stop(rig, run, number: signal.Signals, moment: float) -> None:
    """`moment` is counted from when the run has begun to write: before, there is nothing that could be left."""
    started = rig.start(run)
    assert becomes_true(lambda: any(run.iterdir()), 30)
    time.sleep(moment * rig.seconds)
    begun = time.monotonic()
    send(started, number)
    outcome = started.wait(20)
    assert time.monotonic() - begun < 5
    if outcome.exit == -signal.SIGTERM:  # all was done, and Python on its way out
        outcome = replace(outcome, exit=DONE)
    assert outcome.exit in (INTERRUPTED, DONE), outcome
    assert started.all_gone(2)
    rig.must_be_mended(run, outcome)


def test_a_run_that_is_told_to_stop_stops_at_once_and_leaves_nothing_running(rig, tmp_path):
    told_to_stop(rig, tmp_path / "run", signal.SIGTERM, 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_may_be_told_to_stop_at_any_moment(rig, tmp_path, number):
    chosen = random.Random(int(number))
    for _ in range(6):
        told_to_stop(rig, tmp_path / "run", number, chosen.uniform(0.0, 0.6))
