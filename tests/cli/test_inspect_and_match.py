"""`provenance inspect` and `provenance match`, for people who just want to look."""

from __future__ import annotations

import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq

from tests.shards import formats
from tests.tools.command import run


def test_inspect_shows_format_columns_and_first_rows(rows, tmp_path):
    path = formats.parquet_chat(tmp_path, rows)
    done = run("inspect", path)
    assert done.returncode == 0, done.stderr
    assert "parquet" in done.stdout
    assert "20 rows" in done.stdout
    assert "3 row groups" in done.stdout
    assert "messages[].content" in done.stdout
    assert "row 0 (doc000), messages[1].content" in done.stdout


def test_inspect_tells_all_of_it_as_json(rows, tokenizer, tmp_path):
    trained, file = tokenizer
    found = json.loads(
        run("inspect", formats.megatron(tmp_path, rows, trained), "--tokenizer", file, "--rows", 2, "--json").stdout
    )
    assert (found["format"], found["rows"]) == ("megatron", 20)
    assert [row["text"] for row in found["sample"]] == [text[:400] for _, text in rows[:2]]
    assert found["sample"][0]["tokens"] == len(trained.encode(rows[0][1]).ids)
    assert found["columns"] == [{"name": "tokens", "type": "list<item: int64>", "holds": "token ids"}]


def test_inspect_says_what_is_missing_and_what_was_left_out(rows, tokenizer, tmp_path):
    (tmp_path / "d").mkdir()
    formats.token_parquet(tmp_path / "d", rows, tokenizer[0])
    (tmp_path / "d" / "notes.md").write_text("x")
    (tmp_path / "d" / "bad.parquet").write_bytes(b"PAR1 no more")
    done = run("inspect", tmp_path / "d")
    assert done.returncode == 3
    assert "token ids in input_ids and no text: pass --tokenizer" in done.stderr
    assert "not a shard: .md" in done.stderr
    assert "bad.parquet cannot be opened as Parquet" in done.stderr


def test_inspect_never_lets_text_reach_the_terminal_raw(tmp_path):
    pq.write_table(pa.table({"te\x1bxt": ["x"], "text": ["\x1b[2Jhidden\u202e"]}), tmp_path / "s.parquet")
    done = run("inspect", tmp_path / "s.parquet")
    assert "\x1b" not in done.stdout + done.stderr
    assert "\u202e" not in done.stdout
    assert "\\x1b[2Jhidden" in done.stdout


def test_match_shows_text_and_book_side_by_side_and_marks_what_differs(books, index, tmp_path):
    words = books["book1"].split()[100:160]
    words[20] = "CHANGED"
    done = run("match", "-", "--index", index, input="before it. " + " ".join(words) + " and behind")
    assert done.returncode == 0, done.stderr
    assert "1. book1" in done.stdout
    assert "[CHANGED" in done.stdout
    assert "1 passage of 1 work; the index has 3 works" in done.stdout


def test_match_as_json_has_every_offset(books, index, tmp_path):
    (tmp_path / "a.txt").write_text("x " + books["book2"][:600], encoding="utf-8")
    [line] = run("match", tmp_path / "a.txt", "--index", index, "--json").stdout.splitlines()
    match = json.loads(line)
    assert (match["edition_id"], match["doc_begin"], match["ref_begin"]) == ("book2", 2, 0)


def test_match_takes_a_book_of_any_format(books, index, tmp_path):
    page = "<html><body>" + "".join(f"<p>{part}</p>" for part in books["book0"][:3000].split(",\n")) + "</body></html>"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("page.html", page)
    done = run("match", tmp_path / "a.zip", "--index", index)
    assert done.returncode == 0, done.stderr
    assert "1. book0" in done.stdout


def test_match_without_a_match_says_so_and_bad_files_are_one_line(index, tmp_path):
    done = run("match", "-", "--index", index, input="nothing that any book has")
    assert (done.returncode, "0 passages of 0 works" in done.stdout) == (0, True)
    missing = run("match", tmp_path / "none.txt", "--index", index)
    assert (missing.returncode, len(missing.stderr.splitlines())) == (2, 1)
    (tmp_path / "bad.epub").write_bytes(b"no zip")
    bad = run("match", tmp_path / "bad.epub", "--index", index)
    assert (bad.returncode, len(bad.stderr.splitlines())) == (3, 1)


def test_match_reads_text_of_other_encodings_and_refuses_what_is_none(books, index, tmp_path):
    (tmp_path / "a.txt").write_bytes(books["book2"][:600].encode("utf-16"))
    assert "1. book2" in run("match", tmp_path / "a.txt", "--index", index).stdout
    (tmp_path / "b.txt").write_bytes(bytes(range(256)) * 20)
    assert run("match", tmp_path / "b.txt", "--index", index).returncode == 3
    assert run("match", "-", "--index", index, input="").returncode == 3
