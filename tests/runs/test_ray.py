"""A real Ray cluster of three nodes on this machine: the same result, also when a node is lost in the middle."""

from __future__ import annotations

import contextlib
import json
import platform
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import provenance
from provenance.errors import IndexMissingError, UsageError
from provenance.runs.engine import Watch
from tests.runs.clusters import CONFIG, on, scan_command, units_of, wait_for_units
from tests.runs.exports import exports
from tests.shards.fixtures import make_shards, prose

ray = pytest.importorskip("ray", reason="Ray is not installed")
from ray._raylet import GcsClient  # noqa: E402

from provenance.runs.connection import connected, refuse_open_dashboard  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.waits]


@pytest.fixture(scope="module")
def shards(tmp_path_factory, books) -> Path:
    return make_shards(tmp_path_factory.mktemp("ray") / "shards", books, 8)


def test_three_nodes_give_what_one_worker_gives_with_names_from_the_drivers_directory_and_decoys(
    shards, index, tmp_path, cluster, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(shards)
    (tmp_path / "decoys").mkdir()
    (tmp_path / "decoys" / "never printed.txt").write_text(prose(999_999, 3000))
    found = {}
    for name, options in {"one": {"workers": 1}, "ray": {"engine": "ray", "ray_address": cluster.address}}.items():
        summary = provenance.scan(["data"], index, f"{name}.duckdb", config=CONFIG, decoys=["decoys"], **options)
        assert summary.complete
        assert summary.decoys["works"] == 1
        found[name] = exports(tmp_path / f"{name}.duckdb")
    assert found["ray"] == found["one"]


def test_a_node_lost_in_the_middle_costs_nothing_and_is_one_line(shards, index, tmp_path, cluster):
    provenance.scan([shards], index, tmp_path / "one.duckdb", config=CONFIG, workers=1)
    db = tmp_path / "ray.duckdb"
    command = scan_command(shards, index, db, *on(cluster), "--json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as scanning:
        wait_for_units(db, scanning, 3)
        cluster.lose_a_node()
        at_loss = units_of(db)
        out, complaint = scanning.communicate(timeout=120)
    cluster.add_a_node()
    assert scanning.returncode == 0, complaint
    summary = json.loads(out)
    assert summary["complete"]
    assert at_loss < summary["units"], "the node was lost too late to matter"
    assert exports(db) == exports(tmp_path / "one.duckdb")
    assert re.fullmatch(
        r"provenance: node \S+, or a scanner on it, was lost: others do what it had in hand\n", complaint
    )


def test_sigterm_ends_a_run_as_everywhere(shards, index, tmp_path, cluster):
    db = tmp_path / "r.duckdb"
    command = scan_command(shards, index, db, *on(cluster))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as scanning:
        wait_for_units(db, scanning, 3)
        scanning.terminate()
        out, complaint = scanning.communicate(timeout=60)
    assert (scanning.returncode, out) == (130, "")
    assert re.fullmatch(r"provenance: interrupted: \d+ of \d+ units are done and kept in .*\n", complaint)


def test_a_node_without_the_index_is_named_with_what_to_do(shards, index, tmp_path, cluster):
    here = shutil.copytree(index, tmp_path / "index")

    def hide(text_bytes: int) -> None:
        """When the driver has opened it, and no node has."""
        here.rename(tmp_path / "elsewhere")

    with pytest.raises(IndexMissingError, match=r"^on node \S+: there is no index at .*: copy it there, or .* s3://"):
        provenance.scan(
            [shards], here, tmp_path / "r.duckdb", engine="ray", ray_address=cluster.address,
            watch=Watch(on_planned=hide),
        )  # fmt: skip


@contextlib.contextmanager
def listening(answer: Callable[[socket.socket], object]) -> Iterator[str]:
    """The address of a port whose connections are answered so."""
    with socket.create_server(("127.0.0.2", 0)) as server:  # of 127.0.0.1 Ray makes the address of the network
        thread = threading.Thread(target=lambda: answer(server.accept()[0]), daemon=True)
        thread.start()
        yield "{}:{}".format(*server.getsockname())


def refused(address: str) -> str:
    began = time.monotonic()
    with pytest.raises(UsageError, match=f"^no Ray cluster at {address}: ") as raised, connected(address, None):
        pass
    assert time.monotonic() - began < 30
    message = str(raised.value)
    assert f"Ray {ray.__version__} and Python {platform.python_version()}" in message
    assert "Give the address that `ray start --head` printed" in message
    return message


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one loopback address")
def test_whatever_else_answers_where_a_cluster_should_be_is_said_soon():
    with listening(lambda connection: connection.sendall(b"HTTP/1.0 505 HTTP Version Not Supported\r\n\r\n")) as web:
        assert f"what answers at {web} is no head node of Ray" in refused(web)
    with listening(lambda connection: time.sleep(60)) as silent:
        assert f"{silent} does not answer (timed out)" in refused(silent)
    assert f"{silent} does not answer ([Errno 111] Connection refused)" in refused(silent)
    for odd in ("ray://localhost:10001", "somewhere"):
        refused(odd)


def test_a_cluster_of_other_versions_is_refused_with_both(cluster):
    metadata = {"ray_version": "2.9.1", "python_version": "3.9.2"}
    head = GcsClient(address=cluster.address)
    place = {"namespace": b"cluster", "timeout": 10}
    before = head.internal_kv_get(b"CLUSTER_METADATA", **place)
    head.internal_kv_put(b"CLUSTER_METADATA", json.dumps(metadata).encode(), True, **place)
    try:
        with pytest.raises(UsageError) as raised, connected(cluster.address, None):
            pass
    finally:
        head.internal_kv_put(b"CLUSTER_METADATA", before, True, **place)
    ours = f"Ray {ray.__version__} and Python {platform.python_version()}"
    assert f"has Ray 2.9.1 and Python 3.9.2, this machine has {ours}: " in str(raised.value)


def test_a_cluster_that_is_not_there_is_a_usage_error_in_one_line(shards, index, tmp_path):
    command = scan_command(shards, index, tmp_path / "r.duckdb", "--engine", "ray", "--ray-address", "127.0.0.1:1")
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 2, result.stderr
    assert re.fullmatch(r"provenance: no Ray cluster at 127.0.0.1:1: .*\n", result.stderr)


def test_an_open_dashboard_on_a_public_interface_is_refused(monkeypatch):
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    for harmless in ("", "127.0.0.1:8265", "http://localhost:8265", "[::1]:8265"):
        refuse_open_dashboard(harmless)
    for public in ("10.0.0.3:8265", "http://0.0.0.0:8265", "ray.example.org:8265"):
        with pytest.raises(UsageError, match="RAY_AUTH_MODE=token"):
            refuse_open_dashboard(public)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    refuse_open_dashboard("10.0.0.3:8265")
