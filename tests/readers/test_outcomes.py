"""Every file ends as read, skipped or failed, in the report, in the manifest and on the terminal."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from making import as_epub, as_html, as_jsonl, as_pdf, as_zip, paragraphs_of, read

import provenance
from provenance.errors import BookError, UsageError
from provenance.index.opening import Index
from provenance.isolation.supervisor import Role
from provenance.readers import parsing
from tests.tools import command

TEXT = "\n\n".join(paragraphs_of(1))
run = partial(command.run, "index")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> Path:
    """A folder with good books, bad ones, copies and other files."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "sub").mkdir()
    (folder / "a.txt").write_text(TEXT)
    (folder / "a.html").write_text(as_html(paragraphs_of(2)))
    (folder / "copy of a.txt").write_text(TEXT)
    (folder / "sub" / "b.epub").write_bytes(as_epub(paragraphs_of(3)))
    (folder / "broken.epub").write_bytes(as_epub(paragraphs_of(4))[:-200])
    (folder / "scan.pdf").write_bytes(as_pdf([], blank_pages=2))
    (folder / "cover.jpg").write_bytes(b"\xff\xd8")
    (folder / "empty.txt").touch()
    (folder / "short.txt").write_text("only these five words here")
    (folder / "more.zip").write_bytes(as_zip({"x/c.txt": TEXT + " more", "x/d.jpg": "no", "x/e.txt": TEXT}))
    return folder


def test_every_file_and_member_is_in_the_manifest_with_its_outcome(mixed, tmp_path):
    report = provenance.build_index([mixed], tmp_path / "index")
    recorded = json.loads((tmp_path / "index" / "index.json").read_text())["sources"]
    name = lambda path: str(Path(path).relative_to(mixed))  # noqa: E731
    assert {name(path): books for path, books in recorded["read"].items()} == {
        "a.txt": 1, "a.html": 1, "sub/b.epub": 1, "empty.txt": 1, "short.txt": 1, "more.zip": 1, "more.zip!x/c.txt": 1,
    }  # fmt: skip
    assert {name(path): reason.partition(":")[0] for path, reason in recorded["skipped"].items()} == {
        "copy of a.txt": f"same bytes as {mixed / 'a.txt'}", "cover.jpg": "not a book",
        "more.zip!x/d.jpg": "not a book",
        "more.zip!x/e.txt": f"same bytes as {mixed / 'a.txt'}",
    }  # fmt: skip
    assert set(map(name, recorded["failed"])) == {"broken.epub", "scan.pdf"}
    assert list(recorded["read"]) == sorted(recorded["read"])
    assert report.outcomes == {"read": 7, "skipped": 4, "failed": 2}
    assert report.formats == {"epub": 1, "html": 1, "txt": 4}
    assert (report.empty_editions, report.short_editions) == (["empty"], {"short": 5})


def test_files_that_differ_in_suffix_only_keep_it_in_their_ids(mixed, tmp_path):
    books, _ = read(mixed)
    assert {book.edition_id for book in books} == {"a.txt", "a.html", "sub/b", "empty", "short", "more/x/c"}


def test_an_archive_named_alone_is_like_a_folder_and_beside_others_it_gives_its_name(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.zip").write_bytes(
            as_zip({"b.txt": TEXT + name, "b.html": as_html(paragraphs_of(5)) + name})
        )
    one, _ = read(tmp_path / "one.zip")
    both, _ = read(tmp_path / "one.zip", tmp_path / "two.zip")
    assert [book.edition_id for book in one] == ["b.txt", "b.html"]
    assert [book.edition_id for book in both] == ["one/b.txt", "one/b.html", "two/b.txt", "two/b.html"]
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "b.txt.txt").write_text(TEXT)
    books, _ = read(tmp_path)
    assert {book.edition_id for book in books} >= {"one/b.txt", "one.zip/b.txt", "two/b.txt"}


