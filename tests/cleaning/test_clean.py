"""Shards without what was found: what goes, what stays as it was, and that what stays is clean."""

from __future__ import annotations

import json
import os
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.cleaning.selection import Selection
from provenance.cleaning.shards import Wanted, clean, clean_into
from provenance.errors import OtherRunError, UsageError
from provenance.runs.engine import Watch
from provenance.runs.request import Request
from provenance.runs.scan import scan
from provenance.store.database import RunReader
from provenance.store.journal import ALLOW, Author, append
from provenance.text.reference import words
from provenance.units.config import ScanConfig
from provenance.units.cutting import Share
from tests.cleaning.making import layout, lines_of, read_lines, table_of, write_lines, write_parquet

ALL = Selection(grade="quotation")
MARKER = "[removed]"


def cleaned(db, out, mode, selection=ALL, **more):
    request = Request((), "", workers=1)
    return clean_into(db, Wanted(mode, str(out), selection, request=request, **more))


@pytest.fixture(scope="module")
def source(rows, index, tmp_path_factory):
    """Two Parquet shards in folders of their own, one that nothing is in, and three of JSON lines."""
    folder = tmp_path_factory.mktemp("clean") / "data"
    write_parquet(folder / "a" / "train-0.parquet", table_of(rows), compression="zstd")
    write_parquet(
        folder / "b" / "train-0.parquet",
        table_of(rows[::-1]),
        5,
        compression={"text": "gzip", "id": "none"}
        | dict.fromkeys(("score", "tags.list.element", "meta.lang", "meta.n", "when"), "snappy"),
        use_dictionary=["id"],
        version="1.0",
        write_page_index=True,
        store_schema=False,
    )
    write_parquet(folder / "b" / "none.parquet", table_of([row for row in rows[:1] for _ in range(9)]))
    data = b"\xef\xbb\xbf" + b"\r\n".join(lines_of(rows)) + b"\n\n   \n"
    write_lines(folder / "c.jsonl", data)
    write_lines(folder / "c.jsonl.gz", b"\n".join(lines_of(rows, ascii_only=False)))
    write_lines(folder / "c.jsonl.zst", b"\n".join(lines_of(rows)) + b"\n")
    db = folder.parent / "run.duckdb"
    assert scan([folder], index, db, workers=1).complete
    return folder, db


def found_rows(db) -> dict[str, Counter]:
    """By shard, the rows with any match, as a plain query has them."""
    with RunReader(db) as run:
        rows = run.query('SELECT shard, "row", count(*) AS n FROM match GROUP BY ALL')
    found: dict[str, Counter] = {}
    for row in rows:
        found.setdefault(os.path.relpath(row["shard"]), Counter())[row["row"]] = row["n"]
    return found


def test_dropped_rows_are_gone_and_all_others_are_as_they_were(source, tmp_path):
    folder, db = source
    summary = cleaned(db, tmp_path / "out", "drop")
    gone = {name: set(rows) for name, rows in found_rows(db).items()}
    for path in sorted(folder.rglob("*.parquet")):
        there, new = pq.read_table(path), pq.read_table(tmp_path / "out" / path.relative_to(folder))
        keep = [n for n in range(there.num_rows) if n not in gone.get(os.path.relpath(path), ())]
        assert new.equals(there.take(keep), check_metadata=True)
        assert len(keep) < there.num_rows or path.name == "none.parquet"
    for path in sorted(folder.glob("*.jsonl*")):
        lines = read_lines(path).split(b"\n")
        kept = [line for n, line in enumerate(lines) if n not in gone[os.path.relpath(path)]]
        expected = b"\n".join(kept)
        if path.suffix == ".gz":  # whose last line, without an end, is dropped: the end of the one before stays
            expected += b"\n" * (len(lines) - 1 in gone[os.path.relpath(path)])
        assert read_lines(tmp_path / "out" / path.relative_to(folder)) == expected
    assert summary.complete
    assert summary.again.works == []
    assert summary.again.documents_matched == 0


def test_layout_and_metadata_stay(source, tmp_path):
    folder, db = source
    cleaned(db, tmp_path / "out", "mask", check=False)
    paths = sorted(folder.rglob("*.parquet"))
    assert paths
    for path in paths:
        assert layout(tmp_path / "out" / path.relative_to(folder)) == layout(path)


