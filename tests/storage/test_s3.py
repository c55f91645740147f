"""Objects of a real S3 server, also one that misbehaves."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time

import boto3
import pytest
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from provenance.errors import OutputError, StorageError, UsageError
from provenance.storage import RemoteObject, RetryPolicy, fetch, list_remote
from provenance.storage.fetching import PART_BYTES
from tests.storage.proxy import Proxy

QUICK = RetryPolicy(attempts=4, first_wait=0.05, most_wait=0.2, read_seconds=20, object_seconds=30)
BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def data_of(size: int) -> bytes:
    return hashlib.shake_128(b"x").digest(size)


@pytest.fixture
def proxy(s3_port, s3, monkeypatch):
    proxy = Proxy(s3_port)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
    yield proxy
    proxy.close()


def test_an_object_arrives_whole_with_its_digest_and_etag(put, tmp_path):
    data = data_of(2 * PART_BYTES + 12345)
    [item] = list_remote(put("data/a.bin", data))
    arrived: list[int] = []
    fetched = fetch(item, tmp_path / "a", on_bytes=arrived.append)
    assert (tmp_path / "a").read_bytes() == data
    assert (fetched.bytes, fetched.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert fetched.etag
    assert fetched.retries == 0
    assert sum(arrived) == len(data)


def test_an_empty_object_arrives(put, tmp_path):
    [item] = list_remote(put("empty", b""))
    assert fetch(item, tmp_path / "a").bytes == 0
    assert (tmp_path / "a").read_bytes() == b""


NAMES = [
    "a b.parquet",
    "ü.parquet",
    "x%2Fy.parquet",
    "q?a=1&b.parquet",
    "h#1.parquet",
    "a[1].parquet",
    "a+b.parquet",
    "*.parquet",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_taken_as_they_are(name, put, tmp_path):
    uri = put(f"odd/{name}", name.encode())
    put("odd/a1.parquet", b"another")
    [item] = list_remote(uri)
    assert item.uri == uri
    fetch(item, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == name.encode()


def test_directories_and_patterns_name_what_fits_in_order(put, bucket):
    keys = ["d/b.parquet", "d/a.parquet", "d/deep/c.parquet", "d/deep/er/x.jsonl", "e/a.parquet"]
    for key in keys:
        put(key, b"x")

    def listed(spec):
        return [item.uri.removeprefix(f"s3://{bucket}/") for item in list_remote(f"s3://{bucket}/{spec}")]

    assert listed("d") == listed("d/") == sorted(keys[:4])
    assert listed("") == sorted(keys)
    assert listed("d/*.parquet") == ["d/a.parquet", "d/b.parquet"]
    assert listed("d/**/*.parquet") == ["d/a.parquet", "d/b.parquet", "d/deep/c.parquet"]
    assert listed("*/a.parquet") == ["d/a.parquet", "e/a.parquet"]
    assert listed("d/[!a].parquet") == ["d/b.parquet"]
    assert listed("**") == sorted(keys)


def test_more_objects_than_one_answer_holds_are_all_listed(bucket):
    store = get_backend("s3")[DEFAULT_ACCOUNT_ID]["aws"]  # of the server, which is in this process
    for number in range(1050):
        store.put_object(bucket, f"many/{number:04}.parquet", b"x")
    assert len(list_remote(f"s3://{bucket}/many/*.parquet")) == 1050


@pytest.mark.parametrize("spec", ["nothing.parquet", "none/*.parquet", "none/"])
def test_what_names_nothing_is_an_error(spec, put, bucket):
    put("a.parquet", b"x")
    with pytest.raises(UsageError, match=r"no (such )?object"):
        list_remote(f"s3://{bucket}/{spec}")


def test_a_missing_bucket_is_an_error(s3):
    with pytest.raises((UsageError, StorageError), match="no-such-bucket"):
        list_remote("s3://no-such-bucket/data/")


def test_an_object_that_changed_after_the_listing_is_refused(put, tmp_path):
    [item] = list_remote(put("a.bin", b"first"))
    put("a.bin", b"second, longer")
    with pytest.raises(StorageError, match="changed after it was listed"):
        fetch(item, tmp_path / "a", QUICK)
    assert not (tmp_path / "a").exists()


def test_an_object_that_changes_while_it_is_read_is_refused(put, tmp_path):
    [item] = list_remote(put("a.bin", data_of(3 * PART_BYTES)))
    changed = []

    def change(size: int) -> None:
        if not changed:
            changed.append(put("a.bin", data_of(3 * PART_BYTES)[::-1]))

    with pytest.raises(StorageError, match="changed while"):
        fetch(item, tmp_path / "a", QUICK, on_bytes=change)
    assert not (tmp_path / "a").exists()


def test_an_object_that_is_gone_is_an_error(put, s3, bucket, tmp_path):
    [item] = list_remote(put("a.bin", b"x"))
    s3.delete_file(f"{bucket}/a.bin")
    with pytest.raises(StorageError, match="is not there"):
        fetch(item, tmp_path / "a", QUICK)


def test_the_version_of_an_object_is_recorded(put, bucket, s3_port, tmp_path):
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{s3_port}", region_name="us-east-1")
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    [item] = list_remote(put("a.bin", b"x"))
    version = client.head_object(Bucket=bucket, Key="a.bin")["VersionId"]
    assert fetch(item, tmp_path / "a").version == version


def test_a_busy_server_is_asked_again(put, proxy, tmp_path):
    [item] = list_remote(put("a.bin", b"x" * 1000))
    refused = []

    def busy(request: bytes) -> bytes | None:
        if request.startswith(b"GET") and len(refused) < 3:
            refused.append(request)
            return BUSY
        return None

    proxy.answer = busy
    fetched = fetch(item, tmp_path / "a", QUICK)
    assert len(refused) == 3
    assert (tmp_path / "a").read_bytes() == b"x" * 1000
    assert fetched.bytes == 1000


def test_a_server_that_stays_busy_is_given_up_with_a_reason(put, proxy, tmp_path):
    [item] = list_remote(put("a.bin", b"x" * 1000))
    proxy.answer = lambda request: BUSY if request.startswith(b"GET") else None
    with pytest.raises(StorageError, match=r"after 4 attempts.*503"):
        fetch(item, tmp_path / "a", QUICK)
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_is_cut_short_is_noticed_and_asked_for_again(put, proxy, tmp_path):
    data = data_of(500_000)
    [item] = list_remote(put("a.bin", data))
    cut = []

    def most(request: bytes) -> int | None:
        if request.startswith(b"GET") and not cut:
            cut.append(request)
            return 100_000
        return None

    proxy.most = most
    fetch(item, tmp_path / "a", QUICK)
    assert cut
    assert (tmp_path / "a").read_bytes() == data


def test_a_server_that_does_not_answer_is_left_at_the_deadline(put, proxy, tmp_path):
    [item] = list_remote(put("a.bin", b"x" * 1000))
    proxy.delay = 60
    started = time.monotonic()
    with pytest.raises(StorageError, match="no answer within"):
        fetch(item, tmp_path / "a", RetryPolicy(attempts=5, read_seconds=1, object_seconds=3, first_wait=0.05))
    assert time.monotonic() - started < 8


def test_no_place_to_write_is_an_error_of_the_output(put, tmp_path):
    [item] = list_remote(put("a.bin", b"x"))
    with pytest.raises(OutputError):
        fetch(item, tmp_path / "none" / "a", QUICK)


def test_a_wrong_digest_is_refused(put, tmp_path):
    [item] = list_remote(put("a.bin", b"x"))
    with pytest.raises(StorageError, match="is not what its store says"):
        fetch(RemoteObject(item.uri, item.bytes, item.modified_ns, "0" * 64), tmp_path / "a", QUICK)


def test_credentials_that_are_refused_are_told_with_a_remedy(put, proxy, tmp_path):
    [item] = list_remote(put("a.bin", b"x"))
    proxy.answer = lambda request: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    started = time.monotonic()
    with pytest.raises(StorageError, match="AWS_ACCESS_KEY_ID"):
        fetch(item, tmp_path / "a", QUICK)
    assert time.monotonic() - started < 5


def test_anonymous_access_sends_no_credentials_and_none_are_needed(put, proxy, monkeypatch, tmp_path):
    uri = put("a.bin", b"x")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    [item] = list_remote(uri, anonymous=True)
    fetch(item, tmp_path / "a", QUICK, anonymous=True)
    assert (tmp_path / "a").read_bytes() == b"x"


def test_a_process_that_read_objects_ends_by_itself(put, tmp_path):
    uri = put("a.bin", data_of(100_000))
    code = (
        "import sys; from pathlib import Path; from provenance.storage import *\n"
        "fetch(list_remote(sys.argv[1])[0], Path(sys.argv[2])); print('done')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, uri, str(tmp_path / "a")], timeout=60, capture_output=True, env=os.environ
    )
    assert (done.returncode, done.stdout) == (0, b"done\n"), done.stderr
