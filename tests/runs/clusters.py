"""A real Ray cluster of three nodes on this machine, nodes of which can be lost, and what is scanned on it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil

import provenance
from provenance.cleaning.messages import CLEANER
from provenance.isolation.supervisor import WORKER

CONFIG = provenance.ScanConfig(unit_bytes=40_000)
MARK = "TEST_CLUSTER"  # in the environment of all processes of a cluster
CLUSTER = """
import json, sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
cluster.wait_for_nodes()
print(json.dumps(cluster.address), flush=True)
for line in sys.stdin:
    if line.strip() == "head":
        cluster.head_node.kill_all_processes(check_alive=False, allow_graceful=False)
    elif line.strip() == "lose":
        cluster.remove_node(nodes.pop(), allow_graceful=False)
    else:
        nodes.append(cluster.add_node(num_cpus=1))
        cluster.wait_for_nodes()
    print("done", flush=True)
cluster.shutdown()
"""


class RealCluster:
    """Three nodes, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], mark: str) -> None:
        self._process, self._mark = process, mark
        assert process.stdout is not None
        self.address = json.loads(process.stdout.readline())

    def lose_a_node(self) -> None:
        """Kill the processes of one that is not the head."""
        self._tell("lose")

    def add_a_node(self) -> None:
        """In place of one that was lost."""
        self._tell("add")

    def lose_the_head(self) -> None:
        """Kill the processes of the node that holds the cluster together."""
        self._tell("head")

    def workers(self) -> list[psutil.Process]:
        """The processes that parse shards, on all nodes: children of actors."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                parses = any(role.module in " ".join(process.cmdline()) for role in (WORKER, CLEANER))
                if parses and process.environ().get(MARK) == self._mark:
                    found.append(process)
        return found

    def _tell(self, what: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        self._process.stdout.readline()


@contextlib.contextmanager
def real_cluster() -> Iterator[RealCluster]:
    mark = uuid.uuid4().hex
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", MARK: mark}
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        yield RealCluster(process, mark)
        process.communicate(timeout=60)


def scan_command(shards: Path, index: Path, db: Path, *more: str) -> list[str]:
    command = [sys.executable, "-m", "provenance", "scan", str(shards), "--index", str(index), "--db", str(db)]
    return [*command, "--unit-size", "40kB", *more]


def on(cluster: RealCluster) -> list[str]:
    return ["--engine", "ray", "--ray-address", cluster.address]


def units_of(place: Path) -> int:
    """Of a run database, or in a ledger."""
    ledger = Path(f"{place}.units") if place.suffix == ".duckdb" else place
    return len([path for path in (ledger / "units").rglob("*.parquet") if not path.name.startswith(".")])


def wait_for_units(place: Path, process: subprocess.Popen[str], count: int) -> None:
    """Until so many units are done by a process that goes on."""
    deadline = time.monotonic() + 90
    while units_of(place) < count and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


@contextlib.contextmanager
def fatal(cluster: RealCluster, shard: Path, kind: str) -> Iterator[list[int]]:
    """Kill each actor, of this class, whose worker has this shard open; yields the processes that were killed."""
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.02):
            for worker in cluster.workers():
                with contextlib.suppress(psutil.Error):
                    if any(file.path == str(shard) for file in worker.open_files()):
                        actor = worker.parent()
                        assert actor is not None
                        assert kind in " ".join(actor.cmdline())
                        actor.kill()
                        killed.append(actor.pid)
                        worker.wait(5)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()
