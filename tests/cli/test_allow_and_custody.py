"""What people put into a run by file or by pipe cannot spoil it, whatever is in the file and whoever typed it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

import provenance
from provenance.cli import command
from provenance.cli.toml_files import MOST_BYTES, read_toml
from provenance.errors import StoreError, UsageError
from provenance.store.database import RunReader
from provenance.store.journal import Author, append, entries
from tests.shards.fixtures import prose

allow = command("allow")
custody = command("custody")
review = command("review")

WORDS = prose(1, 2000).split()
STATEMENT = 'case = "A v. B"\noperator = "O. P."\n'


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A run of one book of which two documents have a part, the longer one first."""
    folder = tmp_path_factory.mktemp("people")
    (folder / "book.txt").write_text(prose(1, 2000))
    rows = [{"text": " ".join(WORDS[100:400])}, {"text": " ".join(WORDS[600:700])}]
    (folder / "shard.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    provenance.build_index([folder / "book.txt"], folder / "index")
    provenance.scan([folder / "shard.jsonl"], folder / "index", folder / "run.duckdb", workers=1)
    return folder / "run.duckdb"


@pytest.fixture
def db(made, tmp_path) -> Path:
    return Path(shutil.copy(made, tmp_path / "run.duckdb"))


def given(db: Path, text: str | bytes) -> Path:
    path = db.with_name("said.toml")
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def command(*arguments: object, answers: bytes | None = None, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "provenance", *map(str, arguments)],
        input=answers,
        capture_output=True,
        timeout=120,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def one(expires: str = "") -> str:
    return f'[[allow]]\nwork = "book"\nstatus = "licensed"\nreason = "contract"\n{expires}'


BAD_FILES = {
    "lists too deep": "x = " + "[" * 50_000,
    "a number too long": "x = " + "1" * 5000,
    "a date that is none": "x = 2026-13-45",
    "too many bytes": "#" * (MOST_BYTES + 1),
    "bytes that are no text": b'# one\n# two\nx = "caf\xe9"\n',
}


@pytest.mark.parametrize("what", BAD_FILES)
@pytest.mark.parametrize("told", [allow, custody])
def test_a_file_that_cannot_be_read_is_an_error_of_use_and_names_the_file(db, told, what):
    before = db.read_bytes()
    path = given(db, BAD_FILES[what])
    done = CliRunner().invoke(told, [str(db), str(path)])
    assert isinstance(done.exception, UsageError), done.exception
    assert str(path) in str(done.exception)
    if what == "bytes that are no text":
        assert "line 3" in str(done.exception)
    assert db.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no file without an end here")
def test_a_file_without_an_end_is_not_read_to_it():
    with pytest.raises(UsageError, match="bytes"):
        read_toml(Path("/dev/zero"))


def test_a_bad_file_is_one_line_and_exit_code_2(db):
    code, out, err = command("allow", db, given(db, BAD_FILES["lists too deep"]))
    assert (code, out, len(err.splitlines())) == (2, "", 1)


@pytest.mark.parametrize("expires", ["2030-01-01T23:00:00-05:00", "2030-01-01T23:00:00", "23:00:00", "true", '"soon"'])
def test_an_expiry_is_a_day_and_nothing_is_cut_off_to_make_it_one(db, expires):
    before = db.read_bytes()
    done = CliRunner().invoke(allow, [str(db), str(given(db, one(f"expires = {expires}\n")))])
    assert isinstance(done.exception, UsageError)
    assert "expires" in str(done.exception)
    assert db.read_bytes() == before


def test_an_expiry_that_is_a_day_is_kept_as_it_is_and_all_stays_visible(db):
    done = CliRunner().invoke(allow, [str(db), str(given(db, one("expires = 2999-12-31\n")))])
    assert done.exit_code == 0, done.output
    assert json.loads(entries(db)[-1]["entry"])["expires"] == "2999-12-31"
    assert "1 of 1 allowance held" in done.output
    assert "stay in every table" in done.output


@pytest.mark.parametrize("made_by_command", [True, False])
def test_a_statement_without_acquisitions_leaves_a_run_that_can_be_reported(db, made_by_command):
    if made_by_command:
        assert CliRunner().invoke(custody, [str(db), str(given(db, STATEMENT))]).exit_code == 0
    else:
        append(db, Author("N", "n"), [("custody", {"case": "A v. B"})])
    page = db.with_name("report.html")
    code, _, err = command("report", db, "--out", page)
    assert code == 0, err
    assert "A v. B" in page.read_text()


def test_a_statement_takes_a_day_or_a_time(db):
    rows = [
        f'[[acquired]]\nwhat = "w"\nfrom = "f"\nby = "b"\nat = {at}\n' for at in ("2026-11-02", "2026-11-02T10:00:00Z")
    ]
    assert CliRunner().invoke(custody, [str(db), str(given(db, STATEMENT + "".join(rows)))]).exit_code == 0
    said = json.loads(entries(db)[-1]["entry"])["acquired"]
    assert [row["at"] for row in said] == ["2026-11-02", "2026-11-02T10:00:00+00:00"]


@pytest.mark.parametrize("encoding", ["utf-8:strict", "utf-8:surrogateescape"])
def test_a_note_in_another_encoding_does_not_end_a_review(db, encoding):
    code, out, err = command("review", db, answers=b"a caf\xe9\nr\tbehind a tab\n", PYTHONIOENCODING=encoding)
    assert code == 0, err
    said = [json.loads(row["entry"]) for row in entries(db)]
    assert [(entry["decision"], entry["note"]) for entry in said] == [
        ("accepted", "caf\ufffd"),
        ("rejected", "behind a tab"),
    ]
    assert "1 accepted, 1 rejected" in out


def test_a_closed_input_is_the_end_of_input(db):
    line = ["sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-m", "provenance", "review", str(db)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "0 accepted" in done.stdout


def test_the_longest_match_comes_first_and_going_back_shows_what_was_decided(db):
    with RunReader(db) as run:
        longest = run.query("SELECT match_id FROM v_matches ORDER BY matched_words DESC")[0]["match_id"]
    code, _, err = command("review", db, "--name", "A. Person", answers=b"r one\nb\na two\nq\n")
    assert code == 0, err
    assert f"1 of 2: {longest}" in err
    assert "rejected by A. Person: one" in err
    assert [json.loads(row["entry"])["decision"] for row in entries(db)] == ["rejected", "accepted"]


def test_a_note_that_no_decision_would_take_is_refused(db):
    done = CliRunner().invoke(review, [str(db), "--note", "quoted"])
    assert isinstance(done.exception, UsageError)
    assert "--match" in str(done.exception)


def test_an_entry_by_somebody_who_means_harm_is_shown_harmlessly(db):
    with RunReader(db) as run:
        match_id = run.query("SELECT match_id FROM v_matches LIMIT 1")[0]["match_id"]
    append(db, Author("A", "a"), [("review", {"match_id": match_id, "decision": "acc\u202eepted\x07", "note": ""})])
    _, out, err = command("review", db, "--all", answers=b"s\ns\n")
    assert not {"\u202e", "\x07"} & set(out + err)
    assert "acc\\u202eepted\\x07 by A" in err


def test_a_run_that_was_replaced_during_a_review_is_an_error_and_no_traceback(db):
    from provenance.cli.review import match_at

    with RunReader(db) as run:
        match = run.query('SELECT match_id, shard, "row" FROM v_matches LIMIT 1')[0]
    con = duckdb.connect(str(db))
    con.execute("DELETE FROM match")
    con.close()
    with pytest.raises(StoreError, match="replaced"):
        match_at(db, match)
