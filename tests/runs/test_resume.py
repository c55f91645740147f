"""A run gives the same however it was cut up, shared out and interrupted; what is done is not done again."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import provenance
from provenance.errors import OtherRunError
from provenance.runs.collect import Loader, collect
from provenance.runs.job_ledger import Finished
from provenance.runs.ledger import Ledger
from provenance.runs.lock import held
from provenance.runs.request import Request
from provenance.runs.scan import scan_share
from provenance.storage.folders import open_folder
from provenance.store.database import RunReader
from provenance.units.cutting import Share
from tests.runs.exports import exports
from tests.shards.fixtures import make_shards, prose
from tests.tools.forked import CommandPopen

CONFIG = provenance.ScanConfig(unit_bytes=40_000)
COMMAND = [sys.executable, "-m", "provenance", "scan"]


@pytest.fixture(scope="module")
def shards(tmp_path_factory, books) -> Path:
    """Six shards of some twenty row groups, with passages of the books in every fifth row; two are equal."""
    folder = make_shards(tmp_path_factory.mktemp("resume") / "shards", books, 5, seed=5000)
    (folder / "copy.parquet").write_bytes((folder / "3.parquet").read_bytes())
    return folder


@pytest.fixture(scope="module")
def undisturbed(shards, index, tmp_path_factory) -> list[bytes]:
    db = tmp_path_factory.mktemp("undisturbed") / "r.duckdb"
    summary = provenance.scan([shards], index, db, config=CONFIG, workers=1)
    assert summary.complete
    assert summary.units > 12
    return exports(db)


def test_seven_tasks_in_any_order_and_a_collect_give_the_same(shards, index, undisturbed, tmp_path):
    out, done = tmp_path / "out", 0
    for task in (3, 7, 1, 2, 6, 5, 4):
        summary = scan_share(Request((str(shards),), index, CONFIG, workers=1), out, Share(task, 7))
        assert summary.complete
        done += summary.units
    assert done == collect(out, tmp_path / "r.duckdb").units
    assert exports(tmp_path / "r.duckdb") == undisturbed


def test_another_number_of_tasks_finds_what_is_done(shards, index, undisturbed, tmp_path):
    out = tmp_path / "out"
    first = scan_share(Request((str(shards),), index, CONFIG), out, Share(1, 2))
    others = [scan_share(Request((str(shards),), index, CONFIG), out, Share(task, 3)) for task in (1, 2, 3)]
    assert sum(share.found for share in others) == first.units
    collect(out, tmp_path / "r.duckdb")
    assert exports(tmp_path / "r.duckdb") == undisturbed


def test_equal_shards_are_each_reported_with_their_own_matches(shards, index, tmp_path):
    provenance.scan([shards], index, tmp_path / "r.duckdb", config=CONFIG)
    with RunReader(tmp_path / "r.duckdb") as run:
        places = 'SELECT "row", doc_begin, edition_id, ref_begin FROM match WHERE shard LIKE ? ORDER BY ALL'
        copy, original = (run.query(places, [f"%/{name}.parquet"]) for name in ("copy", "3"))
        digests = run.query("SELECT sha256 FROM shard WHERE shard LIKE '%/3.parquet' OR shard LIKE '%/copy.parquet'")
    assert copy
    assert copy == original
    assert digests[0] == digests[1]


def test_a_damaged_record_of_an_attempt_costs_nothing_of_the_others(shards, index, tmp_path):
    out = tmp_path / "out"
    for task in (1, 2):
        scan_share(Request((str(shards),), index, CONFIG, workers=1), out, Share(task, 2))
    first, _ = sorted((out / "attempts").iterdir())
    first.write_bytes(b"no record")
    collect(out, tmp_path / "r.duckdb")
    with RunReader(tmp_path / "r.duckdb") as run:
        damaged, whole = run.query("SELECT * FROM attempt ORDER BY attempt")
    assert (damaged["outcome"], damaged["host"]) == ("damaged", None)
    assert (whole["outcome"], whole["task"]) == ("finished", "2/2")
    assert whole["host"]


def test_missing_tasks_are_named_and_no_clean_bill(shards, index, tmp_path):
    out = tmp_path / "out"
    for task in (1, 3):
        scan_share(Request((str(shards),), index, CONFIG), out, Share(task, 3))
    summary = collect(out, tmp_path / "r.duckdb")
    assert not summary.complete
    assert {problem["kind"] for problem in summary.exceptions} == {"missing"}
    assert sum(summary.shards.values()) == 6
    assert summary.shards["failed"] + summary.shards["partial"] == len(summary.exceptions)
    scan_share(Request((str(shards),), index, CONFIG), out, Share(2, 3))
    assert collect(out, tmp_path / "r.duckdb").complete


def test_units_delivered_twice_change_nothing(shards, index, undisturbed, tmp_path):
    db = tmp_path / "r.duckdb"
    provenance.scan([shards], index, db, config=CONFIG)
    ledger = Ledger(open_folder(f"{db}.units"))
    units = [unit for file in ledger.plan() for unit in file.units(ledger.terms().digest)]
    before = {path: path.read_bytes() for path in Path(f"{db}.units/units").rglob("*.parquet")}
    again = scan_share(Request((str(shards),), index, CONFIG), tmp_path / "other")
    other = Ledger(open_folder(tmp_path / "other"))
    for unit in units:
        kept = other.read(unit)
        assert [again.sha256 for again in ledger.keep([Finished(unit, kept.record, kept.table)])] == [kept.sha256]
    assert again.units == len(units)
    assert before == {path: path.read_bytes() for path in Path(f"{db}.units/units").rglob("*.parquet")}


def test_a_unit_is_loaded_once_however_often_it_comes(shards, index, tmp_path):
    scan_share(Request((str(shards),), index, CONFIG), tmp_path / "out")
    ledger = Ledger(open_folder(tmp_path / "out"))
    listed = ledger.plan()
    loaded = []

    class Tables:
        def load(self, table, rows):
            loaded.append((table, rows.num_rows))

    loader = Loader(Tables(), listed)
    units = [unit for file in listed for unit in file.units(ledger.terms().digest)]
    for unit in [*units, *units]:
        loader.add(ledger.read(unit))
    loader.close(ledger.place, ledger.terms().digest)
    assert sum(rows for table, rows in loaded if table == "match") == sum(
        ledger.read(unit).table.num_rows for unit in units
    )


def test_a_finished_run_is_not_scanned_again(shards, index, tmp_path):
    db = tmp_path / "r.duckdb"
    first = provenance.scan([shards], index, db, config=CONFIG)
    before = db.read_bytes()
    assert provenance.scan([shards], index, db, config=CONFIG) == first
    assert db.read_bytes() == before
    assert [attempt["outcome"] for attempt in Ledger(open_folder(f"{db}.units")).attempts()] == ["finished"] * 2


def test_where_no_lock_and_no_hard_link_is_to_be_had_a_run_goes_on(shards, index, undisturbed, tmp_path, monkeypatch):
    """As on some file systems that are mounted over a network. Files are then renamed to their names."""

    def refuse(number: int) -> Callable[..., None]:
        def call(*arguments: object) -> None:
            raise OSError(number, os.strerror(number))

        return call

    monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    monkeypatch.setattr(fcntl, "flock", refuse(errno.ENOLCK))
    db = tmp_path / "r.duckdb"
    provenance.scan([shards], index, db, config=CONFIG)
    assert exports(db) == undisturbed
    units = list(Path(f"{db}.units/units").rglob("*.parquet"))
    before = {path: path.read_bytes() for path in units}
    assert scan_share(Request((str(shards),), index, CONFIG), f"{db}.units").found == len(units)
    assert before == {path: path.read_bytes() for path in units}


def test_shards_that_came_later_are_scanned_and_the_others_are_not(index, shards, tmp_path):
    folder, db = tmp_path / "shards", tmp_path / "r.duckdb"
    folder.mkdir()
    for name in ("0.parquet", "1.parquet"):
        (folder / name).write_bytes((shards / name).read_bytes())
    first = provenance.scan([folder], index, db, config=CONFIG)
    (folder / "2.parquet").write_bytes((shards / "2.parquet").read_bytes())
    (folder / "1.parquet").write_bytes((shards / "4.parquet").read_bytes())
    second = provenance.scan([folder], index, db, config=CONFIG)
    assert second.shards["scanned"] == 3
    with RunReader(db) as run:
        last = run.query("SELECT units, found FROM attempt ORDER BY started_utc")[-1]
    assert last["found"] == first.units / 2
    provenance.scan([folder], index, tmp_path / "fresh.duckdb", config=CONFIG)
    assert exports(db) == exports(tmp_path / "fresh.duckdb")


def test_what_could_not_be_read_is_tried_again(index, shards, tmp_path):
    folder, db = tmp_path / "shards", tmp_path / "r.duckdb"
    folder.mkdir()
    whole = (shards / "0.parquet").read_bytes()
    (folder / "a.parquet").write_bytes(whole[:-50])
    (folder / "b.parquet").write_bytes(whole)
    assert provenance.scan([folder], index, db, config=CONFIG).shards["failed"] == 1
    (folder / "a.parquet").write_bytes(whole)
    summary = provenance.scan([folder], index, db, config=CONFIG)
    assert summary.complete
    assert summary.shards["scanned"] == 2


def test_two_runs_on_one_output_the_second_is_told_who_has_it(shards, index, tmp_path):
    db = tmp_path / "r.duckdb"
    provenance.scan([shards], index, db, config=CONFIG)
    with held(Path(f"{db}.units/lock"), "it"), pytest.raises(OtherRunError, match=f"process {os.getpid()} on"):
        provenance.scan([shards], index, db, config=CONFIG, overwrite=True)


def test_a_damaged_unit_file_is_noticed_and_scanned_again(shards, index, undisturbed, tmp_path):
    db = tmp_path / "r.duckdb"
    provenance.scan([shards], index, db, config=CONFIG)
    path = sorted(Path(f"{db}.units/units").rglob("*.parquet"))[3]
    good = path.read_bytes()
    path.write_bytes(good[:100] + bytes([good[100] ^ 1]) + good[101:])
    assert collect(f"{db}.units", tmp_path / "c.duckdb").exceptions[0]["kind"] == "damaged unit"
    db.unlink()
    assert provenance.scan([shards], index, db, config=CONFIG).complete
    assert path.read_bytes() == good
    assert exports(db) == undisturbed


def test_what_a_killed_writer_left_is_removed_by_the_next_run(shards, index, tmp_path):
    db = tmp_path / "r.duckdb"
    provenance.scan([shards], index, db, config=CONFIG)
    left = Path(f"{db}.units/units/00/.half.parquet.abc.tmp")
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"PAR1")
    provenance.scan([shards], index, db, config=CONFIG)
    assert not left.exists()


@pytest.mark.slow
def test_a_run_that_is_killed_ten_times_gives_the_same(shards, index, undisturbed, tmp_path):
    db = tmp_path / "r.duckdb"
    command = [*COMMAND, str(shards), "--index", str(index), "--db", str(db), "--unit-size", "40kB", "--workers", "1"]
    for attempt in range(10):
        with CommandPopen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            deadline, target = time.monotonic() + 60, 2 * attempt + 1
            while process.poll() is None and time.monotonic() < deadline:
                if len(list(Path(f"{db}.units/units").rglob("*.parquet"))) >= target:
                    break
                time.sleep(0.01)
            children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.send_signal((signal.SIGKILL, signal.SIGTERM, signal.SIGINT)[attempt % 3])
            _, complaint = process.communicate(timeout=5)
            # -SIGINT, -SIGTERM: Python itself was starting, or on its way out
            assert process.returncode in (-signal.SIGKILL, -signal.SIGINT, -signal.SIGTERM, 130, 0), complaint
            _, alive = psutil.wait_procs(children, timeout=5)
            assert not alive
    assert subprocess.run([*command, "--json"], stdout=subprocess.DEVNULL, timeout=60).returncode == 0
    assert exports(db) == undisturbed


def test_a_task_on_another_index_leaves_the_editions_of_the_first(shards, index, tmp_path):
    (tmp_path / "book.txt").write_text(prose(77, 3000))
    provenance.build_index([tmp_path / "book.txt"], tmp_path / "other")
    request = Request((str(shards),), index, CONFIG)
    scan_share(request, tmp_path / "out", Share(1, 2))
    before = (tmp_path / "out" / "editions.parquet").read_bytes()
    with pytest.raises(OtherRunError, match="--index was"):
        scan_share(Request((str(shards),), tmp_path / "other", CONFIG), tmp_path / "out", Share(2, 2))
    assert (tmp_path / "out" / "editions.parquet").read_bytes() == before
    (tmp_path / "out" / "editions.parquet").unlink()  # as where a task was killed after the terms
    scan_share(request, tmp_path / "out", Share(2, 2))
    assert (tmp_path / "out" / "editions.parquet").read_bytes() == before
    assert collect(tmp_path / "out", tmp_path / "r.duckdb").complete
