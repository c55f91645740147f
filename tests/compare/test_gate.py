"""The gate trips exactly when its rule says so, and a match keeps its match_key wherever its row goes."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import provenance
from provenance.cli import command
from provenance.cli.allow import put_into, read_list
from provenance.compare.gate import Gate, judge
from provenance.errors import StoreError, UsageError
from provenance.store.database import RunReader
from provenance.store.export import export
from provenance.store.grades import GRADE_NAMES, GRADES
from tests.shards.fixtures import prose

scan_command = command("scan")
collect = command("collect")


def write(path: Path, rows: list[tuple[str, str]], ids: bool = True, **options: object) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    columns = {"id": [name for name, _ in rows], "text": [text for _, text in rows]}
    pq.write_table(pa.table(columns if ids else {"text": columns["text"]}), path, **options)
    return path


def scanned(folder: Path, index: Path, *shards: Path) -> Path:
    db = folder / "run.duckdb"
    provenance.scan(list(shards), index, db, workers=1)
    return db


def match_keys(db: Path, redact: bool = False) -> Counter[str]:
    with RunReader(db, redact) as run:
        return Counter(row["match_key"] for row in run.query("SELECT match_key FROM v_matches"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory, index, rows) -> Path:
    """A run of one shard with the twenty rows, of all three books."""
    folder = tmp_path_factory.mktemp("plain")
    return scanned(folder, index, write(folder / "a.parquet", rows))


@pytest.fixture(scope="module")
def grades(tmp_path_factory) -> tuple[Path, Path, dict[str, str]]:
    """A run with a work of each grade, of one more that only shares passages, and the index; and the works' texts."""
    folder = tmp_path_factory.mktemp("grades")
    texts = {name: prose(3000 + n, 4000) for n, name in enumerate(("whole", "half", "part", "line", "absent"))}
    (folder / "books").mkdir()
    for name, text in texts.items():
        (folder / "books" / f"{name}.txt").write_text(text)
    provenance.build_index([folder / "books"], folder / "index")
    words = {name: text.split() for name, text in texts.items()}
    shard = write(
        folder / "a.parquet",
        [
            ("w", texts["whole"]),
            ("h", " ".join(words["half"][:2000])),
            ("p", " ".join(words["part"][:400])),
            ("l", " ".join(words["line"][:60])),
            ("clean", prose(1, 100)),
        ],
    )
    return scanned(folder, folder / "index", shard), folder / "index", texts


# match_keys


@pytest.mark.slow
@pytest.mark.parametrize("ids", [True, False])
def test_a_match_key_does_not_change_when_shards_are_split_renamed_sorted_or_written_anew(tmp_path, index, rows, ids):
    before = scanned(tmp_path / "x", index, write(tmp_path / "x" / "a.parquet", rows, ids))
    other = list(reversed(rows))
    parts = [
        write(tmp_path / "y" / "first.parquet", other[:7], ids, compression="gzip", row_group_size=2),
        write(tmp_path / "y" / "second.parquet", other[7:], ids, compression="none", row_group_size=100),
    ]
    lines = tmp_path / "z" / "rows.jsonl"
    lines.parent.mkdir()
    made = [{"id": name, "text": text} if ids else {"text": text} for name, text in rows]
    lines.write_text("".join(json.dumps(row) + "\n" for row in made))
    known = match_keys(before)
    assert known.total() >= 15
    assert match_keys(scanned(tmp_path / "y", index, *parts)) == known
    assert match_keys(scanned(tmp_path / "z", index, lines)) == known


@pytest.mark.slow
def test_a_match_key_does_not_change_with_other_books_in_the_index(tmp_path, plain, index, books):
    more = tmp_path / "more"
    more.mkdir()
    for name, text in {**books, "other": prose(7777, 3000)}.items():
        (more / f"{name}.txt").write_text(text)
    provenance.build_index([more], tmp_path / "index")
    assert match_keys(scanned(tmp_path, tmp_path / "index", plain.parent / "a.parquet")) == match_keys(plain)


@pytest.mark.slow
def test_another_text_another_id_and_another_column_have_other_keys(tmp_path, index, books):
    words = books["book0"].split()
    told = [" ".join(words[200:400]), " ".join(words[200:399] + ["otherwise"] + words[400:500])]
    rows = [("a", told[0]), ("b", told[0]), ("c", told[1])]
    first = match_keys(scanned(tmp_path / "x", index, write(tmp_path / "x" / "a.parquet", rows)))
    assert len(first) == first.total() == 3
    without = match_keys(scanned(tmp_path / "y", index, write(tmp_path / "y" / "a.parquet", rows, ids=False)))
    assert sorted(without.values()) == [1, 2], "two rows without ids have the same text"
    table = pa.table({"id": ["a"], "body": [told[0]]})
    pq.write_table(table, tmp_path / "c.parquet")
    (tmp_path / "w").mkdir()
    assert not set(match_keys(scanned(tmp_path / "w", index, tmp_path / "c.parquet"))) & set(first)