def test_a_shard_in_which_nothing_is_selected_is_the_same_file(source, tmp_path):
    folder, db = source
    summary = clean(db, tmp_path / "out", "drop", grade="quotation", check=False, workers=1)
    assert (tmp_path / "out" / "b" / "none.parquet").read_bytes() == (folder / "b" / "none.parquet").read_bytes()
    assert summary.counts["copied"] == 1


def test_masks_replace_just_the_words_that_matched(source, tmp_path):
    folder, db = source
    summary = cleaned(db, tmp_path / "out", "mask")
    with RunReader(db) as run:
        places = run.query('SELECT shard, "row", doc_begin, doc_end FROM match ORDER BY shard, "row", doc_begin')
    assert summary.again.works == []
    assert summary.counts["spans"] == len(places)
    for path in [*sorted(folder.rglob("*.parquet")), *sorted(folder.glob("*.jsonl*"))]:
        here = [p for p in places if os.path.relpath(p["shard"]) == os.path.relpath(path)]
        texts, new = (texts_in(file) for file in (path, tmp_path / "out" / path.relative_to(folder)))
        assert texts.keys() == new.keys()
        for row, text in texts.items():
            spans = [(p["doc_begin"], p["doc_end"]) for p in here if p["row"] == row]
            assert new[row] == expected_mask(text.encode(), spans).decode(), (path, row)
            left = [word.folded for word in words(new[row].encode())]
            before = [word for word in words(text.encode()) if not any(b <= word.begin < e for b, e in spans)]
            assert [word for word in left if word != b"removed"] == [word.folded for word in before]


def texts_in(path):
    if path.suffix == ".parquet":
        return dict(enumerate(pq.read_table(path)["text"].to_pylist()))
    lines = read_lines(path).removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return {n: json.loads(line)["text"] for n, line in enumerate(lines) if line.strip()}


def expected_mask(text: bytes, spans) -> bytes:
    for begin, end in sorted(spans, reverse=True):
        text = text[:begin] + MARKER.encode() + text[end:]
    return text


def test_what_of_a_json_line_is_not_masked_stays_byte_for_byte(source, tmp_path):
    folder, db = source
    cleaned(db, tmp_path / "out", "mask", check=False)
    paths = sorted(folder.glob("*.jsonl*"))
    assert paths
    for path in paths:
        old, new = read_lines(path).split(b"\n"), read_lines(tmp_path / "out" / path.name).split(b"\n")
        rows = found_rows(db)[os.path.relpath(path)]
        assert len(old) == len(new)
        for n, (line, other) in enumerate(zip(old, new, strict=True)):
            assert (line == other) == (n not in rows)
            pieces = other.split(MARKER.encode())
            assert line.startswith(pieces[0])
            assert line.endswith(pieces[-1])


def test_annotations_say_what_the_run_says(source, tmp_path):
    folder, db = source
    summary = cleaned(db, tmp_path / "out", "annotate")
    assert summary.again is None
    with RunReader(db) as run:
        rows = {
            (os.path.relpath(row["shard"]), row["row"]): row
            for row in run.query('SELECT shard, "row", matched_words, works FROM v_documents')
        }
    for path in sorted(folder.rglob("*.parquet")):
        old, new = pq.read_table(path), pq.read_table(tmp_path / "out" / path.relative_to(folder))
        assert new.select(old.column_names).cast(old.schema).equals(old)
        if path.name == "train-0.parquet":
            features = json.loads(new.schema.metadata[b"huggingface"])["info"]["features"]
            assert list(features) == ["id", "text", *[name for name in new.column_names if name.startswith("prov_")]]
        for n, row in enumerate(new.to_pylist()):
            check_annotations(row, old["text"][n].as_py(), rows.get((os.path.relpath(path), n)))
    for path in sorted(folder.glob("*.jsonl*")):
        old = read_lines(path).removeprefix(b"\xef\xbb\xbf").split(b"\n")
        new = read_lines(tmp_path / "out" / path.name).removeprefix(b"\xef\xbb\xbf").split(b"\n")
        for n, (line, other) in enumerate(zip(old, new, strict=True)):
            if line.strip():
                row = json.loads(other)
                assert {k: v for k, v in row.items() if not k.startswith("prov_")} == json.loads(line)
                assert other.startswith(line.rstrip()[:-1])
                check_annotations(row, row["text"], rows.get((os.path.relpath(path), n)))


