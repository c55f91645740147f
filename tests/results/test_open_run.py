"""`open_run` gives what the database says, as records, Arrow tables and harmless HTML."""

from __future__ import annotations

import re
import shutil
from datetime import UTC
from pathlib import Path

import pyarrow as pa
import pytest
from lxml import html

import provenance
from provenance.display.text import UNSAFE, safe
from provenance.errors import StoreError, UsageError
from provenance.store.database import RunReader
from provenance.store.export import EXPORTS
from tests.report.runs_to_report import PAYLOADS


def test_works_are_those_of_the_database(rich):
    with provenance.open_run(rich) as run, RunReader(rich) as reader:
        order = "ORDER BY coverage DESC, matched_words DESC, work_id"
        rows = reader.query(f"SELECT * FROM v_works WHERE grade <> 'none' AND NOT decoy {order}")
        works = run.works()
        assert [work.work_id for work in works] == [row["work_id"] for row in rows]
        for work, row in zip(works, rows, strict=True):
            assert {
                name: getattr(work, name) for name in ("grade", "coverage", "longest_run", "allowed")
            }.items() <= row.items()
            assert len(work.deciles) == 10
            assert work.found
        everything = run.works(found=False)
        assert len(everything) == reader.query("SELECT count(*) AS n FROM work WHERE NOT decoy")[0]["n"]
        assert len(run.works(found=False, decoys=True)) == len(everything) + 1
        assert {work.grade for work in run.works(grade="complete")} == {"complete"}
        assert run.work("book0").title == "The 0th Book"
        assert works.arrow().column("work_id").to_pylist() == [work.work_id for work in works]


def test_matches_are_those_of_the_database_and_have_their_edits(rich):
    with provenance.open_run(rich) as run, RunReader(rich) as reader:
        matches = run.matches()
        assert len(matches) == reader.query("SELECT count(*) AS n FROM match")[0]["n"]
        assert [m.matched_words for m in matches] == sorted((m.matched_words for m in matches), reverse=True)
        one = run.match(matches[0].match_id)
        assert one == matches[0]
        assert sum(edit.doc_words for edit in one.edits() if edit.kind == "equal") == one.matched_words
        assert {m.work_id for m in run.matches(work="book1")} == {"book1"}
        assert len(run.matches(limit=3)) == 3
        assert matches[1:3][0] == matches[1]
        assert {m.decision for m in matches} >= {"undecided", "rejected", None}
        shard = matches[0].shard
        assert {m.shard for m in run.matches(shard=shard)} == {shard}
        assert run.matches(work="it's nobody").arrow().num_rows == 0


def test_every_table_is_an_arrow_table(rich):
    with provenance.open_run(rich) as run:
        assert run.tables == tuple(EXPORTS)
        for name in run.tables:
            assert isinstance(run.table(name), pa.Table)
        assert run.exceptions().num_rows > 0
        assert set(run.shards()["outcome"].to_pylist()) == {"scanned", "partial", "failed"}
        assert run.coverage(run.work("book0").best_edition)["words"].to_pylist() == [run.work("book0").covered_words]
        assert run.sql("SELECT 1 AS one").to_pylist() == [{"one": 1}]


def test_a_run_says_what_it_is(rich):
    with provenance.open_run(rich) as run:
        assert not run.complete
        assert "INCOMPLETE" in repr(run)
        assert run._repr_html_().index("INCOMPLETE") < run._repr_html_().index("found")
        assert run.started.tzinfo is UTC
        assert run.ended >= run.started
        assert run.config["match"]["min_words"] == 25
        assert run.documents_scanned > run.documents_matched > 0
        assert run.tool_version == provenance.__version__
        for wrong in (lambda: run.work("nobody"), lambda: run.match("none"), lambda: run.table("none")):
            with pytest.raises(UsageError):
                wrong()
        with pytest.raises(UsageError, match="most like it: 'book0'"):
            run.work("boook0")
        with pytest.raises(UsageError, match="no grade 'Complete'; there are complete,"):
            run.works(grade="Complete")
        with pytest.raises(UsageError, match="limit is -1"):
            run.matches(limit=-1)
        with pytest.raises(StoreError):
            run.sql("SELECT nothing FROM nowhere")
        assert run.outcome == "incomplete"
        assert run.command
        assert run.attempts().num_rows == 1
        assert {m.reviewed_utc.tzinfo for m in run.matches() if m.decision} == {UTC}
    with pytest.raises(StoreError):
        provenance.open_run(rich.parent / "none.duckdb")


