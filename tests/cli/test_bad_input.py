"""Bad input, each with one clear line and the exit code of the house: 2 usage, 3 incomplete, 130 interrupted."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.tools.command import COMMAND, run

BOOK = " ".join(f"word{(i * i) % 997} and{i % 89} then{i}" for i in range(2000))
PASSAGE = " ".join(BOOK.split()[600:800])


def one_line(text: str) -> str:
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    assert "Traceback" not in text
    return lines[0]


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("books")
    (folder / "book.txt").write_text(BOOK)
    result = run("index", "build", folder, "--out", folder / "index")
    assert result.returncode == 0, result.stderr
    return folder / "index"


@pytest.fixture
def good(tmp_path) -> Path:
    path = tmp_path / "good.parquet"
    pq.write_table(pa.table({"id": ["a", "b"], "text": [PASSAGE, "nothing of note"]}), path)
    return path


def scan(*shards: object, index: Path, db: Path, **options) -> subprocess.CompletedProcess[str]:
    return run("scan", *shards, "--index", index, "--db", db, "--json", **options)


def check_incomplete(result: subprocess.CompletedProcess[str], *words: str) -> dict:
    """Exit code 3, the trouble in `exceptions`, and the good shard done all the same."""
    assert result.returncode == 3, result.stderr
    summary = json.loads(result.stdout)
    assert summary["documents_matched"] >= 1
    reasons = [problem["reason"] for problem in summary["exceptions"]]
    assert len(reasons) == 1, reasons
    for word in words:
        assert word in reasons[0]
    assert "\n" not in reasons[0]
    assert f"not scanned: {reasons[0]}" in result.stderr
    assert "incomplete" in result.stderr
    return summary


def test_a_shard_that_is_no_parquet_is_named_and_the_rest_is_finished(index, good, tmp_path):
    bad = tmp_path / "bad.parquet"
    bad.write_text("this is no parquet file " * 20)
    summary = check_incomplete(scan(bad, good, index=index, db=tmp_path / "r.duckdb"), "bad.parquet", "Parquet")
    assert summary["shards"] == {"scanned": 1, "partial": 0, "failed": 1, "skipped": 0}


def test_a_truncated_shard_is_named(index, good, tmp_path):
    bad = tmp_path / "cut.parquet"
    bad.write_bytes(good.read_bytes()[:-100])
    check_incomplete(scan(bad, good, index=index, db=tmp_path / "r.duckdb"), "cut.parquet")


def test_a_shard_without_text_column_is_told_what_columns_there_are(index, good, tmp_path):
    bad = tmp_path / "columns.parquet"
    pq.write_table(pa.table({"number": [1], "essay": ["some words"]}), bad)
    result = scan(bad, good, index=index, db=tmp_path / "r.duckdb")
    check_incomplete(result, "columns.parquet", "number", "essay", "--text-column")


def test_an_empty_file_is_named(index, good, tmp_path):
    (tmp_path / "empty.parquet").touch()
    check_incomplete(scan(tmp_path, index=index, db=tmp_path / "r.duckdb"), "empty.parquet", "0 bytes")


def test_a_damaged_page_costs_only_its_row_group(index, tmp_path):
    path = tmp_path / "flipped.parquet"
    with pq.ParquetWriter(
        path, pa.schema([("text", pa.string())]), use_dictionary=False, write_page_checksum=True
    ) as writer:
        for number in range(3):
            writer.write_table(pa.table({"text": [f"row {number} " + PASSAGE] * 10}))
    data = bytearray(path.read_bytes())
    chunk = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data[chunk.data_page_offset + chunk.total_compressed_size - 40] ^= 1  # in the page, behind its header
    path.write_bytes(data)
    summary = check_incomplete(scan(path, index=index, db=tmp_path / "r.duckdb"), "row group 1")
    assert summary["documents_scanned"] == 20
    assert summary["shards"]["partial"] == 1


def test_a_glob_that_matches_nothing_is_a_usage_error(index, tmp_path):
    result = scan(tmp_path / "*.parquet", index=index, db=tmp_path / "r.duckdb")
    assert result.returncode == 2
    assert "no file matches" in one_line(result.stderr)
    assert not (tmp_path / "r.duckdb").exists()


def test_a_directory_without_shards_is_no_clean_bill(index, tmp_path):
    (tmp_path / "notes.md").write_text("hello")
    result = scan(tmp_path, index=index, db=tmp_path / "r.duckdb")
    assert result.returncode == 3
    assert json.loads(result.stdout)["shards"]["skipped"] == 1


@pytest.mark.parametrize(("name", "expected"), [("nowhere", "no index at"), ("index.json", "no index at")])
def test_a_missing_index_is_told_how_to_build_one(index, good, tmp_path, name, expected):
    result = scan(good, index=index / name, db=tmp_path / "r.duckdb")
    assert result.returncode == 2
    assert expected in one_line(result.stderr)
    assert "provenance index build" in result.stderr


def damaged(index: Path, folder: Path, name: str) -> Path:
    copy = folder / "damaged"
    shutil.copytree(index, copy)
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    return copy


@pytest.mark.parametrize(
    "name", ["fingerprints.u32", "postings.u32", "filter.u64", "texts.zst", "editions.parquet", "index.json"]
)
def test_one_flipped_byte_in_the_index_stops_the_scan(index, good, tmp_path, name):
    result = scan(good, index=damaged(index, tmp_path, name), db=tmp_path / "r.duckdb")
    assert result.returncode == 3, result.stderr
    assert name in one_line(result.stderr)
    assert "damaged" in result.stderr
    assert not (tmp_path / "r.duckdb").exists()


def test_an_index_of_another_format_version_is_refused(index, good, tmp_path):
    copy = tmp_path / "other"
    shutil.copytree(index, copy)
    manifest = json.loads((copy / "index.json").read_text())
    manifest["format_version"] = 99
    (copy / "index.json").write_text(json.dumps(manifest))
    result = scan(good, index=copy, db=tmp_path / "r.duckdb")
    assert result.returncode == 2
    assert "format 99" in one_line(result.stderr)


def test_a_directory_in_place_of_the_database_is_refused(index, good, tmp_path):
    result = scan(good, index=index, db=tmp_path)
    assert result.returncode == 2
    assert "is a directory" in one_line(result.stderr)


def test_a_directory_in_place_of_a_key_or_metadata_file_is_refused(index, good, tmp_path):
    for arguments in (
        ["scan", good, "--index", index, "--db", tmp_path / "r.duckdb", "--key-file", tmp_path],
        ["index", "build", good, "--out", tmp_path / "i", "--metadata", tmp_path],
        ["query", tmp_path, "SELECT 1"],
    ):
        result = run(*arguments)
        assert result.returncode == 2
        assert str(tmp_path) in one_line(result.stderr)


def test_an_unwritable_database_path_is_refused_before_scanning(index, good, tmp_path):
    result = scan(good, index=index, db=tmp_path / "no" / "such" / "folder" / "r.duckdb")
    assert result.returncode == 2
    assert "no directory" in one_line(result.stderr)
    result = scan(good, index=index, db=Path("/proc/r.duckdb"))
    assert result.returncode == 2
    assert "/proc/r.duckdb" in one_line(result.stderr)


def test_a_database_that_another_process_holds_is_refused(index, good, tmp_path):
    db = tmp_path / "r.duckdb"
    code = f"import duckdb, time; con = duckdb.connect({str(db)!r}); print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        result = run("scan", good, "--index", index, "--db", db, "--overwrite")
        assert result.returncode == 2
        assert "held by another process" in one_line(result.stderr)
        result = run("query", db, "SELECT 1")
        assert result.returncode == 2
        assert "lock" in one_line(result.stderr)
    finally:
        holder.kill()
        holder.wait()


def test_an_existing_database_of_another_run_is_not_overwritten_unasked(index, good, tmp_path):
    db = tmp_path / "r.duckdb"
    assert scan(good, index=index, db=db).returncode == 0
    shutil.rmtree(f"{db}.units")
    before = db.read_bytes()
    result = run("scan", good, "--index", index, "--db", db, "--min-words", 30)
    assert result.returncode == 2
    assert "--overwrite" in one_line(result.stderr)
    assert db.read_bytes() == before


def test_the_same_output_with_other_arguments_is_refused_with_what_differs(index, good, tmp_path):
    db = tmp_path / "r.duckdb"
    assert scan(good, index=index, db=db).returncode == 0
    before = db.read_bytes()
    result = run("scan", good, good.parent, "--index", index, "--db", db, "--min-words", 30)
    assert result.returncode == 2
    told = one_line(result.stderr)
    assert "--min-words was 25, now 30" in told
    assert "what is scanned was" in told
    assert db.read_bytes() == before
    assert run("scan", good, "--index", index, "--db", db, "--min-words", 30, "--overwrite").returncode == 0


def test_a_database_that_is_no_run_is_refused(tmp_path):
    duckdb.connect(str(tmp_path / "other.duckdb")).close()
    (tmp_path / "text.duckdb").write_text("hello")
    for name in ("other.duckdb", "text.duckdb", "missing.duckdb"):
        result = run("query", tmp_path / name, "SELECT 1")
        assert result.returncode == 2
        one_line(result.stderr)


def test_invalid_utf8_in_a_binary_column_is_scanned_and_counted(index, tmp_path):
    path = tmp_path / "binary.parquet"
    text = PASSAGE.encode()
    pq.write_table(pa.table({"text": pa.array([text[:300] + b"\xff\xfe " + text[300:], b"\x80"], pa.binary())}), path)
    result = scan(path, index=index, db=tmp_path / "r.duckdb")
    assert result.returncode == 0
    summary = json.loads(result.stdout)
    assert summary["invalid_documents"] == 2
    assert summary["documents_matched"] == 1


def test_a_null_row_is_counted_and_moves_no_row_number(index, tmp_path):
    path = tmp_path / "nulls.parquet"
    pq.write_table(pa.table({"text": [None, PASSAGE, None]}), path)
    result = scan(path, index=index, db=tmp_path / "r.duckdb")
    assert result.returncode == 0
    assert json.loads(result.stdout)["nulls"] == 2
    rows = json.loads(run("query", tmp_path / "r.duckdb", 'SELECT "row" FROM match', "--format", "json").stdout)
    assert rows == [{"row": 1}]
    shown = run("scan", path, "--index", index, "--db", tmp_path / "s.duckdb")
    assert "2 rows without text (null)" in shown.stdout


@pytest.mark.slow
def test_a_row_of_300_mb_is_named_and_the_other_rows_are_scanned(index, tmp_path):
    path = tmp_path / "huge.parquet"
    schema = pa.schema([("id", pa.string()), ("text", pa.large_string())])
    table = pa.table({"id": ["a", "huge", "c"], "text": [PASSAGE, "many words " * 27_300_000, PASSAGE]}, schema=schema)
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    del table
    result = scan(path, index=index, db=tmp_path / "r.duckdb")
    summary = check_incomplete(result, "row 1", "300300000 bytes", "--max-row-bytes")
    assert summary["documents_scanned"] == 2
    assert summary["documents_matched"] == 2


def test_ctrl_c_ends_within_seconds_and_leaves_nothing(index, tmp_path):
    path = tmp_path / "long.parquet"
    filler = [f"{i} " + "unrelated words of no book at all " * 4000 for i in range(4000)]
    pq.write_table(pa.table({"text": filler}), path)
    command = [*COMMAND, "scan", str(path), "--index", str(index), "--db", str(tmp_path / "r.duckdb"), "--workers", "1"]
    scanning = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "r.duckdb.partial").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.3)
    scanning.send_signal(signal.SIGINT)
    pressed = time.monotonic()
    _, complaint = scanning.communicate(timeout=30)
    assert scanning.returncode == 130
    assert time.monotonic() - pressed < 5
    assert "interrupted" in one_line(complaint)
    assert sorted(path.name for path in tmp_path.iterdir()) in (["long.parquet"], ["long.parquet", "r.duckdb.units"])


@pytest.mark.parametrize("kills", [1, 2])
def test_a_killed_worker_costs_at_most_its_unit_and_that_only_the_second_time(index, good, tmp_path, kills):
    """The process that parses is killed from outside; another takes its place, and the run says what is missing."""
    path = tmp_path / "long.parquet"
    pq.write_table(pa.table({"text": [f"{i} " + "unrelated words of no book " * 4000 for i in range(1500)]}), path)
    command = [*COMMAND, "scan", str(path), str(good), "--index", str(index), "--db", str(tmp_path / "r.duckdb")]
    command += ["--unit-size", "1GB", "--workers", "1", "--json"]
    scanning = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    opened, killed = dict[int, float](), set[int]()
    while len(killed) < kills and time.monotonic() < deadline:
        for child in psutil.Process(scanning.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if child.pid not in killed and str(path) in [file.path for file in child.open_files()]:
                    used = child.cpu_times().user
                    # a kill of the look into the shard before would cost that look and not the unit
                    if used > opened.setdefault(child.pid, used) + 0.2:
                        child.kill()
                        killed.add(child.pid)
        time.sleep(0.01)
    out, _ = scanning.communicate(timeout=60)
    assert len(killed) == kills
    assert scanning.returncode == (0 if kills == 1 else 3)
    summary = json.loads(out)
    assert summary["documents_matched"] == 1
    assert [("twice (signal 9)" in problem["reason"]) for problem in summary["exceptions"]] == [True] * (kills - 1)


@pytest.mark.parametrize(
    "arguments",
    [["scan"], ["scan", "x", "--index", "y"], ["frobnicate"], ["index", "build"], ["scan", "x", "--workers", "many"]],
)
def test_wrong_usage_exits_with_2_and_no_traceback(arguments):
    result = run(*arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_zero_workers_or_words_are_refused(index, good, tmp_path):
    for option in ("--workers", "--min-words"):
        result = run("scan", good, "--index", index, "--db", tmp_path / "r.duckdb", option, "0")
        assert result.returncode == 2
        assert option in one_line(result.stderr)


def test_overwrite_replaces_runs_and_nothing_else(index, good, tmp_path):
    """Neither a table of somebody's, nor the very shard."""
    (tmp_path / "table.csv").write_text("a,b\n")
    before = good.read_bytes()
    for place in (tmp_path / "table.csv", good):
        done = run("scan", good, "--index", index, "--db", place, "--overwrite")
        assert done.returncode == 2
        assert "is no run database" in one_line(done.stderr)
    assert (tmp_path / "table.csv").read_text() == "a,b\n"
    assert good.read_bytes() == before


def test_a_run_is_not_exported_over_itself(index, good, tmp_path):
    db = tmp_path / "r.duckdb"
    assert run("scan", good, "--index", index, "--db", db).returncode == 0
    done = run("export", db, "--what", "works", "--format", "csv", "--out", db)
    assert done.returncode == 2
    assert run("query", db, "SELECT 1").returncode == 0


def test_a_name_that_is_no_text_is_told_and_the_rest_is_scanned(index, good, tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    (folder / "good.parquet").write_bytes(good.read_bytes())
    with open(os.fsencode(folder) + b"/b\xff.parquet", "wb") as file:  # noqa: PTH123
        file.write(good.read_bytes())
    done = run("scan", folder, "--index", index, "--db", tmp_path / "r.duckdb")
    assert done.returncode == 3
    assert "its name is no UTF-8" in done.stderr
    assert "1 scanned, 1 failed" in done.stdout
    assert "its name is no UTF-8" in run("inspect", folder).stderr


def test_a_name_that_is_too_long_is_one_line(index, tmp_path):
    for command in (["inspect", "x" * 300], ["scan", "x" * 300, "--index", index, "--db", tmp_path / "r.duckdb"]):
        done = run(*command)
        assert done.returncode == 2
        one_line(done.stderr)