@pytest.mark.slow
@pytest.mark.parametrize("ids", [True, False])
def test_a_match_key_is_the_same_in_a_redacted_run_and_in_a_database_made_of_redacted_tables(
    tmp_path, index, rows, ids
):
    import duckdb

    db = scanned(tmp_path / "x", index, write(tmp_path / "x" / "a.parquet", rows, ids))
    assert match_keys(db, redact=True) == match_keys(db)
    with RunReader(db, redact=True) as run:
        match = run.arrow("SELECT * FROM match")
    again = Path(shutil.copy(db, tmp_path / "again.duckdb"))
    con = duckdb.connect(str(again))
    con.execute("DELETE FROM match")
    con.register("redacted", match)
    con.execute("INSERT INTO match BY NAME SELECT * EXCLUDE (ref_excerpt) FROM redacted")
    con.close()
    assert match_keys(again) == match_keys(db)


def test_exports_have_both_names_of_a_match(tmp_path, plain):
    with RunReader(plain) as run:
        export(run, "matches", "jsonl", tmp_path / "m.jsonl")
        export(run, "matches", "sarif", tmp_path / "m.sarif")
    rows = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert Counter(row["match_key"] for row in rows) == match_keys(plain)
    told = [r["partialFingerprints"] for r in json.loads((tmp_path / "m.sarif").read_text())["runs"][0]["results"]]
    assert [one["provenance/match_key/v1"] for one in told] == [row["match_key"] for row in rows]
    assert [one["provenance/match_id/v1"] for one in told] == [row["match_id"] for row in rows]


# the rule


def test_a_gate_trips_for_works_at_or_above_its_grade_and_for_no_others(grades):
    db, _, _ = grades
    with RunReader(db) as run:
        known = {row["work_id"]: row["grade"] for row in run.query("SELECT work_id, grade FROM v_works")}
    assert known == {
        "whole": "complete", "half": "substantial", "part": "excerpts", "line": "quotation", "absent": "none"
    }  # fmt: skip
    works = ["whole", "half", "part", "line"]
    assert [grade.name for grade in GRADES] == list(GRADE_NAMES)
    for count, grade in enumerate(GRADE_NAMES, 1):
        verdict = judge(db, Gate(grade))
        assert [work.work_id for work in verdict.works] == works[:count]
        assert (verdict.tripped, verdict.passed) == (True, False)


def test_there_is_no_gate_for_a_grade_that_there_is_not():
    with pytest.raises(UsageError, match="quotation"):
        Gate("none")


def test_what_the_baseline_has_does_not_trip_and_one_more_copy_of_the_same_row_does(tmp_path, grades):
    db, index, texts = grades
    shard = db.parent / "a.parquet"
    same = scanned(tmp_path / "same", index, Path(shutil.copy(shard, made(tmp_path / "same") / "renamed.parquet")))
    verdict = judge(same, Gate("quotation", db))
    assert (verdict.works, verdict.passed) == ([], True)
    assert verdict.known == ["whole", "half", "part", "line"]
    assert verdict.baseline_notes == []
    copy = write(tmp_path / "copy" / "more.parquet", [("w", texts["whole"])])
    twice = scanned(tmp_path / "copy", index, shard, copy)
    (only,) = judge(twice, Gate("quotation", db)).works
    assert (only.work_id, only.matches, only.new_matches, only.earlier_grade) == ("whole", 2, 1, "complete")
    assert judge(db, Gate("quotation", twice)).works == [], "one copy fewer is nothing new"


def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.slow
def test_a_baseline_made_with_something_else_or_not_whole_says_so(tmp_path, grades):
    db, index, _ = grades
    config = provenance.ScanConfig(match=provenance.MatchConfig(min_words=50))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 is not enough")
    provenance.scan(
        [db.parent / "a.parquet", tmp_path / "bad.parquet"], index, tmp_path / "r.duckdb", workers=1, config=config
    )
    notes = judge(db, Gate("complete", tmp_path / "r.duckdb")).baseline_notes
    assert [note.split(" was ")[0] for note in notes[:1]] == ["parameters: --min-words"]
    assert "incomplete" in notes[-1]


