"""Every command does what its help says, and stays light until it must not."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.display.text import percent, safe
from tests.tools.command import run

BOOK = " ".join(f"word{(i * i) % 997} and{i % 89} then{i}" for i in range(2000))
WORDS = BOOK.split()


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    """A folder with an index, a shard and a finished run, all made by the command line."""
    folder = tmp_path_factory.mktemp("done")
    books = folder / "books"
    books.mkdir()
    (books / "one.txt").write_text(BOOK)
    (books / "two.txt").write_text(" ".join(f"other{i} thing{i % 83}" for i in range(3000)))
    (books / "works.csv").write_text("id,title,author\none,\"=cmd|' /C calc'!A0\",A\x1b[31m Writer\n")
    rows = {
        "id": ["=1+1", "clean", "\x1b]0;pwn\x07"],
        "text": [" ".join(WORDS[100:300]), "nothing here", "Intro. " + " ".join(WORDS[4000:4100]) + " The end."],
    }
    pq.write_table(pa.table(rows), folder / "shard.parquet")
    build = run("index", "build", books, "--out", folder / "index", "--metadata", books / "works.csv")
    assert build.returncode == 0, build.stderr
    scanned = run(
        "scan", folder / "shard.parquet", "--index", folder / "index", "--db", folder / "run.duckdb", "--json"
    )
    assert scanned.returncode == 0, scanned.stderr
    (folder / "summary.json").write_text(scanned.stdout)
    return folder


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['provenance', '--help']\n"
        "from provenance.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('numba', 'numpy', 'pyarrow', 'duckdb', 'datasketch', 'rich', 'tqdm') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "command", ["", "demo", "index", "index build", "index info", "index verify", "scan", "query", "export", "doctor"]
)
def test_every_command_has_help_with_an_example(command):
    result = run(*command.split(), "--help")
    assert result.returncode == 0
    assert "provenance " in result.stdout


def test_a_scan_finds_the_planted_passages_at_their_places(done):
    summary = json.loads((done / "summary.json").read_text())
    assert {
        "works",
        "documents_scanned",
        "documents_matched",
        "bytes_scanned",
        "seconds",
        "shards",
        "exceptions",
    } <= set(summary)
    assert (summary["documents_scanned"], summary["documents_matched"]) == (3, 2)
    assert [work["work_id"] for work in summary["works"]] == ["one"]
    result = run("export", done / "run.duckdb", "--what", "matches", "--format", "parquet", "--out", done / "m.parquet")
    assert result.returncode == 0
    rows = pq.read_table(done / "m.parquet").to_pylist()
    promised = "shard row doc_id doc_begin doc_end edition_id work_id title ref_begin ref_end matched_words identity"
    assert {*promised.split(), "longest_run"} <= set(rows[0])
    texts = pq.read_table(done / "shard.parquet")["text"].to_pylist()
    assert [row["row"] for row in rows] == [0, 2]
    for row, words in zip(rows, (WORDS[100:300], WORDS[4000:4100]), strict=True):
        assert texts[row["row"]].encode()[row["doc_begin"] : row["doc_end"]].decode() == " ".join(words)
        assert BOOK.encode()[row["ref_begin"] : row["ref_end"]].decode() == " ".join(words)
        assert (row["identity"], row["matched_words"], row["longest_run"]) == (1.0, len(words), len(words))


@pytest.mark.parametrize("what", ["matches", "works"])
@pytest.mark.parametrize("file_format", ["parquet", "csv", "jsonl"])
def test_every_export_is_reproducible(done, tmp_path, what, file_format):
    for name in ("a", "b"):
        result = run("export", done / "run.duckdb", "--what", what, "--format", file_format, "--out", tmp_path / name)
        assert result.returncode == 0, result.stderr
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_csv_holds_no_formula_and_terminals_get_no_escape(done, tmp_path):
    run("export", done / "run.duckdb", "--what", "matches", "--format", "csv", "--out", tmp_path / "m.csv")
    with (tmp_path / "m.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["doc_id"] == "'=1+1"
    assert rows[0]["title"].startswith("'=cmd")
    shown = run("query", done / "run.duckdb", "SELECT author, doc_id FROM match JOIN edition USING (edition_id)")
    again = run("scan", done / "shard.parquet", "--index", done / "index", "--db", tmp_path / "r.duckdb")
    assert "\x1b" not in shown.stdout + again.stdout + again.stderr
    assert "\\x1b[31m" in shown.stdout


def test_query_speaks_table_csv_and_json(done):
    sql = "SELECT work_id, grade FROM v_works ORDER BY work_id"
    assert "excerpts" in run("query", done / "run.duckdb", sql).stdout
    assert run("query", done / "run.duckdb", sql, "--format", "csv").stdout.splitlines()[0] == "work_id,grade"
    rows = json.loads(run("query", done / "run.duckdb", sql, "--format", "json").stdout)
    assert [row["work_id"] for row in rows] == ["one", "two"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELEC 1",
        "SELECT * FROM nowhere",
        "DELETE FROM match",
        "SELECT * FROM read_parquet('shard.parquet')",
        "",
        "ATTACH 'x'",
    ],
)
def test_query_refuses_what_it_must_in_one_line(done, sql):
    result = run("query", done / "run.duckdb", sql)
    assert result.returncode == 2, result.stdout
    assert len(result.stderr.strip().splitlines()) == 1


def test_info_and_verify_agree_with_the_build(done):
    info = json.loads(run("index", "info", done / "index", "--json").stdout)
    assert info["counts"]["editions"] == 2
    assert provenance.Index(done / "index").digest == info["digest"]
    assert run("index", "verify", done / "index").returncode == 0


def test_a_keyed_text_free_index_needs_its_key_and_gives_estimates(done, tmp_path):
    (tmp_path / "key").write_bytes(bytes(range(32)))
    out = tmp_path / "keyed"
    build = run("index", "build", done / "books", "--out", out, "--no-text", "--key-file", tmp_path / "key")
    assert build.returncode == 0
    assert not (out / "texts.zst").exists()
    scan = ["scan", done / "shard.parquet", "--index", out, "--db", tmp_path / "r.duckdb", "--json"]
    refused = run(*scan)
    assert refused.returncode == 2
    assert "--key-file" in refused.stderr
    summary = json.loads(run(*scan, "--key-file", tmp_path / "key").stdout)
    assert [(work["work_id"], work["estimated"]) for work in summary["works"]] == [("one", True)]


def test_a_banded_index_finds_the_long_passage(done, tmp_path):
    build = run("index", "build", done / "books", "--out", tmp_path / "banded", "--sketch", "banded", "--json")
    assert build.returncode == 0, build.stderr
    scan = ["scan", done / "shard.parquet", "--index", tmp_path / "banded", "--db", tmp_path / "r.duckdb", "--json"]
    summary = json.loads(run(*scan).stdout)
    assert summary["documents_matched"] >= 1


def test_text_made_safe_for_terminals():
    assert safe("a\x1b[31m\u202eb\r\x9b") == "a\\x1b[31m\\u202eb\\r\\x9b"
    assert safe("Émile — “quoted”") == "Émile — “quoted”"


def test_percentages_do_not_round_to_nothing_or_all():
    assert [percent(x) for x in (0, 0.0001, 0.5, 0.9999, 1)] == ["0.0 %", "<0.1 %", "50.0 %", ">99.9 %", "100.0 %"]
