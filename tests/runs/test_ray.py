"""A real Ray cluster of three nodes on this machine: the same result, also when a node is lost in the middle."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import provenance
from provenance.errors import UsageError
from tests.runs.clusters import CONFIG, on, scan_command, units_of, wait_for_units
from tests.runs.exports import exports
from tests.shards.fixtures import make_shards, prose

pytest.importorskip("ray", reason="Ray is not installed")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shards(tmp_path_factory, books) -> Path:
    return make_shards(tmp_path_factory.mktemp("ray") / "shards", books, 8)


def test_three_nodes_give_what_one_worker_gives(shards, index, tmp_path, cluster):
    provenance.scan([shards], index, tmp_path / "one.duckdb", config=CONFIG, workers=1)
    summary = provenance.scan(
        [shards], index, tmp_path / "ray.duckdb", config=CONFIG, engine="ray", ray_address=cluster.address
    )
    assert summary.complete
    assert exports(tmp_path / "ray.duckdb") == exports(tmp_path / "one.duckdb")


def test_names_meant_from_the_drivers_directory_and_decoys_are_found_by_all_nodes(
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


def test_a_node_lost_in_the_middle_costs_nothing(shards, index, tmp_path, cluster):
    provenance.scan([shards], index, tmp_path / "one.duckdb", config=CONFIG, workers=1)
    db = tmp_path / "ray.duckdb"
    command = scan_command(shards, index, db, *on(cluster), "--json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as scanning:
        wait_for_units(db, scanning, 3)
        cluster.lose_a_node()
        at_loss = units_of(db)
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
    from provenance.runs.connection import refuse_open_dashboard

    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    for harmless in ("", "127.0.0.1:8265", "http://localhost:8265", "[::1]:8265"):
        refuse_open_dashboard(harmless)
    for public in ("10.0.0.3:8265", "http://0.0.0.0:8265", "ray.example.org:8265"):
        with pytest.raises(UsageError, match="RAY_AUTH_MODE=token"):
            refuse_open_dashboard(public)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    refuse_open_dashboard("10.0.0.3:8265")
