"""Decoys and background, from the command line: what they change, what the record says, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.store.database import RunReader
from tests.shards.fixtures import prose
from tests.tools.command import run

NOTICE = prose(99, 80)  # printed in every newspaper, and in one of the books
BOOK, OTHER, UNPUBLISHED = f"{prose(1, 2000)} {NOTICE} {prose(2, 2000)}", prose(3, 3000), prose(4, 3000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("decoys")
    for place, texts in {
        "books": {"book": BOOK, "other": OTHER},
        "unpublished": {f"draft {n}": prose(50 + n, 1500) for n in range(9)} | {"leaked": UNPUBLISHED},
    }.items():
        (folder / place).mkdir()
        for name, text in texts.items():
            (folder / place / f"{name}.txt").write_text(text)
    rows = [f"{prose(10, 50)} {NOTICE} {prose(11, 50)}", " ".join(BOOK.split()[500:700]), prose(12, 200)]
    pq.write_table(pa.table({"id": ["notice", "copy", "clean"], "text": rows}), folder / "shard.parquet")
    news = [f"{prose(1000 + n, 200)} {NOTICE if n < 5 else ''}" for n in range(20)]
    news += [" ".join(BOOK.split()[:1000])]  # a copy of a book in the background is one document, and no ordinary text
    pq.write_table(pa.table({"text": news}), folder / "news.parquet", row_group_size=6)
    built = run("index", "build", folder / "books", "--out", folder / "index")
    assert built.returncode == 0, built.stderr
    return folder


def scan(folder: Path, name: str, *options: object, index: str = "index") -> tuple[dict, Path]:
    db = folder / f"{name}.duckdb"
    done = run("scan", folder / "shard.parquet", "--index", folder / index, "--db", db, "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), db


def documents(db: Path) -> list[str]:
    with RunReader(db) as reader:
        return [row["doc_id"] for row in reader.query("SELECT DISTINCT doc_id FROM match ORDER BY doc_id")]


def test_text_that_is_common_in_the_background_is_not_held_against_a_book(folder):
    _, plain = scan(folder, "plain")
    assert documents(plain) == ["copy", "notice"]
    _, discounted = scan(folder, "discounted", "--background", folder / "news.parquet")
    assert documents(discounted) == ["copy"]
    with RunReader(discounted) as reader:
        (record,) = reader.query("SELECT background FROM run")
        (shard,) = reader.query("SELECT common_fingerprints, common_passages FROM shard")
    record = json.loads(record["background"])
    assert record["documents"] == 21
    words = len(NOTICE.split())
    assert words - 10 <= record["fingerprints"] <= words - 4  # shingles of the notice, and none of the copied book
    assert len(record["files"][0]["sha256"]) == 64
    assert shard["common_fingerprints"] > 0


def test_background_does_not_depend_on_how_it_is_cut_or_scanned(folder):
    table = pq.read_table(folder / "news.parquet")
    parts = folder / "parts"
    parts.mkdir()
    for number in range(3):
        pq.write_table(table.slice(number * 7, 7), parts / f"{number}.parquet")
    records = []
    for name, options in (
        ("one", ["--background", folder / "news.parquet", "--workers", 1]),
        ("two", ["--background", parts / "2.parquet", "--background", parts, "--workers", 2]),
    ):
        _, db = scan(folder, name, *options)
        with RunReader(db) as reader:
            records.append(json.loads(reader.query("SELECT background FROM run")[0]["background"])["xxh3_128"])
    assert records[0] == records[1]


def test_a_copy_of_a_book_in_the_background_counts_once_however_the_file_is_stored(folder):
    """Rows that repeat one another are read as a dictionary, whose values every batch of rows has."""
    texts = [" ".join(BOOK.split()[500:1500]), *(prose(2000 + n % 3, 200) for n in range(5000))]
    for name, dictionary in (("repeating", True), ("unrepeating", False)):
        path = folder / f"{name}_news.parquet"
        pq.write_table(pa.table({"text": texts}), path, use_dictionary=dictionary)
        _, db = scan(folder, name, "--background", path)
        assert "copy" in documents(db)
        with RunReader(db) as reader:
            record = json.loads(reader.query("SELECT background FROM run")[0]["background"])
        assert (record["fingerprints"], record["documents"]) == (0, 5001)


@pytest.mark.parametrize("missing", ["nothing.parquet", "books", "shard.txt"])
def test_background_that_cannot_be_learned_is_an_error(folder, missing):
    (folder / "shard.txt").write_text("no Parquet")
    done = run(
        "scan", folder / "shard.parquet", "--index", folder / "index", "--db", folder / "bad.duckdb",
        "--background", folder / missing,
    )  # fmt: skip
    assert done.returncode in (2, 3)
    assert "background" in done.stderr or "no such file" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(folder.glob("bad.duckdb*"))


def test_decoys_that_do_not_match_bound_the_rate_of_errors(folder):
    (folder / "drafts").mkdir()
    for path in (folder / "unpublished").glob("draft*"):
        (folder / "drafts" / path.name).write_bytes(path.read_bytes())
    (folder / "drafts" / "empty.txt").touch()  # cannot match, so that it did not proves nothing
    summary, db = scan(folder, "clean", "--decoys", folder / "drafts")
    assert (summary["decoys"]["works"], summary["decoys"]["too_short"]) == (9, 1)
    assert summary["decoys"]["matched"] == 0
    assert summary["decoys"]["upper95"] == pytest.approx(1 - 0.05 ** (1 / 9))
    assert [work["work_id"] for work in summary["works"]] == ["book"]
    assert summary["works_without_match"] == 1  # decoys are no works that were looked for
    assert not [path for path in folder.iterdir() if path.name.endswith(".decoys")]
    with RunReader(db) as reader:
        (record,) = reader.query("SELECT decoys, index_path FROM run")
        assert json.loads(record["decoys"])["matched"] == 0
        assert record["index_path"] == str(folder / "index")
        assert reader.query("SELECT count(*) AS n FROM work WHERE decoy")[0]["n"] == 10


def test_decoys_in_the_index_are_counted_when_they_match_and_never_listed_as_works(folder):
    built = run("index", "build", folder / "books", "--decoys", folder / "unpublished", "--out", folder / "with")
    assert built.returncode == 0, built.stderr
    pq.write_table(pa.table({"id": ["leak"], "text": [UNPUBLISHED]}), folder / "leak.parquet")
    done = run("scan", folder / "leak.parquet", "--index", folder / "with", "--db", folder / "leak.duckdb")
    assert "1 of 10 decoys matched" in done.stdout
    assert "0 works found" in done.stdout
    with RunReader(folder / "leak.duckdb") as reader:
        (row,) = reader.query("SELECT work_id, decoy, grade FROM v_works WHERE documents > 0")
    assert row == {"work_id": "leaked", "decoy": True, "grade": "complete"}


def test_decoys_added_to_an_index_give_what_building_with_them_gives(folder):
    assert run("index", "build", folder / "books", "--out", folder / "grown").returncode == 0
    added = run("index", "add", folder / "grown", "--decoys", folder / "unpublished")
    assert added.returncode == 0, added.stderr
    assert (
        run("index", "build", folder / "books", "--decoys", folder / "unpublished", "--out", folder / "once").returncode
        == 0
    )
    digests = [json.loads((folder / name / "index.json").read_text())["digest"] for name in ("grown", "once")]
    assert digests[0] == digests[1]
    assert run("index", "add", folder / "grown").returncode == 2


def test_a_decoy_that_is_an_edition_of_an_indexed_work_is_refused(folder):
    (folder / "copies").mkdir()
    (folder / "copies" / "copy of other.txt").write_text(OTHER)
    for arguments in (
        ("index", "build", folder / "books", "--decoys", folder / "copies", "--out", folder / "refused"),
        ("scan", folder / "shard.parquet", "--index", folder / "index", "--db", folder / "r.duckdb",
         "--decoys", folder / "copies"),
    ):  # fmt: skip
        done = run(*arguments)
        assert done.returncode == 3
        assert "it is no decoy" in done.stderr
        assert "Traceback" not in done.stderr
    assert not (folder / "refused").exists()
    assert not list(folder.glob("r.duckdb*"))
