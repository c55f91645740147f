"""Decoys and background give the same shared among tasks, or on a Ray cluster, as in one local run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.index.building import build_index
from provenance.runs.collect import collect
from provenance.runs.ledger import Ledger
from provenance.storage.folders import open_folder
from provenance.store.database import RunReader
from tests.runs.clusters import on
from tests.runs.exports import exports
from tests.shards.fixtures import prose
from tests.tools.command import COMMAND, run
from tests.tools.forked import CommandPopen

NOTICE = prose(99, 80)  # printed in every newspaper, and in one of the books
BOOK, OTHER = f"{prose(1, 2000)} {NOTICE} {prose(2, 2000)}", prose(3, 3000)
LEAKED = prose(60, 1500)  # a decoy that the shards hold all the same


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Books, decoys, ordinary text, shards with some of each; and the run that scans them at once."""
    folder = tmp_path_factory.mktemp("shared")
    for place, texts in {
        "books": {"book": BOOK, "other": OTHER},
        "drafts": {f"draft {n}": prose(50 + n, 1500) for n in range(5)} | {"leaked": LEAKED},
    }.items():
        (folder / place).mkdir()
        for name, text in texts.items():
            (folder / place / f"{name}.txt").write_text(text)
    news = [f"{prose(1000 + n, 200)} {NOTICE if n < 5 else ''}" for n in range(20)]
    (folder / "news").mkdir()
    for number in range(2):
        pq.write_table(pa.table({"text": news[number::2]}), folder / "news" / f"{number}.parquet", row_group_size=3)
    (folder / "shards").mkdir()
    for shard in range(4):
        rows = [prose(200 + 20 * shard + row, 120) for row in range(18)]
        rows[2] += f" {NOTICE}"
        rows[7] += " " + " ".join(BOOK.split()[300 * shard :][:250])
        rows[11] = " ".join(LEAKED.split()[200 * shard :][:200])
        pq.write_table(pa.table({"text": rows}), folder / "shards" / f"{shard}.parquet", row_group_size=3)
    build_index([folder / "books"], folder / "index")
    scan(folder, "--db", folder / "one.duckdb", "--workers", 1)
    return folder


def command(folder: Path, *options: object) -> list[str]:
    return [str(word) for word in (
        "scan", folder / "shards", "--index", folder / "index", "--decoys", folder / "drafts",
        "--background", folder / "news", "--unit-size", "8kB", *options,
    )]  # fmt: skip


def scan(folder: Path, *options: object) -> None:
    done = run(*command(folder, *options))
    assert done.returncode == 0, done.stderr


def facts(db: Path) -> dict[str, object]:
    """What the record of a run says that must not depend on how it was shared out."""
    with RunReader(db) as run:
        (row,) = run.query("SELECT background, decoys, index_digest, terms_digest, units_digest, outcome FROM run")
        (matched,) = run.query("SELECT count(*) AS n FROM match WHERE work_id = 'book'")
    assert json.loads(row["background"])["fingerprints"] > 0
    assert json.loads(row["decoys"])["matched"] == 1
    assert matched["n"]
    return row


def must_be_the_same(folder: Path, db: Path) -> None:
    assert facts(db) == facts(folder / "one.duckdb")
    assert exports(db) == exports(folder / "one.duckdb")


def test_background_and_decoys_matter_here(folder, tmp_path):
    """Else all that follows proves nothing."""
    provenance.scan(
        [folder / "shards"], folder / "index", tmp_path / "r.duckdb", config=provenance.ScanConfig(unit_bytes=8000)
    )
    assert exports(tmp_path / "r.duckdb")[0] != exports(folder / "one.duckdb")[0]
    with RunReader(folder / "one.duckdb") as run:
        assert run.query("SELECT count(*) AS n FROM unit")[0]["n"] >= 12


@pytest.mark.slow
def test_three_tasks_one_after_another_give_the_same(folder, tmp_path):
    for task in (2, 3, 1):
        scan(folder, "--out", tmp_path / "out", "--task", f"{task}/3")
    assert collect(tmp_path / "out", tmp_path / "r.duckdb").complete
    must_be_the_same(folder, tmp_path / "r.duckdb")


@pytest.mark.slow
def test_tasks_that_begin_at_once_and_all_learn_the_background_agree(folder, tmp_path):
    out = tmp_path / "out"
    tasks = [
        CommandPopen(
            [*COMMAND, *command(folder, "--out", out, "--task", f"{task}/3", "--workers", "1")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for task in (1, 2, 3)
    ]  # fmt: skip
    for task in tasks:
        _, complaint = task.communicate(timeout=120)
        assert task.returncode == 0, complaint
    assert collect(out, tmp_path / "r.duckdb").complete
    must_be_the_same(folder, tmp_path / "r.duckdb")
    began = [attempt["started_utc"] for attempt in Ledger(open_folder(out)).attempts()]
    assert len(began) == 3


def test_a_task_that_learns_again_after_another_keeps_what_was_learned(folder, tmp_path):
    """As of two that begin at once: the one that is later finds that there is a background, and goes by that."""
    out = tmp_path / "out"
    scan(folder, "--out", out, "--task", "1/3")
    ledger = Ledger(open_folder(out))
    raw, learned = (out / "background.parquet").read_bytes(), ledger.background(lambda: pytest.fail("learned again"))
    (out / "background.parquet").unlink()

    def learn() -> object:
        (out / "background.parquet").write_bytes(raw)  # meanwhile another has
        return type(learned)(learned.fingerprints[:-1], {**learned.record, "documents": 1})

    assert ledger.background(learn).record == learned.record
    assert (out / "background.parquet").read_bytes() == raw


@pytest.mark.slow
@pytest.mark.waits
def test_a_ray_cluster_gives_the_same(folder, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed")
    words = command(folder, "--db", tmp_path / "r.duckdb", "--engine", "ray", "--workers", 2)
    # a process that had a cluster of its own cannot use another one afterwards: Ray takes its actors for dead
    done = subprocess.run([sys.executable, "-m", "provenance", *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    must_be_the_same(folder, tmp_path / "r.duckdb")


@pytest.mark.slow
@pytest.mark.waits
def test_tasks_on_a_ray_cluster_give_the_same(folder, tmp_path, request):
    pytest.importorskip("ray", reason="Ray is not installed")
    cluster = request.getfixturevalue("cluster")
    for task in (1, 2):
        scan(folder, "--out", tmp_path / "out", "--task", f"{task}/2", *on(cluster), "--workers", 1)
    assert collect(tmp_path / "out", tmp_path / "r.duckdb").complete
    must_be_the_same(folder, tmp_path / "r.duckdb")
