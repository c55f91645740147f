"""A real Ray cluster of three nodes on this machine: the same result, also when a node is lost in the middle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.errors import UsageError
from tests.runs.exports import exports
from tests.shards.fixtures import prose

pytest.importorskip("ray", reason="Ray is not installed")
pytestmark = pytest.mark.slow

CONFIG = provenance.ScanConfig(unit_bytes=40_000)
CLUSTER = """
import json, sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
cluster.wait_for_nodes()
print(json.dumps(cluster.address), flush=True)
for line in sys.stdin:
    cluster.remove_node(nodes.pop(), allow_graceful=False)
    print("removed", flush=True)
cluster.shutdown()
"""


class RealCluster:
    """Three nodes, in a process of its own; `lose_a_node` kills one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.address = json.loads(process.stdout.readline())

    def lose_a_node(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._process.stdout.readline()


@pytest.fixture
def cluster() -> Iterator[RealCluster]:
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        yield RealCluster(process)
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def shards(tmp_path_factory, books) -> Path:
    folder = tmp_path_factory.mktemp("ray") / "shards"
    folder.mkdir()
    for number in range(8):
        rows = []
        for row in range(100):
            text = prose(9000 + 100 * number + row, 60)
            at = 50 * row + number
            rows.append(f"{text} {books[f'book{row % 3}'][at : at + 900]} {text}" if row % 5 == 0 else text)
        pq.write_table(pa.table({"text": rows}), folder / f"{number}.parquet", row_group_size=5)
    return folder


def scan_command(shards, index, db, *more: str) -> list[str]:
    command = [sys.executable, "-m", "provenance", "scan", str(shards), "--index", str(index), "--db", str(db)]
    return [*command, "--unit-size", "40kB", *more]


def test_three_nodes_give_what_one_worker_gives(shards, index, tmp_path, cluster):
    provenance.scan([shards], index, tmp_path / "one.duckdb", config=CONFIG, workers=1)
    summary = provenance.scan(
        [shards], index, tmp_path / "ray.duckdb", config=CONFIG, engine="ray", ray_address=cluster.address
    )
    assert summary.complete
    assert exports(tmp_path / "ray.duckdb") == exports(tmp_path / "one.duckdb")


def test_a_node_lost_in_the_middle_costs_nothing(shards, index, tmp_path, cluster):
    provenance.scan([shards], index, tmp_path / "one.duckdb", config=CONFIG, workers=1)
    db = tmp_path / "ray.duckdb"
    command = scan_command(shards, index, db, "--engine", "ray", "--ray-address", cluster.address, "--json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as scanning:
        units = Path(f"{db}.units/units")
        deadline = time.monotonic() + 90
        while len(list(units.rglob("*.parquet"))) < 3 and time.monotonic() < deadline:
            assert scanning.poll() is None, scanning.communicate()
            time.sleep(0.02)
        cluster.lose_a_node()
        at_loss = len(list(units.rglob("*.parquet")))
        out, complaint = scanning.communicate(timeout=120)
    assert scanning.returncode == 0, complaint
    summary = json.loads(out)
    assert summary["complete"]
    assert at_loss < summary["units"], "the node was lost too late to matter"
    assert exports(db) == exports(tmp_path / "one.duckdb")


def test_a_cluster_that_is_not_there_is_a_usage_error(shards, index, tmp_path):
    command = scan_command(shards, index, tmp_path / "r.duckdb", "--engine", "ray", "--ray-address", "127.0.0.1:1")
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 2, result.stderr
    assert "no Ray cluster at 127.0.0.1:1" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_open_dashboard_on_a_public_interface_is_refused(monkeypatch):
    from provenance.runs.cluster import refuse_open_dashboard

    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    for harmless in ("", "127.0.0.1:8265", "http://localhost:8265", "[::1]:8265"):
        refuse_open_dashboard(harmless)
    for public in ("10.0.0.3:8265", "http://0.0.0.0:8265", "ray.example.org:8265"):
        with pytest.raises(UsageError, match="RAY_AUTH_MODE=token"):
            refuse_open_dashboard(public)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    refuse_open_dashboard("10.0.0.3:8265")
