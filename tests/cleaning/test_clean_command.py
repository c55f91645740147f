"""The command: its exit codes, and that it may be stopped and killed at any moment."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import time
from functools import partial

import duckdb
import pytest

from provenance.runs.scan import scan
from tests.cleaning.making import lines_of, table_of, write_lines, write_parquet
from tests.tools import command
from tests.tools.forked import CommandPopen

run = partial(command.run, "clean")


@pytest.fixture(scope="module")
def scanned(rows, index, tmp_path_factory):
    folder = tmp_path_factory.mktemp("command")
    for n in range(4):
        write_parquet(folder / "data" / f"{n}.parquet", table_of(rows * 5), compression="zstd")
    write_lines(folder / "data" / "more.jsonl.gz", b"\n".join(lines_of(rows * 5)))
    scan([folder / "data"], index, folder / "run.duckdb", workers=1)
    return folder


def digests(folder) -> dict[str, str]:
    """Of all that is there, but for who worked on it, and when the scan afterwards was."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock" and path.parent.name != "attempts"
    }


def test_what_is_printed_and_the_exit_codes(scanned, tmp_path):
    db = scanned / "run.duckdb"
    done = run(db, "--out", tmp_path / "out", "--mode", "mask", "--grade", "quotation", "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert "Rows: 500 in, 375 masked in 375 places, 500 out." in done.stdout
    assert "none of these works is quotation or above any more" in done.stdout
    (tmp_path / "works.txt").write_text("# ours\n\nbook9\n")
    for more, said in (
        (("--works", tmp_path / "works.txt"), "has no work 'book9' (--works); the closest are book"),
        (("--works", tmp_path / "none.txt"), "cannot read the works in"),
        (("--min-coverage", 2), "--min-coverage"),
        (("--marker", "\x1b[31m"), "--marker has characters that cannot be printed"),
        (("--index", tmp_path), "no index at"),
        (("--ray-address", "here:1"), "--ray-address goes with --engine ray"),
    ):
        done = run(db, "--out", tmp_path / "not", "--mode", "drop", *more)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
        assert said in done.stderr
        assert not (tmp_path / "not").exists()


@pytest.mark.slow
def test_a_run_that_hides_matches_is_found_out(scanned, tmp_path):
    hidden = tmp_path / "run.duckdb"
    hidden.write_bytes((scanned / "run.duckdb").read_bytes())
    with duckdb.connect(str(hidden)) as con:
        con.execute("DELETE FROM match WHERE ends_with(shard, '0.parquet')")
    done = run(hidden, "--out", tmp_path / "out", "--mode", "drop", "--grade", "quotation", "--json")
    assert done.returncode == 1
    assert "the new shards still have 3 works at or above the grade" in done.stderr
    summary = json.loads(done.stdout)
    assert len(summary["check"]["works"]) == 3
    assert summary["counts"]["copied"] == 1


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_as_if_nothing_had_been(scanned, tmp_path):
    options = [scanned / "run.duckdb", "--mode", "mask", "--grade", "quotation", "--no-check", "--workers", 2]
    began = time.monotonic()
    assert run(*options, "--out", tmp_path / "whole").returncode == 0
    took = time.monotonic() - began
    expected, dice = digests(tmp_path / "whole"), random.Random(7)
    arguments = [*command.COMMAND, "clean", *map(str, options), "--out", "killed"]
    for number in [signal.SIGKILL] * 8 + [signal.SIGINT] * 4:
        with CommandPopen(arguments, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            time.sleep(dice.uniform(0.3, 1.0) * took)
            child.send_signal(number)
            _, said = child.communicate(timeout=60)
        assert child.returncode in {signal.SIGKILL: (-9, 0), signal.SIGINT: (130, 0)}[number], said
        assert "Traceback" not in said
    assert run(*options, "--out", "killed", cwd=tmp_path).returncode == 0
    found = digests(tmp_path / "killed")
    record = ".provenance/clean.json"
    assert {name: found[name] for name in found if name != record} == {
        name: expected[name] for name in expected if name != record
    }
    whole, killed = (json.loads((tmp_path / name / record).read_text()) for name in ("whole", "killed"))
    for told in (whole, killed):
        told.pop("out")
        told.pop("removed")
    assert whole == killed


@pytest.mark.slow
def test_a_row_group_that_does_not_fit_into_memory_costs_its_shard(rows, index, tmp_path):
    big = "filler " * 3_000_000
    write_parquet(tmp_path / "data" / "big.parquet", table_of([*rows, *[("big", big)] * 60]), 1000)
    write_parquet(tmp_path / "data" / "small.parquet", table_of(rows))
    scan([tmp_path / "data"], index, tmp_path / "run.duckdb", workers=1)
    where = tmp_path / "run.duckdb"
    done = run(where, "--out", tmp_path / "out", "--mode", "drop", "--grade", "quotation", "--max-memory", "900MB")
    assert done.returncode == 3
    assert "left out: shard" in done.stderr
    assert "does not fit into memory" in done.stderr
    assert "see --max-memory" in done.stderr
    assert [path.name for path in (tmp_path / "out").glob("*.parquet")] == ["small.parquet"]