def test_order_of_files_and_ids_do_not_depend_on_the_file_system(mixed, tmp_path):
    provenance.build_index([mixed], tmp_path / "one")
    provenance.build_index([mixed], tmp_path / "two")
    paths = list((tmp_path / "one").iterdir())
    assert len(paths) > 4
    for path in paths:
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_strict_stops_at_the_first_failure_and_leaves_nothing(mixed, tmp_path):
    with pytest.raises(BookError, match=r"cannot read book .*broken\.epub: it is no zip file"):
        provenance.build_index([mixed], tmp_path / "index", strict=True)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_read_no_index_is_made(mixed, tmp_path):
    with pytest.raises(BookError, match=r"scan\.pdf: it has no text layer"):
        provenance.build_index([mixed / "scan.pdf"], tmp_path / "index")
    with pytest.raises(BookError, match=r"broken\.epub: .*\(and 1 more\)"):
        provenance.build_index([mixed / "broken.epub", mixed / "scan.pdf"], tmp_path / "index")
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "x.jpg").touch()
    with pytest.raises(UsageError, match=r"no book in the sources: .*x\.jpg: not a book"):
        provenance.build_index([tmp_path / "none"], tmp_path / "index")
    assert [path.name for path in tmp_path.iterdir()] == ["none"]


def test_a_collection_that_breaks_off_keeps_the_books_before_and_says_so(tmp_path):
    rows = [{"id": f"b{number}", "text": f"{TEXT} {number}"} for number in range(3)]
    (tmp_path / "a.jsonl").write_bytes(as_jsonl(rows) + b"{nonsense\n")
    books, reading = read(tmp_path / "a.jsonl")
    assert [book.edition_id for book in books] == ["b0", "b1", "b2"]
    assert reading.failed[0].books == 3
    assert "line 4 is no JSON" in reading.failed[0].reason
    assert "behind 3 books" in reading.failed[0].reason


