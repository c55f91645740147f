"""What people add to a run stays, in order, and a change of it is found."""

from __future__ import annotations

import shutil
from datetime import date

import duckdb
import pytest

import provenance
from provenance.errors import StoreError
from provenance.runs.collect import collect
from provenance.store.database import RunReader
from provenance.store.journal import FIRST, Author, append, broken_link, entries
from provenance.verify.check import EQUAL
from provenance.verify.run import verify
from tests.shards.fixtures import prose

ME = Author("Me", "me")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("journal")
    (folder / "book.txt").write_text(prose(1, 2000))
    (folder / "shard.jsonl").write_text('{"text": "' + " ".join(prose(1, 2000).split()[100:400]) + '"}\n')
    provenance.build_index([folder / "book.txt"], folder / "index")
    provenance.scan([folder / "shard.jsonl"], folder / "index", folder / "r.duckdb", workers=1)
    return folder


@pytest.fixture
def run(made, tmp_path):
    shutil.copytree(made, tmp_path / "run")
    return tmp_path / "run"


def review(match_id: str, decision: str, note: str = "") -> tuple[str, dict]:
    return "review", {"match_id": match_id, "decision": decision, "note": note}


def allow(work: str, status: str, expires: str | None = None) -> tuple[str, dict]:
    return "allow", {"work_id": work, "status": status, "reason": "because", "expires": expires}


def test_entries_follow_one_another_and_the_last_word_counts(run):
    db = run / "r.duckdb"
    first = append(db, ME, [review("a", "accepted", "one"), review("b", "undecided", "two")])
    last = append(db, Author("You", "you"), [review("a", "rejected", "three")])
    known = entries(db)
    assert [row["seq"] for row in known] == [1, 2, 3]
    assert known[0]["previous"] == FIRST
    assert (known[1]["sha256"], known[2]["sha256"]) == (first, last)
    assert broken_link(known) is None
    with RunReader(db) as reader:
        said = {row["match_id"]: row for row in reader.query("SELECT * FROM v_reviews")}
    assert (said["a"]["decision"], said["a"]["note"], said["a"]["name"], said["a"]["entries"]) == (
        "rejected",
        "three",
        "You",
        2,
    )
    assert said["b"]["decision"] == "undecided"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE journal SET entry = replace(CAST(entry AS VARCHAR), 'accepted', 'rejected') WHERE seq = 2",
        "UPDATE journal SET name = 'Somebody' WHERE seq = 1",
        "UPDATE journal SET at_utc = at_utc + INTERVAL 1 DAY WHERE seq = 3",
        "DELETE FROM journal WHERE seq = 2",
        "DELETE FROM journal WHERE seq = 1",
    ],
)
def test_a_change_is_found_and_nothing_is_added_to_it(run, change):
    db = run / "r.duckdb"
    append(db, ME, [review("a", "accepted"), review("b", "accepted"), review("c", "accepted")])
    con = duckdb.connect(str(db))
    con.execute(change)
    con.close()
    assert broken_link(entries(db)) is not None
    with pytest.raises(StoreError, match="was changed"):
        append(db, ME, [review("d", "accepted")])
    assert '"match_id":"d"' not in str(entries(db))


def test_an_allowed_work_stays_visible_and_an_expired_one_counts_for_nothing(run):
    db = run / "r.duckdb"
    with RunReader(db) as reader:
        work, grade = reader.query("SELECT work_id, grade FROM v_works")[0].values()
        ended = reader.query("SELECT CAST(ended_utc AS DATE) AS day FROM run")[0]["day"]
    assert isinstance(ended, date)

    def allowed():
        with RunReader(db) as reader:
            row = reader.query("SELECT grade, allowed FROM v_works")[0]
            assert row["grade"] == grade
            return row["allowed"], [(r["status"], r["holds"]) for r in reader.query("SELECT * FROM v_allowed")]

    append(db, ME, [allow(work, "licensed", "1999-12-31")])
    assert allowed() == (None, [("licensed", False)])
    append(db, ME, [allow(work, "licensed", ended.isoformat())])
    assert allowed() == ("licensed", [("licensed", True)])
    append(db, ME, [allow(work, "public domain")])
    assert allowed() == ("public domain", [("public domain", True)])
    append(db, ME, [allow(work, "withdrawn")])
    assert allowed() == (None, [])


def test_a_database_made_again_of_the_same_units_keeps_its_journal_and_verifies(run):
    db = run / "r.duckdb"
    append(db, ME, [review("a", "accepted", "kept")])
    before = entries(db)
    assert {check.state for check in verify(db)} == {EQUAL}
    collect(f"{db}.units", db)
    assert entries(db) == before


def test_the_file_still_opens_in_older_versions(run):
    db = run / "r.duckdb"
    append(db, ME, [review("a", "accepted")])
    con = duckdb.connect(str(db), read_only=True)
    tags = con.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 'r'").fetchone()[0]
    con.close()
    assert tags["storage_version"].startswith("v1.4.0")


def test_only_a_run_has_a_journal(tmp_path):
    with pytest.raises(StoreError):
        append(tmp_path / "none.duckdb", ME, [review("a", "accepted")])
    duckdb.connect(str(tmp_path / "other.duckdb")).close()
    with pytest.raises(StoreError):
        append(tmp_path / "other.duckdb", ME, [review("a", "accepted")])
