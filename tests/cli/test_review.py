"""People review matches, allow works and state custody; each slip of the pen is an error, and nothing is lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import CliRunner

from provenance.cli import command
from provenance.display.text import UNSAFE
from provenance.errors import UsageError
from provenance.store.database import RunReader
from provenance.store.journal import broken_link, entries
from tests.tools.command import run

allow = command("allow")
custody = command("custody")
review = command("review")


@pytest.fixture
def db(rich, tmp_path) -> Path:
    shutil.copy(rich, tmp_path / "run.duckdb")
    return tmp_path / "run.duckdb"


def walk(db: Path, answers: str, *arguments: str) -> CompletedProcess[str]:
    return run("review", db, *arguments, input=answers)


def decided(db: Path) -> list[tuple[str, str]]:
    return [
        (e["decision"], e["note"]) for row in entries(db) if row["kind"] == "review" for e in [json.loads(row["entry"])]
    ]


def test_answers_from_a_pipe_are_kept_one_by_one(db):
    before = len(decided(db))
    done = walk(db, "a fine\n?\nwhat\nr no\nb\nn again\ns\n", "--name", "A. Person")
    assert done.returncode == 0, done.stderr
    assert decided(db)[before:] == [("accepted", "fine"), ("rejected", "no"), ("undecided", "again")]
    assert [row["name"] for row in entries(db)][-3:] == ["A. Person"] * 3
    assert broken_link(entries(db)) is None
    assert "a  accept" in done.stderr
    assert "The last entry of the journal has the SHA-256" in done.stdout
    assert "identity" not in done.stdout, "the walk is for a person, not for the pipe"


def test_the_next_review_shows_only_what_is_left(db):
    first = walk(db, "q\n")
    total = int(first.stderr.split(" of ")[1].split(":")[0])
    walk(db, "a\nr\nq\n")
    second = walk(db, "")
    assert f"1 of {total - 2}:" in second.stderr
    everything = walk(db, "q\n", "--all")
    assert f"1 of {total + 2}:" in everything.stderr or f"1 of {total + 1}:" in everything.stderr


def test_a_decision_has_the_machines_figures_beside_it(db):
    with RunReader(db) as run:
        match = run.query("SELECT * FROM v_matches ORDER BY match_id LIMIT 1")[0]
    arguments = [str(db), "--match", match["match_id"], "--decision", "rejected", "--note", "\x1b[31mquoted\u202e"]
    done = CliRunner().invoke(review, arguments)
    assert done.exit_code == 0, done.output
    entry = json.loads(entries(db)[-1]["entry"])
    assert entry["machine"]["matched_words"] == match["matched_words"]
    assert entry["machine"]["identity"] == match["identity"]
    shown = walk(db, "q\n", "--all")
    assert not UNSAFE.search((shown.stdout + shown.stderr).replace("\n", ""))


@pytest.mark.parametrize(
    "arguments", [["--match", "none", "--decision", "accepted"], ["--match", "x"], ["--work", "nobody"]]
)
def test_what_makes_no_sense_is_refused(db, arguments):
    before = db.read_bytes()
    done = CliRunner().invoke(review, [str(db), *arguments])
    assert isinstance(done.exception, UsageError)
    assert db.read_bytes() == before


def test_a_hostile_run_is_shown_harmlessly(hostile):
    done = walk(hostile, "s\n" * 40, "--all")
    assert done.returncode == 0
    assert not UNSAFE.search((done.stdout + done.stderr).replace("\n", ""))


def given(folder: Path, text: str) -> Path:
    path = folder / "list.toml"
    path.write_text(text)
    return path


ONE = '[[allow]]\nwork = "book0"\nstatus = "licensed"\nreason = "contract"\n'


def test_a_list_is_taken_once_and_what_left_it_is_withdrawn(db, tmp_path):
    def apply(text: str) -> str:
        done = CliRunner().invoke(allow, [str(db), str(given(tmp_path, text)), "--name", "N. Body"])
        assert done.exit_code == 0, done.output
        return done.output

    def holds() -> dict[str, tuple[str, bool]]:
        with RunReader(db) as run:
            return {row["work_id"]: (row["status"], row["holds"]) for row in run.query("SELECT * FROM v_allowed")}

    assert set(holds()) == {"book1", "book2"}
    text = ONE + '[[allow]]\nwork = "book1"\nstatus = "public domain"\nreason = "old"\nexpires = 2001-02-03\n'
    assert "3 changes" in apply(text), "one new, one other, one withdrawn"
    assert holds() == {"book0": ("licensed", True), "book1": ("public domain", False)}
    count = len(entries(db))
    assert "Nothing new" in apply(text)
    assert len(entries(db)) == count
    apply("allow = []")
    assert holds() == {}
    assert broken_link(entries(db)) is None
    assert "No work is allowed" in CliRunner().invoke(allow, [str(db)]).output


WRONG_LISTS = {
    "no TOML": "[[allow]\n",
    "no table": "allow = 3\n",
    "entries that are none": "allow = [1]\n",
    "an unknown key": ONE + 'until = "x"\n',
    "no reason": '[[allow]]\nwork = "book0"\nstatus = "licensed"\n',
    "an empty reason": ONE.replace("contract", " "),
    "an unknown status": ONE.replace("licensed", "fine"),
    "an unknown work": ONE.replace("book0", "boook0"),
    "a work twice": ONE + ONE,
    "a date that is none": ONE + 'expires = "soon"\n',
    "a number for a text": ONE.replace('"contract"', "7"),
    "a key at the top": "x = 1\n" + ONE,
}


@pytest.mark.parametrize("what", WRONG_LISTS)
def test_a_list_with_a_slip_changes_nothing(db, tmp_path, what):
    before = db.read_bytes()
    path = given(tmp_path, WRONG_LISTS[what])
    done = CliRunner().invoke(allow, [str(db), str(path)])
    assert isinstance(done.exception, UsageError)
    assert str(path) in str(done.exception)
    if what == "an unknown work":
        assert "book0" in str(done.exception)
    assert db.read_bytes() == before


GOOD_CUSTODY = """case = "A v. B"
operator = "O. P."
organisation = "Lab"
[[acquired]]
what = "shards"
from = "B"
by = "Q"
at = 2026-11-02T10:00:00Z
sha256 = "{}"
"""


def test_a_statement_of_custody_is_in_the_journal_and_an_unknown_digest_is_told(db, tmp_path):
    path = given(tmp_path, GOOD_CUSTODY.format("ab" * 32))
    done = run("custody", db, path, "--name", "Q")
    assert done.returncode == 0, done.stderr
    assert "may be that of an archive" in done.stderr
    said = json.loads(entries(db)[-1]["entry"])
    assert said["case"] == "A v. B"
    assert said["acquired"][0]["at"] == "2026-11-02T10:00:00+00:00"
    assert entries(db)[-1]["sha256"] in done.stdout


@pytest.mark.parametrize(
    "text", ["case = 1", 'case = "x"', GOOD_CUSTODY.format("xyz"), 'case="a"\noperator="b"\n[[acquired]]\nwhat="x"']
)
def test_a_statement_with_a_slip_is_refused(db, tmp_path, text):
    before = db.read_bytes()
    done = CliRunner().invoke(custody, [str(db), str(given(tmp_path, text))])
    assert isinstance(done.exception, UsageError)
    assert db.read_bytes() == before
