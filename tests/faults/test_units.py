"""What a run leaves behind is not trusted: a unit that is damaged is done again, damaged terms are told."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from provenance.errors import LedgerDamagedError
from provenance.runs.sealed import unseal
from provenance.store.database import RunReader
from provenance.units.located import RESULT_SCHEMA
from tests.faults.rig import DONE, INCOMPLETE, UNITS, USAGE, Fault, Rig, becomes_true, by_default, send, units_in
from tests.faults.test_byte_flips import flip

TWO_DONE = Fault("kill-after", 2, operations="rename", name=UNITS)


@pytest.fixture
def stopped(rig, tmp_path) -> Path:
    """A run that was killed when two of its three units were done."""
    rig.run(tmp_path / "run", TWO_DONE)
    assert len(units_in(tmp_path / "run" / "run.duckdb.units")) == 2
    return tmp_path / "run"


def test_a_file_gets_its_name_when_its_bytes_last_and_then_the_name_is_made_to_last(rig, tmp_path):
    """What a kill cannot show: a power cut may lose whatever was not synced."""
    started = rig.start(tmp_path / "run", Fault("count"))
    assert started.wait().exit == DONE
    done = started.operations()
    named = [(at, path) for at, (kind, path) in enumerate(done) if kind == "rename"]
    assert {path.name for _, path in named} >= {"run.json", "plan.parquet", "editions.parquet", "run.duckdb"}
    assert sum(path.parent.parent.name == "units" for _, path in named) == 3
    for at, path in named:
        before = [kind for kind, other in done[:at] if is_draft_of(other, path) and kind in ("write", "fsync")]
        assert before[-2:] == ["write", "fsync"] or before[-3:] == ["write", "fsync", "fsync"], path
        after = [kind for kind, other in done[at + 1 : at + 3] if other == path.parent]
        assert after == ["fsync"], path


def is_draft_of(draft: Path, path: Path) -> bool:
    hidden = draft.name.startswith(f".{path.name}.") and draft.name.endswith(".tmp")
    return draft.parent == path.parent and (hidden or draft.name == path.name + ".partial")


def test_a_unit_whose_bytes_may_not_last_does_not_count(rig, tmp_path):
    run = tmp_path / "run"
    outcome = rig.run(run, Fault("fail", 1, lasting=True, operations="fsync", name=UNITS + ".tmp"))
    assert outcome.exit == INCOMPLETE
    rig.must_be_honest(run, outcome)
    assert not units_in(run / "run.duckdb.units")
    rig.must_resume(run)


def test_each_flipped_byte_of_a_unit_is_noticed(rig):
    path = units_in(rig.folder / "clean" / "run.duckdb.units")[0]
    whole = path.read_bytes()
    unseal(whole, path.name, RESULT_SCHEMA)
    assert len(whole) > 1000
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        with pytest.raises(LedgerDamagedError, match=path.name):
            unseal(bytes(damaged), path.name, RESULT_SCHEMA)


@pytest.mark.parametrize("how", by_default(["flipped", "cut", "empty", "that of another"], "flipped"))
def test_a_damaged_unit_is_done_again(rig, stopped, how):
    first, second = units_in(stopped / "run.duckdb.units")
    whole = first.read_bytes()
    if how == "flipped":
        flip(first, len(whole) // 2)
    else:
        first.write_bytes({"cut": whole[:-1], "empty": b"", "that of another": second.read_bytes()}[how])
    rig.must_resume(stopped, keep=True)
    assert first.read_bytes() == whole


@pytest.mark.slow
def test_damaged_terms_are_told_and_can_be_begun_anew(rig, stopped):
    path = stopped / "run.duckdb.units" / "run.json"
    flip(path, path.stat().st_size // 2)
    outcome = rig.run(stopped)
    assert outcome.exit == INCOMPLETE, outcome
    rig.must_be_honest(stopped, outcome)
    assert str(path) in outcome.stderr
    assert rig.run(stopped, options=("--overwrite",)).exit == DONE
    assert rig.exports(stopped) == rig.clean


@pytest.mark.slow
def test_tasks_that_were_killed_are_collected_as_one_run(rig: Rig, tmp_path):
    run, units = tmp_path / "run", tmp_path / "run" / "units"
    first, second = (("--out", str(units), "--task", f"{task}/2") for task in (1, 2))
    killed = rig.run(run, Fault("kill-before", 1, operations="rename", name="*/units/units/*"), first)
    assert (killed.exit, killed.faults) == (-signal.SIGKILL, 1)
    told = rig.collect(run, units)
    assert told.exit == INCOMPLETE
    rig.must_be_honest(run, told)
    for options in (second, first):
        assert rig.run(run, options=options).exit == DONE
    full = rig.collect(run, units, Fault("fail", 5, operations="write", name="*.partial*", error=28, lasting=True))
    assert full.faults
    assert full.exit in (USAGE, INCOMPLETE)
    assert "No space left" in full.stderr
    assert len(full.lines) == 1
    flip(units_in(units)[0], 1000)
    damaged = rig.collect(run, units)
    assert damaged.exit == INCOMPLETE
    assert units_in(units)[0].name in damaged.stderr
    rig.must_be_honest(run, damaged)
    for options in (first, second):
        assert rig.run(run, options=options).exit == DONE
    assert rig.collect(run, units).exit == DONE
    assert rig.exports(run) == rig.clean


def test_a_second_run_is_refused_while_the_first_is_only_frozen(rig, tmp_path):
    run = tmp_path / "run"
    first = rig.start(run, Fault("freeze", 2, operations="rename", name=UNITS))
    try:
        assert becomes_true(lambda: first.status() == "stopped", 30)
        second = rig.run(run)
        assert second.exit == USAGE
        assert f"in use by process {first.process.pid} " in second.stderr
        send(first, signal.SIGCONT)
        outcome = first.wait(30)
    finally:
        first.end()
    assert (outcome.exit, outcome.lines) == (DONE, [])
    assert rig.exports(run) == rig.clean
    with RunReader(run / "run.duckdb") as reader:
        assert reader.query("SELECT count(*) AS n FROM shard")[0]["n"] == 3
