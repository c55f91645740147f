"""A flipped bit in what is on disk is noticed, or changes nothing."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import provenance
from provenance.errors import ProvenanceError
from tests.faults.rig import INCOMPLETE, USAGE, by_default

FLIPS = Path(__file__).with_name("flips.py")


def flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0] ^ (1 << place % 8)
        file.seek(place)
        file.write(bytes([byte]))


@pytest.mark.parametrize("name", by_default(["index.json", "editions.parquet", "texts.zst"], "texts.zst"))
def test_a_scan_with_a_damaged_index_says_so_and_writes_no_run(rig, tmp_path, name):
    index, run = tmp_path / "index", tmp_path / "run"
    shutil.copytree(rig.folder / "index", index)
    flip(index / name, (index / name).stat().st_size // 2)
    outcome = rig.run(run, options=("--index", str(index)))
    assert outcome.exit in (USAGE, INCOMPLETE), outcome
    assert str(index) in outcome.stderr
    rig.must_be_honest(run, outcome)
    assert not (run / "run.duckdb").exists()


@pytest.mark.slow
def test_flipped_bytes_all_over_an_index_are_noticed(rig, tmp_path):
    """One byte in twenty, and one in 128 of the buckets, which are 256 KiB however few books there are."""
    index = tmp_path / "index"
    shutil.copytree(rig.folder / "index", index)
    whole = provenance.Index(index).digest
    unnoticed = []
    for path in sorted(index.iterdir()):
        for place in range(0, path.stat().st_size, 128 if path.name == "buckets.bin" else 20):
            flip(path, place)
            try:
                opened = provenance.Index(index)
                opened.verify()
                unnoticed.append((path.name, opened.digest))
            except ProvenanceError:
                pass
            flip(path, place)
    assert all(found == ("index.json", whole) for found in unnoticed)  # white space between the fields
    provenance.Index(index).verify()


def outcomes_of_flips(database: Path, places: list[int]) -> Counter[str]:
    """What became of exports after each flip: told, same, other, untyped, died."""
    found: Counter[str] = Counter()
    content = database.read_bytes()
    while places:
        command = [sys.executable, str(FLIPS), str(database)]
        done = subprocess.run(command, input=json.dumps(places), capture_output=True, text=True, timeout=280)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        found.update(told.partition(":")[0] for _, told in lines)
        places = places[len(lines) :]
        if places:  # the process went down with the flip
            found["died"] += 1
            places = places[1:]
            database.write_bytes(content)
    return found


def places_of(database: Path, count: int) -> list[int]:
    """The head of the file, where little bytes mean much, and some of everywhere."""
    size, chosen = database.stat().st_size, random.Random(count)
    return sorted([*chosen.sample(range(12288), count // 3), *chosen.sample(range(size), count - count // 3)])


@pytest.mark.parametrize("count", [12, pytest.param(96, marks=pytest.mark.slow)])
def test_a_flipped_bit_in_a_run_database_is_told_or_changes_no_export(rig, tmp_path, count):
    """DuckDB keeps a checksum of every block and looks at it; bits of blocks that are in no use change nothing."""
    database = tmp_path / "run.duckdb"
    shutil.copy(rig.folder / "clean" / "run.duckdb", database)
    found = outcomes_of_flips(database, places_of(database, count))
    assert found.total() == count
    assert set(found) == {"told", "same"}, found
    assert found["told"] > count / 2


def test_a_damaged_run_database_is_told_by_the_command_line(rig, tmp_path):
    database = tmp_path / "run.duckdb"
    shutil.copy(rig.folder / "clean" / "run.duckdb", database)
    flip(database, 4096 + 5)
    for arguments in (["query", database, "SELECT * FROM run"],):
        done = subprocess.run(
            [sys.executable, "-m", "provenance", *map(str, arguments)], capture_output=True, text=True, timeout=60
        )
        assert done.returncode in (USAGE, INCOMPLETE)
        assert done.stderr.startswith("provenance: ")
        assert str(database) in done.stderr
        assert len(done.stderr.splitlines()) == 1
