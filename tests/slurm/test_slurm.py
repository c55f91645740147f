"""Real Slurm on one machine: an array of tasks finds what one scan finds, also where tasks are stopped on the way."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.runs.ledger import Ledger
from provenance.storage.folders import open_folder
from provenance.units.cutting import Share

ROOT = Path(provenance.__file__).parents[1]
CLUSTER, SCRIPT = Path(__file__).with_name("cluster.sh"), ROOT / "docs" / "slurm.sbatch"
PROVENANCE = [sys.executable, "-m", "provenance"]
DAEMONS = ("munged", "slurmctld", "slurmd")
FEW, MANY = 40, 1000  # shards; of many, a task takes some while to do its share

pytestmark = [
    pytest.mark.slow,
    pytest.mark.waits,
    pytest.mark.skipif(
        not all(shutil.which(name, path=f"{os.environ.get('PATH')}:/usr/sbin") for name in DAEMONS),
        reason="Slurm is not installed: tests/slurm/install.sh",
    ),
]


def free_ports(count: int) -> int:
    """The first of so many ports in a row that nobody listens on."""
    for first in range(26817, 32000, 10):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no free ports")


@pytest.fixture(scope="module")
def slurm():
    """Runs a command on a cluster that is there for this module, and returns what it printed."""
    folder = tempfile.mkdtemp(prefix="slurm-")  # a short name: sockets are in it
    ports = {"PROVENANCE_SLURM_PORT": str(free_ports(3))}
    started = subprocess.run([CLUSTER, "start", folder], capture_output=True, text=True, env={**os.environ, **ports})
    assert started.returncode == 0, started.stderr
    told = {
        **os.environ,
        "SLURM_CONF": started.stdout.strip(),
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }

    def run(*command: object, **options) -> str:
        done = subprocess.run(
            [str(c) for c in command], env=told, capture_output=True, text=True, timeout=60, **options
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    try:
        yield run
    finally:
        subprocess.run([CLUSTER, "stop", folder], check=True, timeout=120)
        shutil.rmtree(folder, ignore_errors=True)


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what} after {seconds} s"
        time.sleep(0.2)


def write_shards(folder: Path, rows: list[tuple[str, str]], count: int) -> Path:
    folder.mkdir()
    for n in range(count):
        mine = [rows[(n + k) % len(rows)] for k in range(3)]
        table = pa.table({"id": [f"{n}/{name}" for name, _ in mine], "text": [text for _, text in mine]})
        pq.write_table(table, folder / f"part-{n:04}.parquet")
    return folder


def submit(slurm, array: str, shards: Path, index: Path, out: Path) -> str:
    """Submit the documented script, and return the number of the job."""
    scan = [shards, "--index", index, "--out", out]
    logs = f"--output={out.parent}/log-%a.txt"
    return slurm("sbatch", "--parsable", f"--array={array}", "--time=10", logs, SCRIPT, *scan)


def fate(slurm, job: str) -> tuple[str, str]:
    """State of a task, as Slurm names it, and its exit code."""
    told = dict(
        part.split("=", 1) for part in slurm("scontrol", "show", "job", job, "--oneliner").split() if "=" in part
    )
    return told["JobState"], told["ExitCode"]


def ended(slurm, job: str) -> bool:
    return not slurm("squeue", "--noheader", f"--jobs={job}")


def exports(db: Path) -> list[bytes]:
    """What was found, as bytes that do not depend on how."""
    found = []
    for what in ("matches", "works", "documents", "shards"):
        out = db.with_suffix(f".{what}")
        command = [*PROVENANCE, "export", db, "--what", what, "--format", "jsonl", "--out", out]
        subprocess.run(command, check=True, timeout=60)
        found.append(out.read_bytes())
    return found


def collected(out: Path, db: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROVENANCE, "collect", out, "--db", db], capture_output=True, text=True, timeout=120)


def units_in(out: Path) -> int:
    return sum(1 for _ in (out / "units").rglob("*.parquet"))


def least_units_of_a_task(out: Path) -> int:
    ledger = Ledger(open_folder(out))
    units = [unit for file in ledger.plan() or () for unit in file.units(ledger.terms().digest)]
    done = {path.stem for path in (out / "units").rglob("*.parquet")}
    return min(sum(unit.digest in done for unit in Share(task, 2).of(units)) for task in (1, 2))


def scanned_at_once(shards: Path, index: Path, db: Path) -> list[bytes]:
    provenance.scan([shards], index, db, workers=1)
    return exports(db)


def test_an_array_of_tasks_and_a_job_that_collects_find_what_one_scan_finds(slurm, index, rows, tmp_path):
    shards, out, db = write_shards(tmp_path / "shards", rows, FEW), tmp_path / "out", tmp_path / "run.duckdb"
    array = submit(slurm, "10-18:2", shards, index, out)
    collect = f"provenance collect {out} --db {db}"
    log = tmp_path / "collect.txt"
    last = slurm("sbatch", "--parsable", f"--dependency=afterany:{array}", f"--output={log}", "--wrap", collect)
    wait_until(lambda: ended(slurm, last), 120, "the job that collects is not done")
    assert "Traceback" not in log.read_text()
    assert exports(db) == scanned_at_once(shards, index, tmp_path / "one.duckdb")


def test_tasks_that_are_requeued_or_run_out_of_time_lose_and_double_nothing(slurm, index, rows, tmp_path):
    shards, out, db = write_shards(tmp_path / "shards", rows, MANY), tmp_path / "out", tmp_path / "run.duckdb"
    requeued, stopped = (tmp_path / f"log-{task}.txt" for task in (1, 2))
    array = submit(slurm, "1-2", shards, index, out)
    wait_until(lambda: (out / "plan.parquet").exists(), 60, "no task has begun")
    wait_until(lambda: least_units_of_a_task(out) > 20, 60, "tasks have not begun")
    slurm("scontrol", "requeue", f"{array}_1")
    slurm("scancel", "--batch", "--signal=TERM", f"{array}_2")  # what --signal=B:TERM@60 does a minute before the end
    wait_until(lambda: fate(slurm, f"{array}_2")[0] == "FAILED", 30, "the task that was stopped goes on")
    assert fate(slurm, f"{array}_2") == ("FAILED", "130:0")
    wait_until(lambda: ended(slurm, array), 120, "tasks are not done")
    assert fate(slurm, f"{array}_1") == ("COMPLETED", "0:0")
    assert "going on: " in requeued.read_text()
    for log in (requeued, stopped):
        assert "provenance: interrupted" in log.read_text()
        assert "Traceback" not in log.read_text()

    done = units_in(out)
    assert MANY // 2 < done < MANY
    early = collected(out, db)
    assert early.returncode == 3
    assert f"{MANY - done:,} failed" in early.stdout
    assert "not scanned" in early.stderr

    again = submit(slurm, "1-2", shards, index, out)
    wait_until(lambda: ended(slurm, again), 120, "tasks are not done")
    assert fate(slurm, f"{again}_2") == ("COMPLETED", "0:0")
    assert units_in(out) == MANY
    assert collected(out, db).returncode == 0
    assert exports(db) == scanned_at_once(shards, index, tmp_path / "one.duckdb")
