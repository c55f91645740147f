"""Every table and view can be exported, the same bytes each time; and without texts when asked."""

from __future__ import annotations

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import provenance
from provenance.cli.definitions.act import WHAT
from provenance.errors import UsageError
from provenance.store import export as export_module
from provenance.store import sarif
from provenance.store.csv_text import cell_text, csv_of
from provenance.store.database import RunReader
from provenance.store.export import EXPORTS, export
from provenance.store.journal import Author, append


@pytest.fixture(scope="module")
def run(tmp_path_factory, rows, index):
    folder = tmp_path_factory.mktemp("exports")
    texts = [text for _, text in rows]
    urls = [f"https://User@Books{n % 3}.Example.org:80/x?{n}" for n in range(len(rows))]
    ids = [f"secret-{n}" for n in range(len(rows))]
    table = pa.table({"id": ids, "text": texts, "url": urls, "source": ["crawl"] * len(rows)})
    pq.write_table(table, folder / "a.parquet", row_group_size=5)
    provenance.scan([folder / "a.parquet"], index, folder / "r.duckdb", workers=1)
    with RunReader(folder / "r.duckdb") as reader:
        match_id = reader.query("SELECT match_id FROM v_matches ORDER BY match_id LIMIT 1")[0]["match_id"]
    work = provenance.Index(index).work_ids[0]
    append(
        folder / "r.duckdb",
        Author("R. Viewer", "me"),
        [
            ("review", {"match_id": match_id, "decision": "rejected", "note": "says leakedword"}),
            ("allow", {"work_id": work, "status": "licensed", "reason": "contract 7", "expires": None}),
        ],
    )
    return folder / "r.duckdb"


def test_the_command_line_knows_every_export():
    assert tuple(EXPORTS) == WHAT or set(EXPORTS) == set(WHAT)


def test_every_view_and_table_of_a_run_is_exported(run):
    with RunReader(run) as reader:
        names = {row["n"] for row in reader.query("SELECT view_name AS n FROM duckdb_views() WHERE NOT internal")}
        names |= {row["n"] for row in reader.query("SELECT table_name AS n FROM duckdb_tables()")}
    asked = " ".join(EXPORTS.values())
    behind = {"match": "v_matches", "shard": "v_shards", "work": "v_works"}  # a view has all of them and more
    assert [name for name in names if behind.get(name, name) not in asked] == []


@pytest.mark.parametrize("what", list(EXPORTS))
@pytest.mark.parametrize("file_format", ["parquet", "csv", "jsonl"])
def test_an_export_is_the_same_bytes_each_time(run, tmp_path, what, file_format):
    for name in "ab":
        with RunReader(run) as reader:
            count = export(reader, what, file_format, tmp_path / name)
            assert count == len(reader.query(EXPORTS[what]))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def words_of_texts(rows) -> set[str]:
    """Words that stand in rows and in nothing else."""
    return {word for _, text in rows for word in text.split() if len(word) > 4}


@pytest.mark.parametrize("file_format", ["parquet", "csv", "jsonl", "sarif"])
def test_nothing_of_a_text_is_in_a_redacted_export(run, tmp_path, rows, file_format):
    leaked = {word.encode() for word in words_of_texts(rows)} | {b"secret-", b"leakedword", b"/x?"}
    shown = set[bytes]()
    for redact in (True, False):
        for what in ["matches"] if file_format == "sarif" else EXPORTS:
            out = tmp_path / f"{what}-{redact}"
            with RunReader(run, redact) as reader:
                export(reader, what, file_format, out)
            data = out.read_bytes()
            if file_format == "parquet":
                data = repr(pq.read_table(out).to_pylist()).encode()
            found = {word for word in leaked if word in data}
            if redact:
                assert found == set(), (what, sorted(found)[:5])
            shown |= found
    assert shown >= {b"secret-"}, "the test would see it"


def test_a_redacted_match_keeps_places_digests_and_hosts(run):
    with RunReader(run) as plain, RunReader(run, redact=True) as redacted:
        sql = (
            'SELECT match_id, shard, "row", doc_begin, ref_begin, excerpt_sha256, ref_excerpt_sha256, site, source '
            "FROM v_matches ORDER BY ALL"
        )
        assert plain.query(sql) == redacted.query(sql)
        assert {row["site"] for row in plain.query(sql)} <= {f"books{n}.example.org" for n in range(3)}
        assert plain.query("SELECT * FROM v_works ORDER BY work_id") == redacted.query(
            "SELECT * FROM v_works ORDER BY work_id"
        )


def test_sites_and_collections_add_up_to_all_that_was_scanned(run, rows):
    with RunReader(run) as reader:
        origins = reader.query("SELECT * FROM origin")
        shard = reader.query("SELECT documents, nulls, text_bytes, documents_matched FROM shard")[0]
        by_site = reader.query('SELECT site, count(DISTINCT "row") AS n FROM match GROUP BY site')
    for kind in ("site", "collection"):
        sums = [
            sum(row[name] for row in origins if row["kind"] == kind)
            for name in ("documents", "text_bytes", "documents_matched")
        ]
        assert sums == [shard["documents"] - shard["nulls"], shard["text_bytes"], shard["documents_matched"]]
    known = {row["name"]: row["documents_matched"] for row in origins if row["kind"] == "site"}
    assert {row["site"]: row["n"] for row in by_site} == {name: n for name, n in known.items() if n}