def check_annotations(row, text, document):
    if document is None:
        assert (row["prov_works"], row["prov_spans"], row["prov_coverage"]) == ([], [], 0.0)
        return
    assert row["prov_works"] == document["works"]
    assert row["prov_coverage"] == pytest.approx(document["matched_words"] / len(words(text.encode())))
    assert {span["column"] for span in row["prov_spans"]} == {"text"}


def test_counts_add_up_and_removed_says_what_and_why(source, tmp_path):
    _, db = source
    summary = cleaned(db, tmp_path / "out", "drop", check=False)
    counts = summary.counts
    assert counts["rows"] == counts["kept"] + counts["dropped"]
    assert counts["shards"] == counts["written"] + counts["copied"] + counts["left_out"]
    removed = pq.read_table(summary.removed)
    with RunReader(db) as run:
        assert counts["rows"] == run.query("SELECT sum(rows_read) AS n FROM shard")[0]["n"]
        expected = run.query('SELECT shard, "row", match_id, doc_begin, doc_end, work_id FROM v_matches')
    rows = removed.filter(pa.compute.equal(removed["role"], "credited")).select(list(expected[0])).to_pylist()
    assert sorted(rows, key=str) == sorted(expected, key=str)
    assert counts["dropped"] == len({(row["shard"], row["row"]) for row in removed.to_pylist()})
    record = json.loads((tmp_path / "out" / ".provenance" / "clean.json").read_text())
    assert record["counts"] == counts
    assert record["state"] == "done"
    kept = {part["target"]: part["kept"] for part in record["parts"]}
    assert sum(kept.values()) == counts["kept"]


@pytest.mark.slow
def test_only_what_is_selected_goes(source, tmp_path):
    _, db = source
    with RunReader(db) as run:
        works = run.query("SELECT work_id, coverage FROM v_works ORDER BY coverage, work_id")
        rows = run.query('SELECT DISTINCT shard, "row" FROM v_passages WHERE work_id = ?', [works[0]["work_id"]])
    one = cleaned(db, tmp_path / "one", "drop", Selection("quotation", works=(works[0]["work_id"],)), check=False)
    assert one.counts["dropped"] == len(rows)
    most = cleaned(db, tmp_path / "most", "drop", Selection("quotation", works[-1]["coverage"]), check=False)
    assert [work["work_id"] for work in most.works] == [
        work["work_id"] for work in works if work["coverage"] >= works[-1]["coverage"]
    ]
    none = cleaned(db, tmp_path / "none", "drop", Selection("complete"))
    assert none.works == []
    assert none.counts["dropped"] == none.counts["written"] == 0
    with pytest.raises(UsageError, match=r"no work 'bok0'.*closest are"):
        cleaned(db, tmp_path / "x", "drop", Selection("quotation", works=("bok0",)))


def test_a_shard_that_changed_since_is_left_out_and_named(rows, index, tmp_path):
    path = write_parquet(tmp_path / "data" / "a.parquet", table_of(rows))
    other = write_parquet(tmp_path / "data" / "b.parquet", table_of(rows))
    scan([tmp_path / "data"], index, tmp_path / "run.duckdb", workers=1)
    write_parquet(path, table_of(rows[:-1]))
    summary = cleaned(tmp_path / "run.duckdb", tmp_path / "out", "drop")
    assert not summary.complete
    assert [row["shard"] for row in summary.left_out] == [str(path)]
    assert "is not the one that was scanned: its SHA-256 is" in summary.left_out[0]["reason"]
    assert not (tmp_path / "out" / "a.parquet").exists()
    assert [part.shard for part in summary.parts] == [str(other)]
    assert not [*tmp_path.rglob("*.tmp")]


