"""Scanning objects: the same results as from local files, whatever the store does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.errors import StorageError, UsageError
from provenance.runs.scan import scan
from provenance.store.database import RunReader
from provenance.units.config import ScanConfig
from tests.shards import formats
from tests.shards.test_every_format import COMPARED
from tests.storage.proxy import Proxy
from tests.tools.command import run


def matches_of(db):
    with RunReader(db) as run:
        return run.query(COMPARED)


@pytest.fixture
def local(rows, index, tmp_path):
    folder = tmp_path / "local"
    folder.mkdir()
    paths = [formats.parquet(folder, rows), formats.jsonl_gz(folder, rows), formats.arrow_stream(folder, rows)]
    scan(paths, index, tmp_path / "local.duckdb", workers=1)
    return paths, matches_of(tmp_path / "local.duckdb")


def test_objects_give_what_local_files_give_and_nothing_is_left_behind(local, s3, index, tmp_path):
    paths, expected = local
    for path in paths:
        s3.put(f"data/{path.name}", path.read_bytes())
    s3.put("data/readme.md", b"no shard")
    summary = scan([f"s3://{s3.bucket}/data/"], index, tmp_path / "r.duckdb", workers=2)
    assert summary.complete
    assert summary.shards == {"scanned": 3, "partial": 0, "failed": 0, "skipped": 1}
    assert matches_of(tmp_path / "r.duckdb") == expected
    with RunReader(tmp_path / "r.duckdb") as run:
        shards = run.query("SELECT * FROM shard WHERE outcome = 'scanned' ORDER BY shard")
    assert [shard["shard"] for shard in shards] == sorted(f"s3://{s3.bucket}/data/{path.name}" for path in paths)
    assert all(shard["sha256"] and shard["version"] for shard in shards)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "local",
        "local.duckdb",
        "local.duckdb.units",
        "r.duckdb",
        "r.duckdb.units",
    ]


def test_token_ids_in_two_objects_are_one_shard(s3, index, rows, tokenizer, tmp_path):
    trained, file = tokenizer
    binary = formats.megatron(tmp_path, rows, trained)
    for path in (binary, binary.with_suffix(".idx")):
        s3.put(f"tokens/{path.name}", path.read_bytes())
    config = ScanConfig(tokenizer=file)
    for number, spec in enumerate(("tokens/", "tokens/*.bin", "tokens/shard.bin")):
        db = tmp_path / f"{number}.duckdb"
        summary = scan([f"s3://{s3.bucket}/{spec}"], index, db, workers=1, config=config)
        assert summary.complete
        assert summary.documents_matched == 15


def test_an_object_that_is_gone_when_it_is_fetched_is_named_and_the_rest_is_scanned(
    local, s3, index, monkeypatch, tmp_path
):
    paths, _ = local
    for path in paths:
        s3.put(f"data/{path.name}", path.read_bytes())

    def on_request(count: int) -> None:
        if count == 2:  # the first is that of the listing
            s3.boto.delete_object(Bucket=s3.bucket, Key="data/shard.parquet")

    with Proxy(s3.port, on_request=on_request) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        summary = scan([f"s3://{s3.bucket}/data/"], index, tmp_path / "r.duckdb", workers=2)
    assert not summary.complete
    assert summary.shards == {"scanned": 2, "partial": 0, "failed": 1, "skipped": 0}
    [problem] = summary.exceptions
    assert problem["kind"] == "not fetched"
    assert "shard.parquet" in problem["reason"]


@pytest.mark.parametrize("spec", ["data/", "data/*.parquet"])
def test_an_object_that_is_listed_and_denied_is_named_and_the_rest_is_scanned(s3, rows, index, tmp_path, spec):
    path = formats.parquet(tmp_path, rows)
    s3.boto.put_bucket_acl(Bucket=s3.bucket, ACL="public-read")
    for key, access in (("data/denied.parquet", "private"), ("data/public.parquet", "public-read")):
        s3.boto.put_object(Bucket=s3.bucket, Key=key, Body=path.read_bytes(), ACL=access)
    summary = scan([f"s3://{s3.bucket}/{spec}"], index, tmp_path / "r.duckdb", workers=1, anonymous=True)
    assert not summary.complete
    assert summary.shards == {"scanned": 1, "partial": 0, "failed": 1, "skipped": 0}
    assert summary.documents_matched == 15
    [problem] = summary.exceptions
    assert problem["kind"] == "not fetched"
    assert "data/denied.parquet: access denied" in problem["reason"]
    assert "set AWS_ACCESS_KEY_ID" in problem["reason"]


def test_a_bucket_that_cannot_be_listed_ends_the_scan(s3, index, tmp_path):
    with pytest.raises((StorageError, UsageError)):
        scan(["s3://no-such-bucket-here/data/"], index, tmp_path / "r.duckdb", workers=1)
    assert list(tmp_path.iterdir()) == []


def test_the_command_takes_lists_from_files_and_standard_input_and_ends_by_itself(
    local,
    s3,
    index,
    tmp_path,
):
    paths, _ = local
    for path in paths:
        s3.put(f"data/{path.name}", path.read_bytes())
    uris = [f"s3://{s3.bucket}/data/{path.name}" for path in paths]
    (tmp_path / "list.txt").write_text(f"# shards\n{uris[0]}\n\n{paths[1]}\n")
    done = run(
        "scan",
        f"@{tmp_path / 'list.txt'}",
        "-",
        "--index",
        index,
        "--db",
        tmp_path / "r.duckdb",
        "--json",
        input=uris[2] + "\n",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["shards"]["scanned"] == 3
    shown = run("inspect", uris[1], "--json")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["format"] == "jsonl (gzip)"
    few = ("--plants", 3, "--lengths", 100, "--noise", "verbatim")
    certified = run("selftest", "--db", tmp_path / "r.duckdb", *few, "--json")
    assert certified.returncode == 0, certified.stderr
    assert json.loads(certified.stdout)["shards_sampled"] == sorted([uris[0], str(paths[1]), uris[2]])
    assert json.loads(certified.stdout)["one"]["found"] == 3


def test_processes_that_parse_get_no_credentials(s3):
    """The environment of a worker is read from the system while it runs."""
    code = (
        "import os; from pathlib import Path\n"
        "from provenance.isolation.supervisor import FETCHER, WORKER, Child\n"
        "for child in (Child(WORKER), Child(FETCHER)):\n"
        "    print(b'AWS_SECRET_ACCESS_KEY' in Path(f'/proc/{child.process.pid}/environ').read_bytes()); child.stop()"
    )
    if not Path("/proc/self/environ").exists():
        pytest.skip("the system does not show the environment of processes")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, timeout=60)
    assert done.stdout.split() == ["False", "True"], done.stderr
