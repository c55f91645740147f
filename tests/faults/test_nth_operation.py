"""The N-th operation on files fails, for N = 1, 2, 3 and on until nothing fails any more.

Whatever fails, the command says so, its exit code is not 0 unless the result is whole, and the same command without
the fault ends as if nothing had been.
"""

from __future__ import annotations

import errno
import shutil
from collections import deque

import pytest

from tests.faults.rig import DONE, INCOMPLETE, USAGE, Fault, mounted, with_

WAYS = {
    "EIO once": Fault("fail", error=errno.EIO),
    "EIO from then on": Fault("fail", error=errno.EIO, lasting=True),
    "ENOSPC once": Fault("fail", error=errno.ENOSPC),
    "ENOSPC from then on": Fault("fail", error=errno.ENOSPC, lasting=True, operations="open,write,truncate,mkdir"),
    "EROFS from then on": Fault("fail", error=errno.EROFS, lasting=True, operations="open,write,rename,mkdir,unlink"),
    "EIO when it is made to last": Fault("fail", error=errno.EIO, operations="fsync"),
    "short write": Fault("short", operations="write"),
    "short writes from then on": Fault("short", operations="write", lasting=True),
}
READS = {
    "EIO once": Fault("fail", error=errno.EIO, operations="read", role="all", inputs=True),
    "EIO from then on": Fault("fail", error=errno.EIO, operations="read", role="all", inputs=True, lasting=True),
    "short read": Fault("short", operations="read", role="all", inputs=True),
    "short reads from then on": Fault("short", operations="read", role="all", inputs=True, lasting=True),
}


def fails(rig, run, fault: Fault) -> bool:
    """One run with a fault, and one without; whether there was an operation left to fail."""
    outcome = rig.run(run, fault)
    if not outcome.faults:
        assert outcome.exit == DONE, outcome
    rig.must_be_mended(run, outcome)
    return outcome.faults > 0


def fail_until_none_is_left(rig, run, ways: list[Fault], step: int) -> None:
    """Every `step`-th operation, with one way after the other; some ways have fewer operations than others."""
    number, waiting = 1, deque(ways)
    while waiting:
        way = waiting.popleft()
        if fails(rig, run, with_(way, at=number)):
            waiting.append(way)
        number += step
    assert number > 20


@pytest.mark.parametrize("way", ["EIO once", "ENOSPC from then on", "short writes from then on"])
def test_one_failed_operation_in_many_is_told_and_mended(rig, tmp_path, way):
    """A different part of the run for each way: together they are all over it."""
    assert fails(rig, tmp_path / "run", with_(WAYS[way], at=3 + 5 * list(WAYS).index(way)))


def test_one_failed_look_at_a_shard_is_told_and_mended(rig, tmp_path):
    assert fails(rig, tmp_path / "run", with_(READS["EIO once"], at=20))


@pytest.mark.parametrize(("role", "name"), [("parent", "*/texts.zst"), ("children", "*/editions.parquet")])
def test_an_index_that_cannot_be_read_is_named(rig, tmp_path, role, name):
    run = tmp_path / "run"
    outcome = rig.run(run, Fault("fail", 1, operations="read", role=role, inputs=True, name=name, lasting=True))
    assert outcome.exit in (USAGE, INCOMPLETE)
    rig.must_be_honest(run, outcome)
    assert name[1:] in outcome.stderr
    assert "Input/output error" in outcome.stderr


@pytest.mark.slow
def test_each_failed_operation_is_told_and_mended(rig, tmp_path):
    """Every third N until the run passes, with one way after the other; of DuckDB's own operations one in eleven."""
    for name, step in (("*.duckdb.units*", 3), ("*.duckdb.partial*", 11)):
        ways = [with_(way, name=name) for way in WAYS.values()]
        fail_until_none_is_left(rig, tmp_path / "run", ways, step)


@pytest.mark.slow
def test_failed_looks_at_shards_and_index_are_told_and_mended(rig, tmp_path):
    fail_until_none_is_left(rig, tmp_path / "run", list(READS.values()), 15)


def test_a_full_disk_is_told_and_the_run_ends_when_there_is_room(rig, tmp_path):
    with mounted(tmp_path / "full", "tmpfs", "tmpfs", "size=600k") as disk:
        run = disk / "run"
        outcome = rig.run(run)
        assert outcome.exit == INCOMPLETE, outcome
        assert "No space left" in outcome.stderr
        assert "kept in" in outcome.stderr
        assert "the same command goes on" in outcome.stderr
        rig.must_be_honest(run, outcome)
        assert not (run / "run.duckdb").exists()
        shutil.copytree(run, tmp_path / "run")
    rig.must_resume(tmp_path / "run")


def test_a_disk_that_may_only_be_read_is_told_before_anything_is_scanned(rig, tmp_path):
    (tmp_path / "run").mkdir()
    with mounted(tmp_path / "run", "tmpfs", "tmpfs", "ro") as run:
        outcome = rig.run(run)
    assert outcome.exit in (USAGE, INCOMPLETE), outcome
    assert "Read-only file system" in outcome.stderr
    rig.must_be_honest(tmp_path / "run", outcome)
    rig.must_resume(tmp_path / "run")