@pytest.mark.slow
def test_what_was_not_scanned_whole_is_left_out_unless_it_is_wanted(rows, index, tmp_path):
    bad = b"\n".join([*lines_of(rows), b"no json", b'{"id": "x", "text": 5}'])
    write_lines(tmp_path / "data" / "a.jsonl", bad)
    (tmp_path / "data" / "b.parquet").write_bytes(b"PAR1 no more")
    scan([tmp_path / "data"], index, tmp_path / "run.duckdb", workers=1)
    summary = cleaned(tmp_path / "run.duckdb", tmp_path / "out", "drop", check=False)
    assert {os.path.basename(row["shard"]) for row in summary.left_out} == {"a.jsonl", "b.parquet"}  # noqa: PTH119
    assert summary.parts == []
    summary = cleaned(tmp_path / "run.duckdb", tmp_path / "kept", "mask", keep_unscanned=True)
    assert [os.path.basename(row["shard"]) for row in summary.left_out] == ["b.parquet"]  # noqa: PTH119
    new = (tmp_path / "kept" / "a.jsonl").read_bytes().split(b"\n")
    assert new[-2:] == [b"no json", b'{"id": "x", "text": 5}']
    assert summary.counts["rows"] == len(rows) + 2
    assert not summary.complete


@pytest.mark.slow
def test_the_same_command_again_goes_on(source, tmp_path):
    _, db = source
    summary = cleaned(db, tmp_path / "out", "mask", check=False)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.suffix != ".json"}
    (tmp_path / "out" / "b" / "train-0.parquet").write_bytes(b"cut off")
    (tmp_path / "out" / "c.jsonl").unlink()
    resumed = []
    wanted = Wanted("mask", str(tmp_path / "out"), ALL, check=False, request=Request((), "", workers=1))
    again = clean_into(db, wanted, watch=Watch(on_resumed=lambda *counts: resumed.append(counts)))
    assert resumed == [(4, 6)]
    assert again.parts == summary.parts
    for path in (tmp_path / "out" / "a" / "train-0.parquet", tmp_path / "out" / "c.jsonl.gz"):
        assert path.stat().st_mtime_ns == files[path]
    with pytest.raises(OtherRunError, match="on other terms: --mode was mask, now drop"):
        cleaned(db, tmp_path / "out", "drop", check=False)
    assert cleaned(db, tmp_path / "out", "drop", check=False, overwrite=True).counts["dropped"]


def test_tasks_that_write_a_share_each_give_what_one_call_does(source, tmp_path):
    _, db = source
    whole = cleaned(db, tmp_path / "whole", "mask", check=False)
    shares = [cleaned(db, tmp_path / "out", "mask", check=False, share=Share(task, 3)) for task in (3, 1, 2)]
    assert not (tmp_path / "out" / ".provenance" / "clean.json").exists()
    assert sorted(part.shard for share in shares for part in share.parts) == [part.shard for part in whole.parts]
    resumed = []
    wanted = Wanted("mask", str(tmp_path / "out"), ALL, check=False, request=Request((), "", workers=1))
    again = clean_into(db, wanted, watch=Watch(on_resumed=lambda *counts: resumed.append(counts)))
    assert resumed == [(6, 6)]
    assert (again.parts, again.counts) == (whole.parts, whole.counts)
    for name in ("removed.parquet", *(f"../{part.target}" for part in whole.parts)):
        one, other = (tmp_path / folder / ".provenance" / name for folder in ("whole", "out"))
        assert one.read_bytes() == other.read_bytes(), name


def test_the_new_folder_is_a_data_set(source, index, tmp_path):
    folder, db = source
    cleaned(db, tmp_path / "out", "drop", check=False)
    summary = scan([tmp_path / "out"], index, tmp_path / "again.duckdb", workers=1)
    assert summary.complete
    assert summary.shards["scanned"] == len([path for path in folder.rglob("*.*") if path.is_file()])
    assert summary.works == []


def test_nothing_of_anybody_is_replaced(source, tmp_path):
    folder, db = source
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "c.jsonl").write_text("mine")
    with pytest.raises(UsageError, match=r"has c\.jsonl already"):
        cleaned(db, tmp_path / "out", "drop", check=False)
    assert (tmp_path / "out" / "c.jsonl").read_text() == "mine"
    with pytest.raises(UsageError, match="is where the shards lie"):
        cleaned(db, folder, "drop", check=False, overwrite=True)