@pytest.mark.slow
def test_a_grade_that_rises_by_shared_passages_alone_trips(tmp_path):
    """An anthology has a story; a shard with the story credits the story, and the anthology rises with it."""
    story, rest = prose(61, 2000), prose(62, 3000)
    books = made(tmp_path / "books")
    (books / "story.txt").write_text(story)
    (books / "anthology.txt").write_text(rest + " " + story)
    provenance.build_index([books], tmp_path / "index")
    words = story.split()
    # the story is credited for what it explains all of
    little = write(tmp_path / "l" / "a.parquet", [("s", " ".join(words[:300]))])
    much = write(tmp_path / "m" / "a.parquet", [("s", " ".join(words[:300])), ("t", " ".join(words[300:]))])
    before, after = (scanned(path.parent, tmp_path / "index", path) for path in (little, much))
    with RunReader(after) as run:
        credited = {row["work_id"]: row["credited_matches"] for row in run.query("SELECT * FROM v_works")}
    shared = min(credited, key=lambda work: credited[work])
    assert credited[shared] == 0
    found = {work.work_id: work for work in judge(after, Gate("substantial", before)).works}
    assert set(found) == set(credited)
    assert (found[shared].new_matches, found[shared].earlier_grade) == (0, "none")


# what is allowed


def listed(folder: Path, text: str) -> Path:
    path = folder / "allowed.toml"
    path.write_text(text)
    return path


def entry(what: str, value: str, more: str = "") -> str:
    return f'[[allow]]\n{what} = "{value}"\nstatus = "licensed"\nreason = "contract"\n{more}\n'


def test_allowed_works_and_matches_do_not_count_and_stay_in_every_table(tmp_path, grades):
    db = Path(shutil.copy(grades[0], tmp_path / "run.duckdb"))
    with RunReader(db) as run:
        of_whole = run.query("SELECT match_key FROM v_matches WHERE work_id = 'whole'")[0]["match_key"]
    file = listed(tmp_path, entry("work", "half") + entry("match", of_whole))
    put_into(db, read_list(file))
    verdict = judge(db, Gate("substantial"))
    assert (verdict.works, verdict.allowed, verdict.allowed_matches) == ([], ["half"], 1)
    assert verdict.passed
    with RunReader(db) as run:
        whole = run.query("SELECT grade, documents FROM v_works WHERE work_id = 'whole'")[0]
        export(run, "matches", "jsonl", tmp_path / "m.jsonl")
        export(run, "matches", "sarif", tmp_path / "m.sarif")
    assert whole == {"grade": "complete", "documents": 1}
    rows = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert [row["allowed"] for row in rows if row["work_id"] == "whole"] == ["licensed"]
    results = json.loads((tmp_path / "m.sarif").read_text())["runs"][0]["results"]
    assert sum(bool(result["suppressions"]) for result in results) == 2
    assert put_into(db, read_list(file)) == (0, ""), "the same list again changes nothing"
    put_into(db, read_list(listed(tmp_path, entry("work", "half"))))
    assert [work.work_id for work in judge(db, Gate("substantial")).works] == ["whole"]


@pytest.mark.slow
def test_a_grade_is_computed_again_without_the_matches_that_are_allowed(tmp_path, grades):
    _, index, texts = grades
    words = texts["half"].split()
    shard = write(tmp_path / "a.parquet", [("long", " ".join(words[:2000])), ("short", " ".join(words[3000:3060]))])
    db = scanned(tmp_path, index, shard)
    with RunReader(db) as run:
        long = run.query("SELECT match_key FROM v_matches WHERE doc_id = 'long'")[0]["match_key"]
    put_into(db, read_list(listed(tmp_path, entry("match", long))))
    assert judge(db, Gate("excerpts")).passed
    (only,) = judge(db, Gate("quotation")).works
    assert (only.grade, only.matches) == ("quotation", 1)


def test_an_allowance_holds_until_its_last_day(tmp_path, grades):
    db = Path(shutil.copy(grades[0], tmp_path / "run.duckdb"))
    put_into(db, read_list(listed(tmp_path, entry("work", "whole", "expires = 2999-12-31"))))
    for day, count in ((date(2999, 12, 31), 0), (date(3000, 1, 1), 1)):
        assert len(judge(db, Gate("complete"), day).works) == count


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (entry("match", "abc"), "match_key"),
        (entry("match", "0" * 32, 'work = "half"'), "one of them"),
        ('[[allow]]\nstatus = "licensed"\nreason = "x"\n', "one of them"),
        (entry("match", "0" * 32) * 2, "twice"),
        (entry("work", "half", 'because = "x"'), "because"),
    ],
)
def test_a_list_that_is_wrong_is_an_error_of_use(tmp_path, text, told):
    with pytest.raises(UsageError, match=told):
        read_list(listed(tmp_path, text))


