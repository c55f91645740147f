"""A worker that dies, hangs or swells costs at most the unit it has in hand, by name; the run goes on and ends."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.isolation.states import State
from provenance.isolation.supervisor import FETCHER, INSPECTOR, WORKER, Child, Role
from provenance.isolation.tasks import Ready, Refused
from provenance.store.database import RunReader
from provenance.units.config import WorkerLimits
from provenance.units.messages import FetcherHello, InspectorHello, WorkerHello
from tests.faults.rig import DONE, GOING_ON, INCOMPLETE, Fault, becomes_true, send, with_
from tests.shards.fixtures import make_long_shard, prose

SHARD = Fault("kill-before", operations="read", role="children", inputs=True, name="*/s1.parquet")


@cache
def options_of_scan() -> str:
    command = [sys.executable, "-m", "provenance", "scan", "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def play(monkeypatch, module: str) -> None:
    """Let a module of tests play the worker."""
    monkeypatch.setattr("provenance.runs.scanning.WORKER", Role(module))


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


@pytest.mark.slow
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


def test_a_worker_whose_memory_is_full_of_earlier_files_is_replaced(rig, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]))  # it is not forked
    play(monkeypatch, "tests.faults.hoarder")
    shards = tmp_path / "shards"
    shards.mkdir()
    for name in "abc":
        rows = pq.read_table(rig.folder / "shards" / "s0.parquet")
        pq.write_table(pa.concat_tables([rows] * 800), shards / f"{name}.parquet", row_group_size=1 << 20)
    summary = provenance.scan(
        [shards], rig.folder / "index", tmp_path / "r.duckdb", workers=1, limits=WorkerLimits(512 << 20),
    )  # fmt: skip
    assert [problem["reason"] for problem in summary.exceptions] == []
    assert summary.shards["scanned"] == 3


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


LIES = (
    "no_json", "no_object", "deep", "no_utf8", "no_text", "missing", "other_shard", "refuses", "endless", "negative",
)  # fmt: skip


def scan_with_liars(rig, tmp_path, monkeypatch, kinds, **limits):
    """Shards named for the lies told about them, between honest ones."""
    shards = tmp_path / "shards"
    shards.mkdir()
    for name in ("a_good", "honest", *kinds, "z_good"):
        (shards / f"{name}.parquet").write_bytes((rig.folder / "shards" / "s0.parquet").read_bytes())
    with monkeypatch.context() as patch:
        play(patch, "tests.faults.liar")
        summary = provenance.scan(
            [shards], rig.folder / "index", tmp_path / "r.duckdb", workers=1, limits=WorkerLimits(**limits),
        )  # fmt: skip
    with RunReader(tmp_path / "r.duckdb") as run:
        rows = run.query("SELECT shard, outcome, documents, reason FROM shard")
    return summary, {Path(row["shard"]).stem: row for row in rows}


@pytest.mark.parametrize("kinds", [LIES[:1], pytest.param(LIES[1:], marks=pytest.mark.slow)], ids=["one", "others"])
def test_a_worker_that_talks_nonsense_counts_as_dead(rig, tmp_path, monkeypatch, kinds):
    summary, shards = scan_with_liars(rig, tmp_path, monkeypatch, kinds)
    assert {Path(problem["shard"]).stem for problem in summary.exceptions} == set(kinds)
    for kind in kinds:
        assert shards[kind]["outcome"] == "failed", kind
        assert "its worker's answer made no sense, twice (" in shards[kind]["reason"], kind
    for name in ("a_good", "honest", "z_good"):
        assert (shards[name]["outcome"], shards[name]["documents"]) == ("scanned", 12)
    assert provenance.scan([tmp_path / "shards"], rig.folder / "index", tmp_path / "r.duckdb").complete


@pytest.mark.slow
def test_a_worker_that_stops_in_the_middle_of_a_word_is_given_up(rig, tmp_path, monkeypatch):
    began = time.monotonic()
    summary, shards = scan_with_liars(rig, tmp_path, monkeypatch, ["half"], stall_seconds=2)
    assert time.monotonic() - began < 30
    assert [problem["kind"] for problem in summary.exceptions] == ["too slow"]
    assert (shards["z_good"]["outcome"], shards["z_good"]["documents"]) == ("scanned", 12)


@pytest.mark.slow
def test_an_idle_worker_that_is_killed_is_no_loss(rig, tmp_path):
    """As a machine short of memory does it: another takes its place, if there is anything to do."""
    shard = make_long_shard(tmp_path / "long.jsonl.gz", prose(7, 2000))
    command = [
        sys.executable, "-m", "provenance", "scan", str(shard), "--index", str(rig.folder / "index"),
        "--db", str(tmp_path / "r.duckdb"), "--workers", "2",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as scanning:
        parent, idle = psutil.Process(scanning.pid), []

        def one_scans_and_one_is_idle() -> bool:
            busy = {child: any("long" in file.path for file in child.open_files()) for child in parent.children()}
            ready = all(child.cpu_times().user > 0.3 for child in busy)
            idle[:] = [child for child in busy if not busy[child]]
            return len(busy) == 2 and len(idle) == 1 and ready

        assert becomes_true(one_scans_and_one_is_idle, 60)
        idle[0].kill()
        _, complaint = scanning.communicate(timeout=60)
    assert (scanning.returncode, complaint) == (0, "")


def scan_while(rig, run, meddle, shards: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A scan with one worker, while `meddle` is called with its process until it has ended."""
    command = [
        sys.executable, "-m", "provenance", "scan", str(shards or rig.folder / "shards"), "--index",
        str(rig.folder / "index"), "--db", str(run), "--workers", "1", "--unit-size", "1MB",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as scanning:
        process, until = psutil.Process(scanning.pid), time.monotonic() + 60
        while scanning.poll() is None:
            assert time.monotonic() < until
            meddle(process)
            time.sleep(0.001)
        return subprocess.CompletedProcess(command, scanning.returncode, *scanning.communicate())


def test_a_worker_that_is_killed_while_it_starts_is_replaced(rig, tmp_path):
    killed: list[int] = []

    def kill_the_first(process: psutil.Process) -> None:
        if not killed and (children := process.children()):
            children[0].kill()
            killed.append(children[0].pid)

    done = scan_while(rig, tmp_path / "r.duckdb", kill_the_first)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(killed) == 1


@pytest.mark.slow
def test_where_every_worker_is_killed_while_it_starts_what_is_done_is_kept(rig, tmp_path):
    """As a machine does that is short of memory: here from the second worker on, when some units are done."""
    run, shards = tmp_path / "r.duckdb", tmp_path / "shards"
    shards.mkdir()
    for number in range(500):
        (shards / f"{number}.parquet").hardlink_to(rig.folder / "shards" / "s0.parquet")
    first: list[psutil.Process] = []
    units = tmp_path / "r.duckdb.units" / "units"

    def kill_all_but_the_first_until_units_are_there(process: psutil.Process) -> None:
        for child in process.children():
            if not first:
                first.append(child)
            if child.pid != first[0].pid or any(units.glob("*/*.parquet")):
                with suppress(psutil.NoSuchProcess):
                    child.kill()

    done = scan_while(rig, run, kill_all_but_the_first_until_units_are_there, shards)
    assert done.returncode == INCOMPLETE, done.stderr
    assert "killed (signal 9) while they started" in done.stderr
    assert "what is done is kept, and the same command goes on from there" in done.stderr
    saved = len(list(units.glob("*/*.parquet")))
    assert saved > 0
    again = scan_while(rig, run, lambda process: None, shards)
    assert again.returncode == DONE
    assert GOING_ON in again.stderr


@pytest.mark.parametrize("role", [WORKER, FETCHER, INSPECTOR], ids=lambda role: role.module)
def test_sigterm_does_not_end_a_worker_that_has_only_begun_to_start(rig, role):
    config = provenance.ScanConfig().to_json()
    hellos = {
        WORKER: WorkerHello(config, str(rig.folder / "index"), "another", provenance.Key().message(), 3 << 30),
        FETCHER: FetcherHello(),
        INSPECTOR: InspectorHello(config, 1),
    }
    child = Child(role)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            child.process.send_signal(signal.SIGTERM)
            child.greet(hellos[role], b"")
            until = time.monotonic() + 30
            while not selector.select(0.001):
                child.process.send_signal(signal.SIGTERM)
                assert time.monotonic() < until
        (answer, _), *_ = child.hear()
        assert child.life.state is State.STARTING
        assert isinstance(answer, Refused if role is WORKER else Ready)  # the worker is told of another index
    finally:
        child.stop()
