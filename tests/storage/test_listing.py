"""Listing real stores."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from provenance.errors import ObjectChangedError, StorageError, UsageError
from provenance.storage.fetching import fetch
from provenance.storage.listing import list_remote
from tests.storage.proxy import Proxy

ODD = ("a b.parquet", "a%20b.parquet", "é日本.parquet", "#1.parquet", "x+y&z=1.parquet", "q?.parquet", "[x].parquet")


def keys(store, pattern: str) -> list[str]:
    return [item.uri.removeprefix(f"s3://{store.bucket}/") for item in list_remote(f"s3://{store.bucket}/{pattern}")]


def test_an_object_is_pinned_to_its_size_etag_and_time(s3):
    s3.put("d/a.parquet", b"hello")
    (item,) = list_remote(f"s3://{s3.bucket}/d/a.parquet")
    assert (item.uri, item.bytes) == (f"s3://{s3.bucket}/d/a.parquet", 5)
    assert item.etag == hashlib.md5(b"hello").hexdigest()
    assert item.version is None
    assert abs(datetime.fromisoformat(item.modified) - datetime.now(UTC)) < timedelta(minutes=1)


def test_prefixes_and_patterns_list_what_a_shell_would(s3):
    for key in ("a/1.pq", "a/2.txt", "a/b/3.pq", "a/b/c/4.pq", "ab/5.pq", "6.pq", "a/marker/", "a/empty.pq"):
        s3.put(key, b"" if "m" in key else b"x")
    below_a = ["a/1.pq", "a/2.txt", "a/b/3.pq", "a/b/c/4.pq", "a/empty.pq"]
    assert keys(s3, "a") == keys(s3, "a/") == below_a
    assert keys(s3, "*.pq") == ["6.pq"]
    assert keys(s3, "a/*.pq") == ["a/1.pq", "a/empty.pq"]
    assert keys(s3, "a/?.pq") == ["a/1.pq"]
    assert keys(s3, "a/[!1-9]*.pq") == ["a/empty.pq"]
    assert keys(s3, "*/b/*.pq") == ["a/b/3.pq"]
    assert keys(s3, "a*") == [*below_a, "ab/5.pq"]
    assert keys(s3, "**/*.pq") == ["6.pq", "a/1.pq", "a/b/3.pq", "a/b/c/4.pq", "a/empty.pq", "ab/5.pq"]
    assert keys(s3, "a/**/c/*") == ["a/b/c/4.pq"]
    assert len(keys(s3, "**")) == 7


def test_odd_names_are_listed_as_they_are_and_can_be_fetched_by_what_was_listed(s3, tmp_path):
    for key in ODD:
        s3.put(key, key.encode())
    assert keys(s3, "**") == sorted(ODD)
    for number, item in enumerate(list_remote(f"s3://{s3.bucket}/**")):
        fetch(item, tmp_path / str(number))
        assert (tmp_path / str(number)).read_text() == item.uri.removeprefix(f"s3://{s3.bucket}/")


def test_a_key_that_looks_like_a_pattern_is_taken_as_the_key_first(s3):
    s3.put("[x].pq", b"1")
    s3.put("x.pq", b"2")
    assert keys(s3, "[x].pq") == ["[x].pq"]


@pytest.mark.slow
def test_more_keys_than_a_page_holds_are_all_listed(s3):
    with ThreadPoolExecutor(4) as pool:
        client = s3.boto
        list(pool.map(lambda n: client.put_object(Bucket=s3.bucket, Key=f"d/{n:05d}", Body=b"x"), range(1_005)))
    assert keys(s3, "d") == [f"d/{n:05d}" for n in range(1_005)]


def test_the_version_of_an_object_is_recorded(s3, tmp_path):
    s3.boto.put_bucket_versioning(Bucket=s3.bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put("k", b"old")
    version = s3.boto.put_object(Bucket=s3.bucket, Key="k", Body=b"new")["VersionId"]
    (item,) = list_remote(f"s3://{s3.bucket}/k")
    assert item.version == version
    assert fetch(item, tmp_path / "k").version == version
    (listed,) = list_remote(f"s3://{s3.bucket}/**")
    assert listed == replace(item, version=None), "a listing tells no version, and whatever else it tells is the same"
    assert fetch(listed, tmp_path / "again").version == version


@pytest.mark.parametrize("key", ["none", "none/", "none/*", "**/none"])
def test_a_name_without_objects_is_a_usage_error(s3, key):
    with pytest.raises(UsageError, match="nothing matches s3://"):
        list_remote(f"s3://{s3.bucket}/{key}")
    with pytest.raises(UsageError, match="nothing matches s3://no-such-bucket"):
        list_remote(f"s3://no-such-bucket/{key}")


def test_without_credentials_listing_fails_fast_and_names_the_variables(s3, monkeypatch):
    s3.put("k", b"x")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    began = time.monotonic()
    with Proxy(s3.port, private=True) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        for anonymous in (False, True):
            with pytest.raises(StorageError, match=r"access denied .*set AWS_ACCESS_KEY_ID"):
                list_remote(f"s3://{s3.bucket}/k", anonymous=anonymous)
    assert time.monotonic() - began < 5


def test_an_object_that_may_be_listed_and_not_read_is_listed_by_its_name_too(s3):
    s3.boto.put_bucket_acl(Bucket=s3.bucket, ACL="public-read")
    s3.put("d/private", b"x")
    (named,) = list_remote(f"s3://{s3.bucket}/d/private", anonymous=True)
    assert [named] == list_remote(f"s3://{s3.bucket}/d/", anonymous=True)
    assert named.bytes == 1


def test_an_azure_endpoint_without_tls_needs_a_key(environment, monkeypatch):
    """Azure's own library would end the process."""
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "ours")
    monkeypatch.setenv("AZURE_STORAGE_BLOB_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UsageError, match="set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN"):
        list_remote("az://c/k")


def test_a_public_object_is_read_anonymously(s3, tmp_path):
    s3.boto.put_object(Bucket=s3.bucket, Key="k", Body=b"x", ACL="public-read")
    s3.boto.put_bucket_acl(Bucket=s3.bucket, ACL="public-read")
    (item,) = list_remote(f"s3://{s3.bucket}/k", anonymous=True)
    assert fetch(item, tmp_path / "k", anonymous=True).bytes == 1


def test_a_store_that_is_busy_is_asked_again_and_one_that_stays_so_is_given_up(s3, impatient, monkeypatch):
    s3.put("d/k", b"x")
    with Proxy(s3.port, busy=2) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        assert len(list_remote(f"s3://{s3.bucket}/d/")) == 1
        assert not proxy.busy
    with Proxy(s3.port, busy=10_000) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        with pytest.raises(StorageError, match=r"cannot be read: .*503 Service Unavailable: check the network") as told:
            list_remote(f"s3://{s3.bucket}/d/")
    assert "\n" not in str(told.value)


def test_a_listing_asks_once_and_not_for_each_object(s3, monkeypatch):
    for number in range(5):
        s3.put(f"d/{number}", b"x")
    with Proxy(s3.port) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        assert len(list_remote(f"s3://{s3.bucket}/d/")) == 5
    assert proxy.seen == 1


def test_a_key_that_cannot_be_asked_for_is_named(s3):
    s3.put("d/good", b"x")
    s3.put("d//odd", b"x")
    with pytest.raises(StorageError, match="d//odd"):
        list_remote(f"s3://{s3.bucket}/d/")
    assert keys(s3, "d/good") == ["d/good"]


@pytest.mark.parametrize("variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_a_profile_of_the_aws_command_line_signs_requests(s3, monkeypatch, tmp_path, variable):
    s3.put("k", b"x")
    (tmp_path / "aws").write_text(
        f"[{'profile ' * (variable == 'AWS_CONFIG_FILE')}ours]\naws_access_key_id = a\naws_secret_access_key = %b\n"
    )
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv(variable, str(tmp_path / "aws"))
    with Proxy(s3.port, private=True) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        with pytest.raises(StorageError, match="access denied"):
            list_remote(f"s3://{s3.bucket}/k")
        monkeypatch.setenv("AWS_PROFILE", "ours")
        assert keys(s3, "k") == ["k"]
        monkeypatch.setenv("AWS_PROFILE", "theirs")
        with pytest.raises(UsageError, match="there is no profile theirs"):
            list_remote(f"s3://{s3.bucket}/k")


def test_gcs_objects_are_pinned_and_their_generation_is_recorded(gcs, tmp_path):
    for key in ("d/a b%20#é.pq", "d/e/2.pq"):
        gcs.put(key, key.encode())
    first, second = list_remote("gs://bucket/**/*.pq")
    assert [first.uri, second.uri] == ["gs://bucket/d/a b%20#é.pq", "gs://bucket/d/e/2.pq"]
    assert first.etag == hashlib.md5("d/a b%20#é.pq".encode()).hexdigest()
    fetched = [fetch(item, tmp_path / str(number)) for number, item in enumerate((first, second))]
    assert fetched[0].sha256 == hashlib.sha256("d/a b%20#é.pq".encode()).hexdigest()
    assert [each.version for each in fetched] == ["1", "2"]
    assert replace(fetched[1], sha256=None) == list_remote("gs://bucket/d/e/2.pq")[0]
    gcs.put("d/e/2.pq", b"d/e/2.pQ")
    with pytest.raises(ObjectChangedError, match="its ETag was"):
        fetch(second, tmp_path / "third")
    with pytest.raises(UsageError, match="nothing matches"):
        list_remote("gs://bucket/none")
