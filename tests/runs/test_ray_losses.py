"""What a Ray cluster can lose besides a node: its driver, its head, and every scanner that touches a certain shard."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

import provenance
from provenance.store.database import RunReader
from tests.runs.clusters import CONFIG, fatal, on, real_cluster, scan_command, units_of, wait_for_units
from tests.runs.exports import exports
from tests.shards.fixtures import make_long_shard, make_shards, prose

pytest.importorskip("ray", reason="Ray is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.waits]

RAY_SECONDS = 12  # after which Ray ends a driver without a head; half of it after which we do


@pytest.fixture(scope="module")
def shards(tmp_path_factory, books) -> Path:
    return make_shards(tmp_path_factory.mktemp("losses") / "shards", books, 8)


@pytest.fixture(scope="module")
def undisturbed(shards, index, tmp_path_factory) -> list[bytes]:
    db = tmp_path_factory.mktemp("undisturbed") / "r.duckdb"
    assert provenance.scan([shards], index, db, config=CONFIG, workers=1).complete
    return exports(db)


def started(command: list[str], **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **more},
    )  # fmt: skip


def must_go_on(command: list[str], db: Path, done: int, undisturbed: list[bytes]) -> None:
    """The same again ends well, does not repeat what was done, and gives the same."""
    with started([*command, "--json"]) as again:
        out, complaint = again.communicate(timeout=120)
    assert again.returncode == 0, complaint
    assert json.loads(out)["complete"]
    with RunReader(db) as run:
        attempts = run.query("SELECT outcome, found FROM attempt ORDER BY started_utc")
    assert attempts[-1]["outcome"] == "finished"
    assert attempts[-1]["found"] >= done
    assert exports(db) == undisturbed


def test_a_driver_that_is_killed_is_followed_by_another(shards, index, undisturbed, tmp_path, cluster):
    db = tmp_path / "r.duckdb"
    command = scan_command(shards, index, db, *on(cluster))
    with started(command) as driver:
        wait_for_units(db, driver, 5)
        driver.send_signal(signal.SIGKILL)
        driver.communicate(timeout=30)
        done = units_of(db)
    assert not db.exists()
    must_go_on(command, db, done, undisturbed)


def test_without_its_head_a_run_ends_and_goes_on_in_another_cluster(shards, index, undisturbed, tmp_path, cluster):
    db = tmp_path / "r.duckdb"
    timeout = {"RAY_gcs_rpc_server_reconnect_timeout_s": str(RAY_SECONDS)}
    with real_cluster() as first, started(scan_command(shards, index, db, *on(first)), **timeout) as driver:
        wait_for_units(db, driver, 3)
        for worker in first.workers():  # else the scanners that are left would do the rest, without a head
            worker.send_signal(signal.SIGSTOP)
        done = units_of(db)
        first.lose_the_head()
        lost = time.monotonic()
        try:
            _, complaint = driver.communicate(timeout=60)
        finally:
            driver.kill()
    assert time.monotonic() - lost < RAY_SECONDS + 20
    assert driver.returncode == 3, complaint
    assert "provenance: the head node of the Ray cluster" in complaint
    assert "Traceback" not in complaint
    assert not db.exists()
    must_go_on(scan_command(shards, index, db, *on(cluster)), db, done, undisturbed)


def test_a_shard_that_takes_three_scanners_down_is_named_and_the_others_are_whole(index, books, tmp_path, cluster):
    folder, db = make_shards(tmp_path / "shards", books, 8), tmp_path / "r.duckdb"
    evil = make_long_shard(folder / "4evil.jsonl.gz", f"{prose(1, 2000)} {books['book1'][:900]}", times=4)
    command = scan_command(folder, index, db, *on(cluster))
    with fatal(cluster, evil, "Scanner") as killed, started(command) as driver:
        _, complaint = driver.communicate(timeout=180)
    assert driver.returncode == 3, complaint
    assert len(killed) == 3
    assert "Traceback" not in complaint
    with RunReader(db) as run:
        shards = run.query("SELECT shard, outcome, reason FROM shard ORDER BY shard")
        problems = run.query("SELECT kind FROM exception")
    (failed,) = (row for row in shards if row["outcome"] != "scanned")
    assert len(shards) == 9
    assert (failed["shard"], failed["outcome"]) == (str(evil), "failed")
    assert "3 scanners were lost with it" in failed["reason"]
    assert "4evil.jsonl.gz" in complaint
    assert [problem["kind"] for problem in problems] == ["worker died"]
    provenance.scan([folder], index, tmp_path / "one.duckdb", config=CONFIG)
    with RunReader(db) as run:
        units = run.query("SELECT count(*) AS n FROM unit WHERE whole")[0]["n"]
    must_go_on(command, db, units, exports(tmp_path / "one.duckdb"))
