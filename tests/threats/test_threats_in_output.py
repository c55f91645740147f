"""Text from data harms neither the spreadsheet that an export is opened with nor the terminal that shows it."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.index.building import build_index
from provenance.store.database import RunReader
from provenance.store.export import export
from tests.threats.running import in_terminal, outcomes, run, scan

FORMULAS = ["=1+1", "@SUM(A1:A9)", "+1", "-1", "\t=1+1", "\r=1+1", "\0=1+1", "＝1+1", "－1", '=cmd|"/C calc"!A0']
STARTS = tuple("=+-@\t\r\0＝＋－＠")
TITLE = "\x1b]0;pwned\x07 [red]Red[/red] \u202egpj.exe"
AUTHOR = "=HYPERLINK(1)"
ESCAPING = ["\x1b]0;pwned\x07.parquet", "a\rb.parquet", "[red]x[link=y].parquet", "\u202egnp.parquet"]
BROKEN = "\x1b[2Jbroken.parquet"
HIDDEN = "\x1b[8m\x9b2J\u202e\u2066\u200b\u00ad\u2061\U000e0041\ufe0f"  # put into the middle of a copied passage
OURS = re.compile("\x1b\\[[0-9;]*m|\x1b\\[A|\r\n")  # colours, what moves the progress bar, ends of lines


@pytest.fixture(scope="module")
def spread(books, tmp_path_factory) -> Path:
    """A run in which titles, authors, names of files, ids and texts are all made to harm who looks at them."""
    folder = tmp_path_factory.mktemp("output")
    (folder / "book.txt").write_text(books["book0"])
    with (folder / "works.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "title", "author"], ["book", TITLE, AUTHOR]])
    build_index([folder / "book.txt"], folder / "index", metadata=folder / "works.csv")
    (folder / "shards").mkdir()
    passage = books["book0"][500:1500]
    text = passage[:500] + HIDDEN + passage[500:]
    for name in ESCAPING:
        table = pa.table({"id": FORMULAS, "text": [text] * len(FORMULAS)})
        pq.write_table(table, folder / "shards" / name)
    (folder / "shards" / BROKEN).write_text("no shard")
    (folder / "page.txt").write_text(text)
    code, _ = scan(folder / "shards", index=folder / "index", db=folder / "r.duckdb")
    assert code == 3
    assert {name: outcome for name, (outcome, _) in outcomes(folder / "r.duckdb").items()} == {
        **dict.fromkeys(ESCAPING, "scanned"),
        BROKEN: "failed",
    }
    return folder


def exported(folder: Path, what: str, form: str) -> Path:
    out = folder / f"{what}.{form}"
    with RunReader(folder / "r.duckdb") as reader:
        export(reader, what, form, out)
    return out


def test_a_csv_formula_is_exported_as_text_and_its_raw_value_stays_in_json_lines(spread):
    out = spread / "by command.csv"
    assert run("export", spread / "r.duckdb", "--what", "matches", "--format", "csv", "--out", out).returncode == 0
    tables = [out.read_bytes().decode(), exported(spread, "works", "csv").read_text()]
    tables.append(run("query", spread / "r.duckdb", "SELECT doc_id FROM match", "--format", "csv").stdout)
    for table in tables:
        cells = [cell for row in csv.reader(io.StringIO(table, newline="")) for cell in row]
        assert not [cell for cell in cells if cell.startswith(STARTS)]
        assert max(map(len, cells)) < 32_767  # what a cell of Excel holds
    assert f"'{AUTHOR}" in tables[1]
    raw = [json.loads(line) for line in exported(spread, "matches", "jsonl").read_text().splitlines()]
    assert {row["doc_id"] for row in raw} == set(FORMULAS)


LOOKS = {
    "scan": ("shards", "--index", "index", "--db", "again.duckdb", "--overwrite"),
    "inspect": ("shards",),
    "match": ("page.txt", "--index", "index"),
    "query": ("r.duckdb", "SELECT shard, doc_id, title, excerpt FROM match JOIN edition USING (edition_id)"),
    "query as csv": ("r.duckdb", "SELECT shard, doc_id, title, excerpt FROM match JOIN edition USING (edition_id)"),
    "index": ("build", "book.txt", "--metadata", "works.csv", "--out", "again", "--overwrite"),
}


@pytest.mark.parametrize("command", LOOKS)
def test_terminal_escapes_and_invisible_characters_are_shown_and_not_obeyed(command, spread):
    arguments = [spread / a if (spread / a).exists() or "again" in a else a for a in LOOKS[command]]
    form = ["--format", "csv"] if command == "query as csv" else []
    shown = in_terminal(command.split()[0], *arguments, *form)
    left = OURS.sub("", shown)
    if command in ("scan", "index"):
        left = left.replace("\r", "")  # the progress bar goes back to the begin of its line
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe0f\U000e0041]", left
    )
    if command != "index":
        assert "[red]" in shown  # Rich's markup is no markup here
        assert "\\x1b" in shown


def test_an_argument_that_escapes_is_shown_and_not_obeyed(tmp_path):
    for arguments in (["scan", "\x1b]0;p\x07"], ["scan", "x", "--\x1b]0;p\x07"]):
        shown = OURS.sub("", in_terminal(*arguments))
        assert shown
        assert "\x1b" not in shown
        assert "\x07" not in shown


def test_bidi_marks_are_kept_in_what_is_exported_byte_for_byte(spread):
    excerpts = pq.read_table(exported(spread, "matches", "parquet"))["excerpt"].to_pylist()
    assert excerpts
    assert all(HIDDEN in excerpt for excerpt in excerpts)