def test_csv_has_neither_formulas_nor_control_characters():
    hostile = ["=1+1", "\x1b[31mred", "a\u202eb", "two\nlines", "+1", "\rover", "plain"]
    text = csv_of(pa.table({"x": hostile}))
    cells = [row["x"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert cells == ["'=1+1", "\\x1b[31mred", "a\\u202eb", "two\nlines", "'+1", "'\\rover", "plain"]


def csv_cell_by_cell(table: pa.Table) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(map(cell_text, table.column_names))
    writer.writerows(map(cell_text, row.values()) for row in table.to_pylist())
    return out.getvalue()


PIECES = [*"=+-@\t\r\n\0＝,'\\ é\x1b\u202e\ufeff\U000e0041", '"', "+1", "word"]
TEXTS = st.none() | st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
NUMBERS = st.none() | st.floats() | st.sampled_from([0.0, -0.0, 1e22, 1e-5, 1e16])
WHOLE, YES, LISTS = st.none() | st.integers(-5, 10**12), st.none() | st.booleans(), st.none() | st.lists(TEXTS)
ROWS_OF_CELLS = st.lists(st.tuples(TEXTS, NUMBERS, WHOLE, YES, LISTS), max_size=30)


@given(ROWS_OF_CELLS)
def test_columns_are_escaped_as_cells_are_one_by_one(rows):
    types = [pa.string(), pa.float64(), pa.int64(), pa.bool_(), pa.list_(pa.string())]
    columns = [pa.array([row[place] for row in rows], kind) for place, kind in enumerate(types)]
    table = pa.table(dict(zip(["text, of rows", "=number", "n", "yes", "list"], columns, strict=True)))
    for chosen in (table, table.select([0]), table.slice(len(rows) // 3)):
        assert csv_of(chosen) == csv_cell_by_cell(chosen)


@pytest.mark.parametrize("file_format", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("what", ["matches", "passages"])
def test_an_export_in_many_slices_is_the_same_bytes(run, tmp_path, monkeypatch, what, file_format):
    for name, rows in (("whole", export_module.SORTED_AT_ONCE), ("sliced", 2)):
        monkeypatch.setattr(export_module, "SORTED_AT_ONCE", rows)
        with RunReader(run) as reader:
            export(reader, what, file_format, tmp_path / name)
            slices = list(export_module.slices_of(reader, export_module.BY_ROWS[what]))
            assert len(slices) == 1 or name == "sliced"
    assert len(slices) > 2
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "sliced").read_bytes()


def test_row_groups_are_those_of_a_whole_table_however_the_rows_come(tmp_path, monkeypatch):
    table = pa.table(
        {"n": range(1000), "t": [str(n) * 30 for n in range(1000)], "l": [["x"] * (n % 5) for n in range(1000)]}
    )
    monkeypatch.setattr(export_module, "ROW_GROUP", 300)
    pq.write_table(table, tmp_path / "whole", compression="zstd", row_group_size=300)
    for size in (1, 7, 299, 300, 301, 1000):
        with (tmp_path / "pieces").open("wb") as file:
            export_module.write_parquet(table.schema, table.to_batches(max_chunksize=size), file)
        assert (tmp_path / "pieces").read_bytes() == (tmp_path / "whole").read_bytes()


def test_sarif_has_every_match_with_its_place_and_what_people_said(run, tmp_path):
    with RunReader(run) as reader:
        count = export(reader, "matches", "sarif", tmp_path / "m.sarif")
        matches = reader.query("SELECT * FROM v_matches")
    log = json.loads((tmp_path / "m.sarif").read_text())
    (only,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert count == len(only["results"]) == len(matches)
    assert {r["partialFingerprints"]["provenance/match_id/v1"] for r in only["results"]} == {
        m["match_id"] for m in matches
    }
    rules = {rule["id"] for rule in only["tool"]["driver"]["rules"]}
    for result in only["results"]:
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert only["artifacts"][place["index"]]["location"]["uri"] == place["uri"]
        assert result["ruleId"] in rules
    told = [s["justification"] for result in only["results"] for s in result["suppressions"]]
    assert any(text.startswith("licensed: contract 7") for text in told)
    assert any(text.startswith("rejected by R. Viewer") for text in told)


def test_sarif_of_anything_else_or_of_too_much_is_refused(run, tmp_path, monkeypatch):
    with RunReader(run) as reader:
        with pytest.raises(UsageError, match="SARIF holds matches"):
            export(reader, "works", "sarif", tmp_path / "x")
        monkeypatch.setattr(sarif, "MOST_RESULTS", 1)
        with pytest.raises(UsageError, match="export them as parquet"):
            export(reader, "matches", "sarif", tmp_path / "x")
    assert not (tmp_path / "x").exists()
