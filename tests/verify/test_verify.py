"""What a run says is compared with what its files say, and everything that differs is named."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.errors import KeyMismatchError, OtherRunError, StoreError, UsageError
from provenance.files.digests import canonical_json
from provenance.runs.collect import collect
from provenance.runs.ledger import Ledger
from provenance.runs.request import Request
from provenance.runs.scan import scan_share
from provenance.runs.sealed import seal
from provenance.sketch import Key
from provenance.storage.folders import open_folder
from provenance.store.database import RunReader
from provenance.units.cutting import Share
from provenance.verify.check import DIFFERENT, EQUAL, UNCHECKED
from provenance.verify.matches import choose
from provenance.verify.run import Wanted, verify
from tests.shards.fixtures import prose
from tests.tools.command import run as command

CONFIG = provenance.ScanConfig(unit_bytes=40_000)
ALL = Wanted(shards=True, everything=True)


@pytest.fixture(scope="module")
def scanned(index, books, tmp_path_factory) -> Path:
    """A folder with an index, three shards of several units, and their run."""
    folder = tmp_path_factory.mktemp("verify")
    shutil.copytree(index, folder / "index")
    (folder / "shards").mkdir()
    for number in range(3):
        rows = [prose(7000 + 100 * number + row, 60) for row in range(60)]
        for row in range(0, 60, 6):
            rows[row] += " " + books[f"book{row % 3}"][40 * row : 40 * row + 900]
        pq.write_table(pa.table({"text": rows}), folder / "shards" / f"{number}.parquet", row_group_size=5)
    with contextlib.chdir(folder):  # names without a folder before them are good in a copy too
        provenance.scan(["shards"], "index", Path("r.duckdb"), config=CONFIG)
    return folder


@pytest.fixture
def run(scanned, tmp_path, monkeypatch) -> Path:
    """A run of one's own to change, with the shards and the index of it; the working directory is where they are."""
    folder = tmp_path / "run"
    shutil.copytree(scanned, folder)
    monkeypatch.chdir(folder)
    return folder


def states(db: Path, wanted: Wanted | None = None) -> dict[str, str]:
    return {check.name: check.state for check in verify(db, wanted)}


def told(db: Path, wanted: Wanted | None = None) -> str:
    return " | ".join(" ".join([check.text, *check.examples]) for check in verify(db, wanted))


def unit_files(folder: Path) -> list[Path]:
    return sorted((folder / "r.duckdb.units" / "units").rglob("*.parquet"), key=lambda path: -path.stat().st_size)


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)


def test_all_of_a_good_run_is_equal_and_nothing_is_written(scanned, tmp_path, monkeypatch):
    monkeypatch.chdir(scanned)
    before = {path: path.stat().st_mtime_ns for path in scanned.rglob("*")}
    wanted = Wanted(shards=True, index=str(scanned / "index"), everything=True, scratch=tmp_path)
    assert states(scanned / "r.duckdb", wanted) == dict.fromkeys(
        ("units", "database", "shards", "index", "matches"), EQUAL
    )
    assert {path: path.stat().st_mtime_ns for path in scanned.rglob("*")} == before
    assert list(tmp_path.iterdir()) == []