# the command


def run_command(*arguments: object) -> tuple[int, str, str, BaseException | None]:
    done = CliRunner().invoke(scan_command, [*map(str, arguments), "--workers", "1"])
    error = done.exception if not isinstance(done.exception, SystemExit) else None
    return done.exit_code, done.stdout, done.stderr, error


def test_the_command_exits_with_the_code_that_was_chosen_and_names_the_works(tmp_path, grades):
    db, index, _ = grades
    given = [db.parent / "a.parquet", "--index", index, "--db", tmp_path / "r.duckdb", "--fail-on", "substantial"]
    code, out, err, _ = run_command(*given)
    assert code == 1
    assert [line for line in out.splitlines() if line.startswith("gate: ")] == [
        "gate: whole: complete, coverage 100.0 %, 1 match",
        "gate: half: substantial, coverage 47.6 %, 1 match",
    ]
    assert "2 works at or above substantial" in err
    code, out, _, _ = run_command(*given, "--exit-code", "42", "--json")
    told = json.loads(out)["gate"]
    assert code == told["exit_code"] == 42
    assert [work["work_id"] for work in told["works"]] == ["whole", "half"]
    code, out, err, _ = run_command(*given, "--baseline", db)
    assert code == 0
    assert "gate: passed. 5 documents scanned for 5 works" in out
    assert "gate" not in err


def test_an_incomplete_run_never_passes_and_what_was_found_outweighs_what_is_missing(tmp_path, grades):
    db, index, _ = grades
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 is not enough")
    clean = write(tmp_path / "clean.parquet", [("c", prose(1, 100))])
    common = ["--index", index, "--fail-on", "complete", "--exit-code", "7"]
    code, out, err, _ = run_command(clean, tmp_path / "bad.parquet", "--db", tmp_path / "a.duckdb", *common)
    assert code == 3
    assert "passed" not in out
    assert "incomplete: not passed" in err
    shard = db.parent / "a.parquet"
    code, out, err, _ = run_command(shard, tmp_path / "bad.parquet", "--db", tmp_path / "b.duckdb", *common)
    assert code == 7
    assert "not scanned: " in err
    assert "gate: whole: complete" in out


def test_what_would_fail_after_the_scan_fails_before_it(tmp_path, grades):
    db, index, _ = grades
    target = tmp_path / "r.duckdb"
    given = [db.parent / "a.parquet", "--index", index, "--db", target]
    gate = [*given, "--fail-on", "complete"]
    (tmp_path / "no.duckdb").write_bytes(b"no database")
    wrong = {
        "goes with --fail-on": [*given, "--exit-code", "4"],
        "means something else": [*gate, "--exit-code", "3"],
        "is the run database --db itself": [*gate, "--baseline", target],
        "no run database": [*gate, "--baseline", tmp_path / "missing.duckdb"],
        "cannot open": [*gate, "--baseline", tmp_path / "no.duckdb"],
        "has no work 'hlaf'; the closest are half": [*gate, "--allow", listed(tmp_path, entry("work", "hlaf"))],
        "it goes with --db": [*gate, "--plan"],
    }
    for told, arguments in wrong.items():
        _, _, _, error = run_command(*arguments)
        assert isinstance(error, UsageError | StoreError), told
        assert told in str(error)
    assert not list(tmp_path.glob("r.duckdb*")), "nothing was begun"


@pytest.mark.slow
def test_collect_is_a_gate_too(tmp_path, grades):
    from provenance.runs.request import Request
    from provenance.runs.scan import scan_share

    db, index, _ = grades
    scan_share(Request((str(db.parent / "a.parquet"),), index, workers=1), tmp_path / "units")
    given = [str(tmp_path / "units"), "--db", str(tmp_path / "r.duckdb"), "--fail-on", "complete"]
    assert CliRunner().invoke(collect, [*given, "--exit-code", "9"]).exit_code == 9
    allowed = listed(tmp_path, entry("work", "whole"))
    done = CliRunner().invoke(collect, [*given, "--allow", str(allowed)])
    assert (done.exit_code, "1 that are allowed" in done.stdout) == (0, True), done.output