def test_lone_surrogates_in_json_are_kept_to_be_counted(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": "x", "text": "one \\ud800 two"}\n')
    (book,), _ = read(tmp_path / "a.jsonl")
    assert book.text == b"one \xed\xa0\x80 two"


def test_invalid_bytes_in_json_are_kept_to_be_counted(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'{"id": "x", "text": "one \xff two"}\n')
    report = provenance.build_index([tmp_path / "a.jsonl"], tmp_path / "index")
    assert report.invalid_utf8 == {"x": 1}


def test_columns_are_told_when_they_are_missing(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(as_jsonl([{"name": "x", "body": TEXT}]))
    _, reading = read(tmp_path / "a.jsonl")
    assert "it has name, body: name them with --columns" in reading.failed[0].reason


def test_a_named_file_without_a_known_suffix_is_told_by_its_first_bytes(tmp_path):
    files = {
        "pdf": as_pdf(paragraphs_of(1, 3)),
        "epub": as_epub(paragraphs_of(1)),
        "html": as_html(paragraphs_of(1)).encode(),
        "txt": TEXT.encode(),
    }
    for number, (format, data) in enumerate(files.items()):
        path = tmp_path / f"book{number}"
        path.write_bytes(data)
        (book,), _ = read(path)
        assert (book.format, book.edition_id) == (format, path.name)


def test_the_command_tells_all_and_exits_with_3_when_a_book_is_missing(mixed, tmp_path):
    result = run("build", mixed, "--out", tmp_path / "index")
    assert result.returncode == 3
    assert "files: 7 read, 4 skipped, 2 failed; editions: 1 epub, 1 html, 4 txt" in result.stdout
    for expected in (
        "failed: ", "no text layer", "skipped: ", "same bytes as", "empty: edition empty",
        "nearly empty: edition short has 5",
    ):  # fmt: skip
        assert expected in result.stderr
    shown = run("info", tmp_path / "index")
    assert shown.returncode == 0
    assert "files      7 read, 4 skipped, 2 failed" in shown.stdout
    assert "formats    1 epub, 1 html, 4 txt" in shown.stdout
    assert "scan.pdf: it has no text layer" in shown.stdout
    told = run("build", mixed, "--out", tmp_path / "index", "--overwrite", "--json")
    assert json.loads(told.stdout)["outcomes"] == {"read": 7, "skipped": 4, "failed": 2}
    strict = run("build", mixed, "--out", tmp_path / "other", "--strict")
    assert strict.returncode == 3
    assert not (tmp_path / "other").exists()


def test_flags_describe_a_single_book_and_are_refused_for_more(mixed, tmp_path):
    flags = ["--title", "T", "--author", "A", "--isbn", "0-306-40615-2", "--year", "1999", "--publisher", "P"]
    flags += ["--language", "fr", "--rights-holder", "R", "--registration", "TX1", "--licence", "L", "--work-id", "w"]
    assert run("build", mixed / "a.txt", "--out", tmp_path / "index", *flags).returncode == 0
    (row,) = Index(tmp_path / "index").editions.to_pylist()
    assert [row[name] for name in ("title", "author", "isbn", "year", "publisher", "language")] == [
        "T", "A", "9780306406157", "1999", "P", "fr",
    ]  # fmt: skip
    assert [row[name] for name in ("rights_holder", "registration", "licence", "work_id")] == ["R", "TX1", "L", "w"]
    assert (row["format"], row["encoding"]) == ("txt", "utf-8 (strict)")
    several = run("build", mixed, "--out", tmp_path / "more", "--title", "T")
    assert (several.returncode, "there are more" in several.stderr) == (2, True)
    wrong = run("build", mixed / "a.txt", "--out", tmp_path / "more", "--isbn", "123")
    assert (wrong.returncode, "'123' is no ISBN" in wrong.stderr) == (2, True)
    assert not (tmp_path / "more").exists()


def test_a_run_knows_what_the_index_knows_of_a_book(tmp_path):
    (tmp_path / "b.epub").write_bytes(as_epub(paragraphs_of(3)))
    provenance.build_index([tmp_path / "b.epub"], tmp_path / "index")
    pq.write_table(pa.table({"text": [" ".join(paragraphs_of(3)[:5])]}), tmp_path / "s.parquet")
    summary = provenance.scan([tmp_path / "s.parquet"], index=tmp_path / "index", db=tmp_path / "r.duckdb")
    assert summary.documents_matched == 1
    with duckdb.connect(tmp_path / "r.duckdb", read_only=True) as database:
        row = database.execute("SELECT isbn, year, publisher, language, licence, format, notes FROM edition").fetchone()
    assert row == ("9780306406157", "1999", "A House", "en", "CC0", "epub", [])


def test_adding_passes_over_what_is_there_and_keeps_every_outcome(mixed, tmp_path):
    provenance.build_index([mixed / "a.txt"], tmp_path / "index")
    result = run("add", tmp_path / "index", mixed)
    assert result.returncode == 3
    assert "same bytes as" in result.stderr
    sources = Index(tmp_path / "index").manifest["sources"]
    assert len(sources["failed"]) == 2
    assert str(mixed / "a.html") in sources["read"]


def test_a_link_to_a_directory_is_told_and_not_followed(tmp_path):
    (tmp_path / "books").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "books" / "a.txt").write_text("one two three")
    (tmp_path / "elsewhere" / "b.txt").write_text("four five six")
    (tmp_path / "books" / "link").symlink_to(tmp_path / "elsewhere")
    books, reading = read(tmp_path / "books")
    assert [book.edition_id for book in books] == ["a"]
    assert any(outcome.outcome == "skipped" and "not followed" in outcome.reason for outcome in reading.outcomes)


def test_an_answer_that_makes_no_sense_is_never_taken_for_the_next_file(tmp_path, monkeypatch):
    """What the process still had to say of the first file must not become the second's text."""
    books = [{"id": f"b{n}", "text": f"text of book {n}"} for n in range(50)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(book) + "\n" for book in books))
    (tmp_path / "b.txt").write_text("the second file")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]))
    monkeypatch.setattr(parsing, "READER", Role("tests.readers.garbler"))
    found, reading = read(tmp_path)
    assert [book.text for book in found if book.source.endswith("b.txt")] == [b"the second file"]
    assert [outcome.outcome for outcome in reading.outcomes] == ["failed", "read"]
    assert "gave an answer that makes no sense (Expected `int`, got `str`" in reading.outcomes[0].reason