CHANGES = {
    "a match is better": "UPDATE match SET identity = 1, matched_words = 1000 WHERE shard LIKE '%1.parquet'",
    "a match is gone": "DELETE FROM match WHERE rowid = (SELECT min(rowid) FROM match)",
    "a match came": "INSERT INTO match BY NAME SELECT * EXCLUDE (ref_excerpt) FROM match LIMIT 1",
    "a match moved": 'UPDATE match SET "row" = "row" + 1 WHERE rowid = (SELECT min(rowid) FROM match)',
    "another excerpt": "UPDATE match SET excerpt = 'x' WHERE rowid = (SELECT min(rowid) FROM match)",
    "a block is longer": "UPDATE match SET blocks = list_append(blocks, blocks[1]) WHERE rowid = (SELECT min(rowid) "
    "FROM match)",
    "another shard digest": "UPDATE shard SET sha256 = repeat('0', 64) WHERE shard LIKE '%2.parquet'",
    "fewer rows read": "UPDATE shard SET rows_read = rows_read - 1",
    "a shard is gone": "DELETE FROM shard WHERE shard LIKE '%2.parquet'",
    "an exception came": "INSERT INTO exception VALUES ('x.parquet', NULL, NULL, 'unreadable', 'so it is')",
    "another title": "UPDATE edition SET title = 'Another'",
    "another author": "UPDATE work SET author = 'Another'",
    "fewer documents": "UPDATE run SET documents_scanned = 7",
    "other grades": "UPDATE run SET grades = '[]'",
    "a unit is whole that was not": "UPDATE unit SET whole = NOT whole",
    "a view lies": "CREATE OR REPLACE VIEW v_works AS SELECT * REPLACE (1.0 AS coverage) FROM work, "
    "(SELECT 1 AS coverage)",
    "a macro lies": "CREATE MACRO least(a, b) AS 7",
    "a table more": "CREATE TABLE more (a INTEGER)",
    "a column more": "ALTER TABLE match ADD COLUMN more INTEGER",
    "two runs": "INSERT INTO run SELECT * FROM run",
    "no run": "DELETE FROM run",
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_changed_in_the_database_is_noticed(run, change):
    db = run / "r.duckdb"
    con = duckdb.connect(str(db))
    con.execute(CHANGES[change])
    con.close()
    assert states(db)["database"] == DIFFERENT


def test_a_changed_match_is_named_with_its_place(run):
    con = duckdb.connect(str(run / "r.duckdb"))
    con.execute("UPDATE match SET identity = 0.5 WHERE shard LIKE '%1.parquet' AND \"row\" = 12")
    con.close()
    message = told(run / "r.duckdb")
    assert "match: 1 rows that should not be there, 1 that are missing" in message
    assert "shard shards/1.parquet, row 12" in message


def test_a_changed_view_is_not_even_asked(run):
    """A database may come from somebody with a reason to change it: what it defines is compared, and then not run."""
    con = duckdb.connect(str(run / "r.duckdb"))
    con.execute("DROP VIEW v_shards")
    con.execute("CREATE VIEW v_shards AS SELECT error('was run') AS shard")
    con.close()
    message = told(run / "r.duckdb")
    assert "view v_shards: its definition is another" in message
    assert "was run" not in message


@pytest.mark.slow
def test_a_flipped_byte_in_any_unit_file_is_noticed_and_the_shard_named(run):
    path = unit_files(run)[0]
    whole = path.read_bytes()
    shard = pq.read_table(path, columns=["shard"])["shard"][0].as_py()
    for place in range(0, len(whole), max(1, len(whole) // 8)):
        flip(path, place)
        checks = list(verify(run / "r.duckdb"))
        assert checks[0].state == DIFFERENT
        assert any(shard in example and "damaged" in example for example in checks[0].examples)
        assert checks[1].state == UNCHECKED, "what the others give is equal"
        path.write_bytes(whole)
    assert states(run / "r.duckdb") == {"units": EQUAL, "database": EQUAL}


def test_a_change_in_the_database_is_named_beside_a_lost_unit_file(run):
    unit_files(run)[0].unlink()
    lost = pq.read_table(unit_files(run)[0], columns=["shard"])["shard"][0].as_py()
    assert states(run / "r.duckdb") == {"units": UNCHECKED, "database": UNCHECKED}
    con = duckdb.connect(str(run / "r.duckdb"))
    con.execute("UPDATE match SET identity = 0.5")
    con.close()
    assert states(run / "r.duckdb") == {"units": UNCHECKED, "database": DIFFERENT}
    assert lost.endswith(".parquet")


def test_no_unit_files_is_no_clean_bill(run):
    shutil.rmtree(run / "r.duckdb.units")
    assert states(run / "r.duckdb", ALL) == {"units": UNCHECKED}
    assert not (run / "r.duckdb.units").exists()


@pytest.mark.parametrize("name", ["run.json", "plan.parquet", "editions.parquet"])
def test_the_ledgers_own_files_are_checked(run, name):
    path = run / "r.duckdb.units" / name
    flip(path, path.stat().st_size // 2)
    assert states(run / "r.duckdb", ALL) == {"units": DIFFERENT}


def test_a_unit_file_that_was_made_to_fit_is_found_by_scanning_again(run):
    """With the digests made anew and the database of it, only the shard itself can tell."""
    ledger = Ledger(open_folder(f"{run / 'r.duckdb'}.units"))
    digest = ledger.terms().digest
    unit = next(u for file in ledger.plan() for u in file.units(digest) if ledger.read(u).table.num_rows > 1)
    kept = ledger.read(unit)
    path = run / "r.duckdb.units" / "units" / unit.digest[:2] / f"{unit.digest}.parquet"
    record = {**kept.record, "matches": kept.table.num_rows - 1}
    path.write_bytes(seal(kept.table.slice(1).combine_chunks(), canonical_json(record)))
    assert states(run / "r.duckdb") == {"units": EQUAL, "database": DIFFERENT}
    collect(f"{run / 'r.duckdb'}.units", run / "r.duckdb", overwrite=True)
    assert states(run / "r.duckdb") == {"units": EQUAL, "database": EQUAL}
    checks = list(verify(run / "r.duckdb", ALL))
    assert checks[-1].state == DIFFERENT
    (example,) = checks[-1].examples
    assert f"shard {unit.shard}, unit {unit.slot + 1} of {unit.slots}" in example
    assert f"{kept.table.num_rows - 1} matches before, {kept.table.num_rows} now" in example


def test_a_changed_shard_is_found_by_its_digest_and_by_its_matches(run, books):
    path = run / "shards" / "1.parquet"
    table = pq.read_table(path)
    rows = table["text"].to_pylist()
    rows[0] = rows[0].replace(books["book0"][:60], "")
    pq.write_table(pa.table({"text": rows}), path, row_group_size=5)
    checks = {check.name: check for check in verify(run / "r.duckdb", ALL)}
    assert checks["shards"].state == DIFFERENT
    assert checks["matches"].state == DIFFERENT
    assert all(f"shards/{path.name}" in example for name in ("shards", "matches") for example in checks[name].examples)
    assert checks["database"].state == EQUAL


def test_a_shard_that_is_gone_was_not_checked(run):
    (run / "shards" / "1.parquet").unlink()
    assert states(run / "r.duckdb", ALL) == {
        "units": EQUAL, "database": EQUAL, "shards": UNCHECKED, "index": EQUAL, "matches": UNCHECKED,
    }  # fmt: skip


def test_a_copy_of_the_shards_made_later_is_as_good(run):
    for path in (run / "shards").iterdir():
        os.utime(path, (1, 1))
    assert set(states(run / "r.duckdb", ALL).values()) == {EQUAL}


def test_another_index_a_damaged_one_and_none(run, tmp_path):
    db = run / "r.duckdb"
    (tmp_path / "book.txt").write_text(prose(1, 3000))
    provenance.build_index([tmp_path / "book.txt"], tmp_path / "other")
    assert states(db, Wanted(index=str(tmp_path / "other")))["index"] == DIFFERENT
    assert states(db, Wanted(index=str(tmp_path / "nowhere")))["index"] == UNCHECKED
    assert states(db, Wanted(index=str(run / "index")))["index"] == EQUAL
    flip(run / "index" / "texts.zst", 40)
    found = states(db, Wanted(index=str(run / "index"), sample=3))
    assert found["index"] == DIFFERENT
    assert "matches" not in found


def test_an_index_with_a_key_needs_it(run, tmp_path, books):
    (tmp_path / "book.txt").write_text(books["book0"])
    key = Key.from_secret(b"sixteen bytes or more")
    provenance.build_index([tmp_path / "book.txt"], tmp_path / "keyed", key=key)
    db = tmp_path / "r.duckdb"
    provenance.scan([run / "shards"], tmp_path / "keyed", db, config=CONFIG, key=key)
    assert set(states(db, Wanted(everything=True, key=key)).values()) == {EQUAL}
    with pytest.raises(KeyMismatchError):
        list(verify(db, Wanted(sample=1)))


def test_a_run_with_decoys_and_background_is_found_again(run, tmp_path, books):
    (tmp_path / "decoys").mkdir()
    (tmp_path / "decoys" / "d.txt").write_text(prose(999_999, 4000))
    common = " ".join(books["book1"].split()[:400])
    pq.write_table(pa.table({"text": [common] * 5}), tmp_path / "background.parquet")
    db = tmp_path / "r.duckdb"
    provenance.scan(
        [run / "shards"], run / "index", db, config=CONFIG,
        decoys=[tmp_path / "decoys"], background=[tmp_path / "background.parquet"],
    )  # fmt: skip
    assert set(states(db, ALL).values()) == {EQUAL}
    (tmp_path / "decoys").rename(tmp_path / "moved")
    assert states(db, ALL)["index"] == UNCHECKED


def test_a_run_that_lacks_tasks_is_equal_to_its_units_until_they_are_more(run, tmp_path):
    request, out, db = Request((str(run / "shards"),), run / "index", CONFIG), tmp_path / "out", tmp_path / "r.duckdb"
    scan_share(request, out, Share(1, 2))
    assert not collect(out, db).complete
    assert states(db) == {"units": EQUAL, "database": EQUAL}
    scan_share(request, out, Share(2, 2))
    assert states(db)["database"] == DIFFERENT


def test_units_may_be_moved(run, tmp_path):
    (run / "r.duckdb.units").rename(tmp_path / "elsewhere")
    assert states(run / "r.duckdb") == {"units": UNCHECKED}
    assert set(states(run / "r.duckdb", Wanted(out=str(tmp_path / "elsewhere"))).values()) == {EQUAL}


def test_the_run_of_another_version_is_left_to_it(run, monkeypatch):
    monkeypatch.setattr("provenance.verify.run.__version__", "99.0")
    assert states(run / "r.duckdb", ALL) == {"units": UNCHECKED}
    assert "verify it with that" in told(run / "r.duckdb")


def test_units_of_another_run_are_not_taken_for_its_own(run, tmp_path):
    other = tmp_path / "other.duckdb"
    provenance.scan([run / "shards" / "0.parquet"], run / "index", other, config=CONFIG)
    assert states(other, Wanted(out=f"{run / 'r.duckdb'}.units"))["database"] == DIFFERENT


def test_what_is_no_run_is_a_matter_of_usage(tmp_path):
    with pytest.raises(StoreError):
        list(verify(tmp_path / "none.duckdb"))
    (tmp_path / "text.duckdb").write_text("no database")
    with pytest.raises(StoreError):
        list(verify(tmp_path / "text.duckdb"))
    with pytest.raises(OtherRunError):
        collect(tmp_path, tmp_path / "r.duckdb")


def test_every_match_has_the_same_chance_and_the_seed_decides():
    units = [{"unit": f"{number:02}", "whole": True, "matches": number % 3} for number in range(30)]
    units.append({"unit": "incomplete", "whole": False, "matches": 1000})
    assert choose(units, 5, 1) == choose(list(reversed(units)), 5, 1)
    assert choose(units, 5, 1) != choose(units, 5, 2)
    assert choose(units, None, 0) == [f"{number:02}" for number in range(30)]
    assert choose(units, 1000, 0) == [f"{number:02}" for number in range(30) if number % 3]
    without = [{**unit, "matches": 0} for unit in units]
    assert len(choose(without, 4, 0)) == 4
    drawn = [name for seed in range(3000) for name in choose(units, 1, seed)]
    ones, twos = (sum(int(name) % 3 == of for name in drawn) for of in (1, 2))
    assert ones + twos == 3000
    assert 0.45 < ones / twos < 0.55


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda folder: None, 0),
        (lambda folder: flip(unit_files(folder)[0], 50), 1),
        (lambda folder: unit_files(folder)[0].unlink(), 3),
        (lambda folder: (folder / "r.duckdb").unlink(), 2),
    ],
)
def test_the_command_tells_with_its_exit_code(run, change: Callable[[Path], None], code: int):
    change(run)
    done = command("verify", run / "r.duckdb", "--json")
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    if code == 2:
        assert "no run database" in done.stderr
    else:
        assert json.loads(done.stdout)["state"] == {0: EQUAL, 1: DIFFERENT, 3: UNCHECKED}[code]


def test_the_command_shows_what_was_not_asked_for_and_what_samples_there_are(run):
    done = command("verify", run / "r.duckdb", "--sample", 2, "--seed", 5)
    assert done.returncode == 0
    assert "came out the same again" in done.stdout
    assert "Not asked for: --shards." in done.stdout
    for wrong in ("some", "-1", "0", "1.5"):
        done = command("verify", run / "r.duckdb", f"--sample={wrong}")
        assert done.returncode == 2
        assert "--sample" in done.stderr


def a_match_id(run: Path) -> str:
    with RunReader(run / "r.duckdb") as reader:
        return reader.query("SELECT match_id FROM v_matches ORDER BY match_id LIMIT 1")[0]["match_id"]


def test_one_match_is_found_again_by_the_name_that_reports_give_it(run):
    match_id = a_match_id(run)
    checks = {check.name: check for check in verify(run / "r.duckdb", Wanted(match_id=match_id))}
    assert [check.state for check in checks.values()] == [EQUAL] * 5
    assert match_id in checks["match"].text
    assert "in 1 units" in checks["matches"].text
    done = command("verify", run / "r.duckdb", "--match", match_id)
    assert done.returncode == 0, done.stderr
    assert f"{match_id}: shard" in done.stdout


def test_a_match_whose_text_is_another_by_now_is_not_found_again(run):
    with RunReader(run / "r.duckdb") as reader:
        match = reader.query('SELECT match_id, shard, "row", doc_begin FROM v_matches ORDER BY match_id LIMIT 1')[0]
    texts = pq.read_table(match["shard"])["text"].to_pylist()
    texts[match["row"]] = texts[match["row"]][: match["doc_begin"]] + "something else"
    pq.write_table(pa.table({"text": texts}), match["shard"], row_group_size=5)
    checks = {check.name: check for check in verify(run / "r.duckdb", Wanted(match_id=match["match_id"]))}
    assert checks["matches"].state == DIFFERENT
    assert "match" not in checks


def test_a_match_that_the_run_does_not_have_is_a_matter_of_usage(run):
    with pytest.raises(UsageError, match="they are called like"):
        list(verify(run / "r.duckdb", Wanted(match_id="0" * 16)))