@pytest.mark.slow
def test_passages_in_lists_and_structs_of_every_kind_are_masked(rows, index, tmp_path):
    texts = [text for _, text in rows]
    chats = [
        [{"role": "user", "content": "Tell me."}, {"role": "assistant", "content": text}] if n % 5 else None
        for n, text in enumerate(texts)
    ]
    kinds = {
        "large": pa.large_string(),
        "binary": pa.binary(),
        "view": pa.string_view(),
        "words": pa.dictionary(pa.int32(), pa.string()),
    }
    columns = {name: pa.array(texts, pa.string()).cast(kind) for name, kind in kinds.items() if name != "words"}
    columns["words"] = pa.array(texts, pa.string()).dictionary_encode()
    columns["chat"] = pa.array(chats)
    columns["fixed"] = pa.array([[text, "plain"] for text in texts], pa.list_(pa.string(), 2))
    columns["deep"] = pa.array([{"a": {"b": text}} if n % 3 else None for n, text in enumerate(texts)])
    write_parquet(tmp_path / "data" / "all.parquet", pa.table(columns))
    paths = (*kinds, "chat[].content", "fixed[]", "deep.a.b")
    config = ScanConfig(text_columns=paths)
    db = tmp_path / "run.duckdb"
    assert scan([tmp_path / "data"], index, db, config=config, workers=1).complete
    summary = cleaned(db, tmp_path / "out", "mask")
    assert summary.again.documents_matched == 0
    assert summary.complete
    with RunReader(db) as run:
        places = run.query('SELECT "row", text_column, doc_begin, doc_end FROM match')
    assert {place["text_column"] for place in places} == {*kinds, "chat[1].content", "fixed[0]", "deep.a.b"}
    old, new = (pq.read_table(tmp_path / name / "all.parquet") for name in ("data", "out"))
    assert old.schema.equals(new.schema)
    for n, (row, other) in enumerate(zip(old.to_pylist(), new.to_pylist(), strict=True)):
        for place in (place for place in places if place["row"] == n):
            text, masked = (at(values, place["text_column"]) for values in (row, other))
            spans = [
                (p["doc_begin"], p["doc_end"])
                for p in places
                if (p["row"], p["text_column"]) == (n, place["text_column"])
            ]
            assert masked == expected_mask(text, spans)
        if not any(place["row"] == n for place in places):
            assert row == other


def at(row, label) -> bytes:
    for step in label.replace("]", "").replace("[", ".").split("."):
        row = row[int(step)] if step.isdigit() else row[step]
    return row if isinstance(row, bytes) else row.encode()


@pytest.mark.slow
def test_other_formats_are_copied_where_nothing_is_found_and_left_out_where_something_is(rows, index, tmp_path):
    (tmp_path / "data").mkdir()
    for name, some in (("found.arrow", rows), ("clean.arrow", rows[:1])):
        with (
            pa.OSFile(str(tmp_path / "data" / name), "wb") as out,
            pa.ipc.new_file(out, table_of(some).schema) as writer,
        ):
            writer.write_table(table_of(some))
    db = tmp_path / "run.duckdb"
    assert scan([tmp_path / "data"], index, db, workers=1).complete
    summary = cleaned(db, tmp_path / "out", "drop")
    assert "only Parquet and JSON lines can be written anew" in summary.left_out[0]["reason"]
    assert [part.target for part in summary.parts] == ["clean.arrow"]
    assert not summary.complete


@pytest.mark.slow
def test_an_allowed_work_is_not_taken_out(rows, index, tmp_path):
    write_parquet(tmp_path / "data" / "a.parquet", table_of(rows))
    db = tmp_path / "run.duckdb"
    scan([tmp_path / "data"], index, db, workers=1)
    with RunReader(db) as run:
        works = [row["work_id"] for row in run.query("SELECT work_id FROM v_works ORDER BY work_id")]
    append(db, Author.here(), [(ALLOW, {"work_id": works[0], "status": "licensed", "reason": "ours", "expires": None})])
    summary = cleaned(db, tmp_path / "out", "mask")
    assert {work["work_id"] for work in summary.works} == set(works[1:])
    assert summary.again.works == []
    assert summary.again.documents_matched  # the allowed work is still there, and that is no fault