def shown(db: Path, redact: bool = False) -> list[str]:
    with provenance.open_run(db, redact) as run:
        works, matches = run.works(found=False), run.matches()
        one_by_one = [item._repr_html_() for item in (*works, *matches[:20])]
        return [run._repr_html_(), works._repr_html_(), matches._repr_html_(), *one_by_one]


def test_a_hostile_run_is_harmless_in_a_notebook(hostile):
    text = ""
    for page in shown(hostile):
        tree = html.fromstring(page)
        assert not tree.xpath("//script | //img | //a | //iframe | //@href | //@src")
        assert not [name for node in tree.iter() for name in node.attrib if name.startswith("on")]
        assert not UNSAFE.search(page.replace("\n", ""))
        text += tree.text_content()
    for payload in PAYLOADS:
        assert safe(payload)[:40] in text


def test_nothing_of_a_text_is_shown_of_a_redacted_run(rich):
    words = {
        w for path in (rich.parent / "books").glob("*.txt") for w in re.findall(r"\b[a-z]{8,9}\b", path.read_text())
    }
    ours = {"document", "excerpts", "quotation", "identity", "complete", "reviewed", "licensed", "rejected", "estimate"}
    assert not [
        w
        for page in shown(rich, redact=True)
        for w in re.findall(r"\b[a-z]{8,9}\b", html.fromstring(page).text_content())
        if w in words - ours
    ]
    assert [w for page in shown(rich) for w in re.findall(r"\b[a-z]{8,9}\b", page) if w in words - ours]


def test_long_lists_say_how_much_they_leave_out(rich, monkeypatch):
    monkeypatch.setattr("provenance.results.rows.MOST_ROWS", 2)
    with provenance.open_run(rich) as run:
        matches = run.matches()
        page = html.fromstring(matches._repr_html_())
    assert len(page.xpath("//tbody/tr")) == 2
    assert f"{len(matches) - 2:,} more of {len(matches):,}" in page.text_content()


def test_an_incomplete_run_never_reads_as_no_match(rich):
    with provenance.open_run(rich) as run:
        told = f"INCOMPLETE, {run.exceptions().num_rows} exceptions"
        nothing = (run.matches(work="book4"), run.works(grade="excerpts", found=False)[:0])
        for empty in (*nothing, run):
            assert told in repr(empty)
            assert html.fromstring(f"<div>{empty._repr_html_()}</div>").text_content().startswith(told)
        assert told in run.work("book4")._repr_html_()
        assert not run.work("book4").found


def test_a_work_gives_its_matches_editions_and_coverage(rich):
    with provenance.open_run(rich) as run:
        work = run.work("book3")
        assert {m.work_id for m in work.matches()} == {"book3"}
        assert len(work.matches(limit=2)) == 2
        assert sum(work.coverage_table()["words"].to_pylist()) == work.covered_words
        assert work.edition_table()["edition_id"].to_pylist() == ["book3"]
        some = run.matches()[1:3]
        assert some.arrow()["match_id"].to_pylist() == [m.match_id for m in some]
        assert "<table" in some._repr_html_()


def test_a_closed_run_says_so_and_reads_nothing(rich):
    with provenance.open_run(rich) as run:
        pass
    assert "closed" in repr(run)
    assert "closed" in run._repr_html_()
    with pytest.raises(StoreError):
        run.works()


def test_the_name_of_a_run_cannot_move_the_cursor(rich, tmp_path):
    odd = shutil.copy(rich, tmp_path / "odd\x1b[31m\u202e.duckdb")
    with provenance.open_run(odd) as run:
        assert not UNSAFE.search(repr(run))
    assert not UNSAFE.search(repr(run))


def test_a_redacted_run_answers_no_sql_that_could_reach_the_texts(rich):
    with provenance.open_run(rich, redact=True) as run:
        for query in ('SELECT excerpt FROM "run".main.match', "DROP VIEW temp.main.match"):
            with pytest.raises(UsageError, match="redact"):
                run.sql(query)
        assert set(run.table("matches")["excerpt"].to_pylist()) == {None}
        assert {match.excerpt for match in run.matches()} == {None}
