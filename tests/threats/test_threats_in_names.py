"""Names of files and objects are names: no SQL, no pattern, no key, no path, and no address that is asked."""

from __future__ import annotations

import socket
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.errors import UsageError
from provenance.isolation.supervisor import Children
from provenance.runs.listed import list_all
from provenance.store.database import RunReader
from tests.threats.running import outcomes, run, scan

NAMES = [
    "q'); drop table match;--.parquet",
    'q"; drop view v_works; --.parquet',
    "a*.parquet",
    "a[b].parquet",
    "ab.parquet",
    "a?.parquet",
    "{a,b}.parquet",
    "%s{0}$HOME.parquet",
    "two\nlines.parquet",
    "k=v/part.parquet",
    "_hidden.parquet",
    ".dot.parquet",
    "-- option.parquet",
    "..parquet/...parquet",
    "https:/127.0.0.1/x.parquet",
]


@pytest.fixture(scope="module")
def shards(books, tmp_path_factory) -> Path:
    """A directory with a shard of each name, whose only row says which it is."""
    folder = tmp_path_factory.mktemp("names")
    for name in NAMES:
        path = folder / "shards" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"id": [name], "k": ["stored"], "text": [books["book0"][500:1500]]}), path)
    return folder / "shards"


def found(db: Path) -> dict[str, str]:
    """Which row was found in which file; the tables of the run are all still there."""
    with RunReader(db) as reader:
        assert reader.query("SELECT count(*) AS n FROM v_works")
        return {row["shard"]: row["doc_id"] for row in reader.query("SELECT shard, doc_id FROM v_matches")}


def test_every_file_is_scanned_once_and_as_itself_whatever_its_name(shards, index, tmp_path):
    code, _ = scan(shards, shards / "k=v" / ".." / "ab.parquet", index=index, db=tmp_path / "r.duckdb")
    assert code == 0
    assert found(tmp_path / "r.duckdb") == {str(shards / name): name for name in NAMES}


@pytest.mark.parametrize("name", ["a*.parquet", "a[b].parquet", "q'); drop table match;--.parquet"])
def test_a_name_that_looks_like_a_pattern_is_that_file_and_no_other(name, shards, index, tmp_path):
    code, _ = scan(shards / name, index=index, db=tmp_path / "r.duckdb")
    assert code == 0
    assert found(tmp_path / "r.duckdb") == {str(shards / name): name}


def test_a_run_database_may_have_a_name_that_looks_like_sql(shards, index, tmp_path):
    db = tmp_path / "r'; ATTACH 'x.duckdb' AS y; --.duckdb"
    assert scan(shards / "ab.parquet", index=index, db=db)[0] == 0
    assert list(found(db).values()) == ["ab.parquet"]
    assert sorted(tmp_path.iterdir()) == [db, Path(f"{db}.units")]


def test_options_that_look_like_sql_or_paths_are_names_of_columns(shards, index, tmp_path):
    options = ("--text-column", "text\"'; DROP TABLE match; --", "--id-column", "../../id")
    code, _ = scan(shards / "ab.parquet", index=index, db=tmp_path / "r.duckdb", options=options)
    assert code == 3
    outcome, reason = outcomes(tmp_path / "r.duckdb")["ab.parquet"]
    assert outcome == "failed"
    assert "DROP TABLE match" in reason


@pytest.fixture
def server():
    """Listens, and at the end knows whether anybody came."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        yield listening.getsockname()[1]
        with pytest.raises(TimeoutError):
            listening.accept()


ADDRESSES = [
    "http://127.0.0.1:{port}/a.parquet",
    "simplecache::http://127.0.0.1:{port}/a.parquet",
    "zip://a.parquet::http://127.0.0.1:{port}/a.zip",
    "s3://127.0.0.1:{port}/a.parquet",
    "s3://user:secret@127.0.0.1/a.parquet",
    "s3://bucket/a.parquet?endpoint_override=127.0.0.1:{port}&scheme=http",
    "abfss://c@127.0.0.1:{port}/a.parquet",
    "simplecache::http://169.254.169.254/latest/meta-data/",
    "file:///etc/passwd",
    "FILE://localhost/etc/passwd",
    "@/etc/passwd",
]


def test_an_address_in_a_list_is_refused_and_nobody_is_asked(server, index, good, tmp_path):
    for number, address in enumerate(ADDRESSES):
        (tmp_path / "list.txt").write_text(f"{good}\n{address.format(port=server)}\n")
        with pytest.raises(UsageError, match=r"list\.txt, line 2") as told:
            list_all([f"@{tmp_path / 'list.txt'}"], True, Children(), 1 << 20)
        assert "secret" not in str(told.value)
        if number == 1:  # by the command too, which takes a second each
            done = run("scan", f"@{tmp_path / 'list.txt'}", "--index", index, "--db", tmp_path / "r.duckdb")
            assert done.returncode == 2
            assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "r.duckdb").exists()


def test_an_address_in_the_data_is_text(server, books, index, tmp_path):
    row = {"url": f"http://127.0.0.1:{server}/a", "text": f"http://127.0.0.1:{server}/b " + books["book0"][500:1500]}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "s.parquet")
    code, _ = scan(tmp_path / "s.parquet", index=index, db=tmp_path / "r.duckdb")
    assert code == 0
    assert list(found(tmp_path / "r.duckdb").values()) == [row["url"]]
