"""Clean shards on a real Ray cluster of three nodes: the files that one machine writes, whatever is lost meanwhile."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import provenance
from provenance._version import __version__
from provenance.cleaning.job import Order
from provenance.units.config import ScanConfig
from provenance.units.cutting import units_of as units_of_shard
from tests.runs.clusters import fatal, on, units_of, wait_for_units
from tests.shards.fixtures import make_long_shard, make_shards, prose

pytest.importorskip("ray", reason="Ray is not installed")
from provenance.cleaning.on_cluster import ShardCleaner

SHARDS = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory, books, index) -> Path:
    """Shards, a run of them, and what one worker makes of it."""
    folder = tmp_path_factory.mktemp("cleaned")
    make_shards(folder / "shards", books, SHARDS)
    provenance.scan([folder / "shards"], index, folder / "run.duckdb", workers=1)
    provenance.clean(folder / "run.duckdb", folder / "one", "drop", grade="quotation", workers=1)
    return folder


def clean_command(folder: Path, out: Path, *more: str) -> list[str]:
    command = [sys.executable, "-m", "provenance", "clean", str(folder / "run.duckdb"), "--out", str(out)]
    return [*command, "--mode", "drop", "--grade", "quotation", *more]


def digests(out: Path) -> dict[str, str]:
    """Of all that is there, but for who worked on it; the record without the name of its folder."""
    files = {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "lock" and path.parent.name != "attempts"
    }
    record = ".provenance/clean.json"
    files[record] = files[record].replace(str(out).encode(), b"OUT")
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


@pytest.mark.slow
def test_stopped_and_with_a_node_lost_it_writes_what_one_machine_writes(folder, tmp_path, cluster):
    out = tmp_path / "out"
    ledger, command = out / ".provenance", clean_command(folder, out, *on(cluster))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as cleaning:
        wait_for_units(ledger, cleaning, 3)
        cleaning.terminate()
        printed, complaint = cleaning.communicate(timeout=60)
    assert (cleaning.returncode, printed) == (130, ""), complaint
    assert re.fullmatch(r"provenance: interrupted: \d+ of 24 units are done and kept in .*\n", complaint)
    done = units_of(ledger)
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as cleaning:
        wait_for_units(ledger, cleaning, done + 2)
        cluster.lose_a_node()
        at_loss = units_of(ledger)
        printed, complaint = cleaning.communicate(timeout=120)
    cluster.add_a_node()
    assert cleaning.returncode == 0, complaint
    assert at_loss < SHARDS, "the node was lost too late to matter"
    going_on, lost = complaint.splitlines()
    assert going_on == f"provenance: going on: {done} of 24 units are done"
    assert re.fullmatch(r"provenance: node \S+, or a cleaner on it, was lost: others do what it had in hand", lost)
    summary = json.loads(printed)
    assert (summary["complete"], summary["counts"]["written"]) == (True, SHARDS)
    assert (summary["check"]["complete"], summary["check"]["documents_matched"]) == (True, 0)
    assert digests(out) == digests(folder / "one")
    attempts = [json.loads(path.read_text()) for path in sorted((ledger / "attempts").iterdir())]
    assert [(one["engine"], one["outcome"]) for one in attempts] == [("ray", "interrupted"), ("ray", "finished")]


@pytest.mark.slow
def test_a_shard_that_takes_three_cleaners_down_is_named_and_the_others_are_whole(books, index, tmp_path, cluster):
    shards = make_shards(tmp_path / "shards", books, 4)
    evil = make_long_shard(shards / "2evil.jsonl.gz", f"{prose(1, 2000)} {books['book1'][:900]}", times=2)
    provenance.scan([shards], index, tmp_path / "run.duckdb", workers=1)
    command = clean_command(tmp_path, tmp_path / "out", "--no-check", *on(cluster))
    with (
        fatal(cluster, evil, "ShardCleaner") as killed,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as cleaning,
    ):
        _, complaint = cleaning.communicate(timeout=180)
    assert (cleaning.returncode, len(killed)) == (3, 3), complaint
    assert f"left out: shard {evil}: 3 cleaners were lost with it" in complaint
    assert "Traceback" not in complaint
    names = [f"{number}.parquet" for number in range(4)]
    assert sorted(path.name for path in (tmp_path / "out").rglob("*") if path.suffix in (".gz", ".tmp")) == []
    again = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert again.returncode == 0, again.stderr
    provenance.clean(tmp_path / "run.duckdb", tmp_path / "one", "drop", grade="quotation", check=False, workers=1)
    assert {*names, "2evil.jsonl.gz"} < digests(tmp_path / "out").keys()
    assert digests(tmp_path / "out") == digests(tmp_path / "one")


def test_a_cleaner_says_why_a_shard_is_not_written_and_names_its_node_where_it_cannot_go_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shard, out = tmp_path / "a.npy", tmp_path / "out"
    shard.write_bytes(b"as it was")
    hello = {
        "directory": str(tmp_path), "stall": 60.0, "anonymous": False, "out": "out",
        "cleaner": {"config": ScanConfig().to_json(), "mode": "drop", "marker": "x", "memory": 1 << 30},
    }  # fmt: skip
    facts = {"shard": "a.npy", "bytes": 9, "rows": 1, "rows_read": 1, "outcome": "scanned"}

    def order(target: str, sha256: str) -> dict[str, Any]:
        (unit,) = units_of_shard("a.npy", 9, target, 1, "terms")
        return asdict(Order({**facts, "sha256": sha256}, unit, target, anew=False))

    good = order("a.npy", hashlib.sha256(b"as it was").hexdigest())
    cleaner = ShardCleaner(hello)
    try:
        other = cleaner.do(order("b.npy", "0" * 64), b"")
        assert other.pop("failure").startswith("shard a.npy is not the one that was scanned: its SHA-256 is ")
        assert other == {"version": __version__}
        assert cleaner.do(good, b"") == {"version": __version__}
        assert sorted(path.name for path in out.iterdir()) == [".provenance", "a.npy"]
        assert (out / "a.npy").read_bytes() == b"as it was"
        shard.unlink()
        assert cleaner.do(good, b"") == {"version": __version__}, "it is in the ledger, but done again"
        shard.write_bytes(b"as it was")
        out.rename(tmp_path / "elsewhere")
        error = cleaner.do(order("c.npy", good["row"]["sha256"]), b"")["error"]
    finally:
        cleaner.pool.close()
    assert error[0] == "OutputError"
    assert error[1].startswith(f"on node {socket.gethostname()}: out is no longer the directory that it was")
