"""What a bundle says to other tools and to people who fill in forms is what the run says, also of a hostile run."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.evidence import companions
from provenance.evidence.annex import annex
from provenance.evidence.companions import croissant, statement
from provenance.store.database import RunReader
from provenance.store.journal import Author, append
from tests.shards.fixtures import prose

FOLDER = "=1+1 <script>\n\x1b[31m"  # a line break within a folder: what stands before it is another folder
FILES = {"report.html": "a" * 64, "annex/2-sources.csv": "b" * 64}


@pytest.fixture(scope="module")
def run(tmp_path_factory, rows, index) -> Path:
    """Files with and without a URL column, one that is broken, and a folder whose name means harm."""
    folder = tmp_path_factory.mktemp("companions")
    hostile = folder / "shards" / FOLDER
    hostile.mkdir(parents=True)
    texts = [text for _, text in rows]
    urls = [f"https://site{n * n % 25}.example/secretpath{n}" if n % 5 else None for n in range(len(rows))]
    sources = ["=crawl" if n % 2 else "<script>books" for n in range(len(rows))]
    ids = [f"secret-{n}" for n in range(len(rows))]
    pq.write_table(pa.table({"id": ids, "text": texts, "url": urls, "source": sources}), hostile / "a.parquet")
    (folder / "shards" / "broken.parquet").write_bytes(b"PAR1 is not enough")
    (folder / "shards" / "plain.jsonl").write_text(json.dumps({"text": prose(78, 60)}) + "\n")
    provenance.scan([folder / "shards"], index, folder / "r.duckdb", workers=1)
    allowed = {"work_id": "book0", "status": "licensed", "reason": "=contract", "expires": "1999-01-01"}
    append(folder / "r.duckdb", Author("R. Viewer", "me"), [("allow", allowed)])
    return folder / "r.duckdb"


@pytest.fixture
def changed(run, tmp_path):
    """A copy of the run in which something was changed, as it can be in a run of other data."""

    def change(*statements: str) -> Path:
        shutil.copy(run, tmp_path / "changed.duckdb")
        with duckdb.connect(tmp_path / "changed.duckdb") as con:
            for sql in statements:
                con.execute(sql)
        return tmp_path / "changed.duckdb"

    return change


def table_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def everything(db: Path, redact: bool = False) -> dict[str, bytes]:
    with RunReader(db, redact) as reader:
        said = {"statement.json": statement(reader, FILES), "croissant.json": croissant(reader)}
        return {**annex(reader), **{name: json.dumps(value).encode() for name, value in said.items()}}


def test_they_are_the_same_bytes_each_time(run):
    assert everything(run) == everything(run)


def test_none_of_them_judges(run):
    files = everything(run)
    assert {"statement.json", "croissant.json"} < files.keys()
    for name, data in files.items():
        assert b"complian" not in data.lower(), name


def test_no_word_of_a_text_is_in_any_of_them(run, rows):
    texts = " ".join(text for _, text in rows)
    words = {word.encode() for word in texts.split() if len(word) > 7 and word.isascii() and word.isalpha()}
    assert len(words) > 200
    leaks = words | {b"secret-", b"secretpath"}
    for name, data in everything(run, redact=True).items():
        assert [leak for leak in leaks if leak in data] == [], name


def test_hostile_names_are_harmless_in_all_of_them(run):
    files = everything(run)
    assert any(b"script" in data for data in files.values()), "the names that mean harm are in none"
    for name, data in files.items():
        assert not re.search(rb"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]", data), name
        assert "\u202e" not in data.decode()
        if name.endswith(".csv"):
            cells = [cell for row in csv.reader(io.StringIO(data.decode(), newline="")) for cell in row]
            assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == [], name


def test_the_statement_says_what_the_run_says_and_each_input(run):
    with RunReader(run) as reader:
        said = statement(reader, FILES)
        record = reader.query("SELECT * FROM run")[0]
        shards = reader.query("SELECT shard, sha256, outcome FROM shard ORDER BY shard")
        works = reader.query("SELECT grade, count(*) AS n FROM v_works WHERE grade <> 'none' GROUP BY grade")
    assert set(said) == {"_type", "subject", "predicateType", "predicate"}
    assert {subject["name"]: subject["digest"]["sha256"] for subject in said["subject"]} == FILES
    predicate = said["predicate"]
    assert predicate["run"]["terms_sha256"] == record["terms_digest"]
    assert predicate["run"]["units_sha256"] == record["units_digest"]
    assert predicate["run"]["index"]["xxh3_128"] == record["index_digest"]
    assert (predicate["run"]["outcome"], predicate["scanned"]["failed"]) == ("incomplete", 1)
    assert predicate["scanned"]["documents"] == record["documents_scanned"]
    inputs = [
        (one["uri"], one.get("digest", {}).get("sha256"), one["annotations"]["outcome"])
        for one in predicate["scanned"]["inputs"]
    ]
    assert inputs == [(row["shard"], row["sha256"], row["outcome"]) for row in shards]
    assert predicate["scanned"]["inputs_left_out"] == 0
    assert {row["grade"]: predicate["works"][row["grade"]] for row in works} == {r["grade"]: r["n"] for r in works}


def test_inputs_and_files_that_are_left_out_are_counted(run, monkeypatch):
    monkeypatch.setattr(companions, "MOST_INPUTS", 1)
    monkeypatch.setattr(companions, "MOST_FILES", 1)
    with RunReader(run) as reader:
        listed = reader.query("SELECT count(*) AS n FROM shard")[0]["n"]
        scanned = statement(reader, FILES)["predicate"]["scanned"]
        said = croissant(reader)
    assert (len(scanned["inputs"]), scanned["inputs_left_out"]) == (1, listed - 1)
    assert len(said["distribution"]) == 1
    assert f"{listed - 2} more files are not listed" in said["description"], "one is broken"


def test_the_statement_is_one_to_in_toto(run):
    in_toto = pytest.importorskip("in_toto_attestation.v1.statement", reason="in-toto checks it, where it is installed")
    json_format = pytest.importorskip("google.protobuf.json_format")
    pb = pytest.importorskip("in_toto_attestation.v1.statement_pb2")
    with RunReader(run) as reader:
        parsed = json_format.ParseDict(statement(reader, FILES), pb.Statement())
    assert parsed.subject
    in_toto.Statement.copy_from_pb(parsed).validate()


def check_croissant(said: dict, tmp_path: Path) -> None:
    """What the specification asks for; and what its own tool says, where that is installed."""
    assert said["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert said["@context"]["cr"] == "http://mlcommons.org/croissant/"
    ids = [file["@id"] for file in said["distribution"]]
    for file in said["distribution"]:
        assert re.fullmatch("[0-9a-f]{64}", file["sha256"])
        assert file["encodingFormat"]
        assert file["contentUrl"]
    for records in said["recordSet"]:
        ids += [records["@id"], *(field["@id"] for field in records["field"])]
        assert {field["source"]["fileObject"]["@id"] for field in records["field"]} <= set(ids)
    assert len(ids) == len(set(ids))
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant checks it, where it is installed")
    (tmp_path / "croissant.json").write_text(json.dumps(said))
    mlcroissant.Dataset(jsonld=tmp_path / "croissant.json")


def test_croissant_has_the_files_and_columns_that_were_scanned(run, tmp_path):
    with RunReader(run) as reader:
        said = croissant(reader)
        shards = reader.query("SELECT shard, bytes, sha256 FROM shard WHERE outcome = 'scanned' ORDER BY shard")
    assert [(f["contentUrl"], f["contentSize"], f["sha256"]) for f in said["distribution"]] == [
        (row["shard"], f"{row['bytes']} B", row["sha256"]) for row in shards
    ]
    (records,) = said["recordSet"]
    assert [field["source"]["extract"]["column"] for field in records["field"]] == ["id", "text", "url", "source"]
    assert "1 files failed" in said["description"]
    check_croissant(said, tmp_path)


def test_croissant_says_that_files_were_skipped(changed):
    db = changed("DELETE FROM exception", "UPDATE shard SET outcome = 'skipped' WHERE outcome <> 'scanned'")
    with RunReader(db) as reader:
        assert "1 skipped by rule" in croissant(reader)["description"]


def test_a_file_without_a_digest_is_counted_and_leaves_croissant_valid(changed, tmp_path):
    """As of what came on standard input: Croissant asks for a digest of every file."""
    db = changed("UPDATE shard SET sha256 = NULL WHERE shard LIKE '%plain.jsonl'")
    with RunReader(db) as reader:
        said = croissant(reader)
    assert not any("plain.jsonl" in file["contentUrl"] for file in said["distribution"])
    assert "1 more files are not listed" in said["description"]
    check_croissant(said, tmp_path)


@pytest.mark.parametrize("path", ["meta.body", "messages[].content", "title, text"])
def test_a_path_or_several_columns_are_no_column_of_croissant(changed, tmp_path, path):
    db = changed(f"UPDATE shard SET text_column = '{path}'")
    with RunReader(db) as reader:
        said = croissant(reader)
    assert said["recordSet"] == []
    check_croissant(said, tmp_path)


def test_an_origin_that_is_a_path_is_no_column_of_croissant(changed, tmp_path):
    db = changed("UPDATE shard SET url_column = 'meta.url'")
    with RunReader(db) as reader:
        said = croissant(reader)
    (records,) = said["recordSet"]
    assert [field["name"] for field in records["field"]] == ["id", "text", "source"]
    check_croissant(said, tmp_path)


def test_a_run_of_which_nothing_could_be_scanned_has_them_all(changed, tmp_path):
    db = changed(
        "UPDATE shard SET outcome = 'failed', documents = 0, nulls = 0, words = 0, text_bytes = 0, "
        "documents_matched = 0, sha256 = NULL",
        "DELETE FROM origin",
        "DELETE FROM match",
    )
    told = everything(db)
    said = json.loads(told["croissant.json"])
    assert (said["distribution"], said["recordSet"]) == ([], [])
    assert table_of(told["annex/2.3-domains.csv"]) == table_of(told["annex/3-works.csv"]) == []
    check_croissant(said, tmp_path)


def test_sources_are_by_folder_also_where_its_name_has_a_line_break(run):
    with RunReader(run) as reader:
        rows = table_of(annex(reader)["annex/2-sources.csv"])
        shards = {row["shard"]: row for row in reader.query("SELECT * FROM shard")}
    (hostile,) = [row for row in rows if "<script>" in row["folder"]]
    (shard,) = [row for name, row in shards.items() if FOLDER in name]
    assert hostile["folder"].endswith("=1+1 <script>\n\\x1b[31m")
    assert [int(hostile[name]) for name in ("files", "bytes", "documents", "text_bytes")] == [
        1, shard["bytes"], shard["documents"], shard["text_bytes"]
    ]  # fmt: skip
    outcomes = {name: sum(int(row[name]) for row in rows) for name in ("scanned", "partial", "failed", "skipped")}
    assert outcomes == {"scanned": 2, "partial": 0, "failed": 1, "skipped": 0}


@pytest.mark.parametrize("name", ["2.3-domains", "2-collections"])
def test_origins_add_up_to_all_that_was_scanned(run, name):
    with RunReader(run) as reader:
        rows = table_of(annex(reader)[f"annex/{name}.csv"])
        whole = reader.query(
            "SELECT sum(documents - nulls)::BIGINT AS documents, sum(text_bytes)::BIGINT AS text_bytes, "
            "sum(documents_matched)::BIGINT AS documents_with_known_works FROM shard"
        )[0]
    assert {column: sum(int(row[column]) for row in rows) for column in whole} == whole


def test_hosts_stand_by_size_with_their_shares_and_the_rest_has_no_rank(run):
    with RunReader(run) as reader:
        rows = table_of(annex(reader)["annex/2.3-domains.csv"])
        known = reader.query("SELECT * FROM origin WHERE kind = 'site' AND name <> ''")
        whole = reader.query("SELECT sum(text_bytes)::BIGINT AS n FROM shard")[0]["n"]
    known.sort(key=lambda row: (-row["text_bytes"], row["name"]))
    hosts, rest = rows[: len(known)], rows[len(known) :]
    assert [(row["host"], int(row["text_bytes"])) for row in hosts] == [(r["name"], r["text_bytes"]) for r in known]
    reached = 0
    for place, row in enumerate(hosts, 1):
        reached += int(row["text_bytes"])
        assert int(row["rank"]) == place
        assert float(row["share"]) == pytest.approx(int(row["text_bytes"]) / whole, abs=1e-6)
        assert float(row["cumulative_share"]) == pytest.approx(reached / whole, abs=1e-6)
        assert row["in_top_tenth"] == str(place <= -(-len(hosts) // 10))
    assert {row["host"] for row in rest} == {"(no URL)", "(in files without a URL column)"}
    assert {(row["rank"], row["cumulative_share"], row["in_top_tenth"]) for row in rest} == {("", "", "False")}


def test_hosts_that_were_summed_up_are_named_as_such(changed):
    db = changed("INSERT INTO origin VALUES ('site', NULL, 0, 0, 0)")
    with RunReader(db) as reader:
        rows = table_of(annex(reader)["annex/2.3-domains.csv"])
    assert [row["rank"] for row in rows if row["host"] == "(others, summed up in their units)"] == [""]


def test_works_have_what_is_known_of_their_rights(changed):
    db = changed(
        "UPDATE edition SET isbn = '9780000000002', rights_holder = '@Holder', licence = 'all rights reserved', "
        "registration = 'TX 1' WHERE work_id = 'book0'"
    )
    with RunReader(db) as reader:
        rows = {row["work_id"]: row for row in table_of(annex(reader)["annex/3-works.csv"])}
        works = reader.query("SELECT work_id, grade, documents FROM v_works WHERE documents > 0 AND NOT decoy")
    assert {name: (row["grade"], int(row["documents"])) for name, row in rows.items()} == {
        row["work_id"]: (row["grade"], row["documents"]) for row in works
    }
    first = rows["book0"]
    assert [first[name] for name in ("isbn", "rights_holder", "licence", "registration")] == [
        "9780000000002", "'@Holder", "all rights reserved", "TX 1"
    ]  # fmt: skip
    assert [first[name] for name in ("allowed", "allowed_because", "allowed_until", "allowance_holds")] == [
        "licensed", "'=contract", "1999-01-01", "False"
    ]  # fmt: skip


def test_processing_says_what_was_not_scanned(run):
    with RunReader(run) as reader:
        files = annex(reader)
        record = reader.query("SELECT * FROM run")[0]
    said = {row["what"]: row["value"] for row in table_of(files["annex/3-processing.csv"])}
    assert [said[f"files {name}"] for name in ("listed", "scanned", "that failed", "skipped by rule")] == [
        "3", "2", "1", "0"
    ]  # fmt: skip
    assert said["documents scanned"] == str(record["documents_scanned"])
    assert said["outcome"] == "incomplete"
    told = files["annex/README.md"].decode()
    assert [name for name in files if name.endswith(".csv") and f"`{Path(name).name}`" not in told] == []
