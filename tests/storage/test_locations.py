"""What a URI may say, and what it may not."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import UsageError
from provenance.storage.locations import LONGEST_LIST, Location, expand_lists, is_remote, parse


@pytest.fixture(autouse=True)
def account(monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "ours")


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("s3://b/a/b c%20.parquet", Location("s3", "b", "a/b c%20.parquet")),
        ("S3://b/k#1", Location("s3", "b", "k#1")),
        ("gcs://b/**", Location("gs", "b", "**")),
        ("abfss://c@ours.dfs.core.windows.net/k", Location("abfss", "c", "k", account="ours")),
        ("az://c/d/k", Location("abfss", "c", "d/k", account="ours")),
        ("hf://datasets/o/n", Location("hf", "o/n", "")),
        ("hf://datasets/o/n@main/d/k", Location("hf", "o/n", "d/k", revision="main")),
        ("hf://datasets/o/n@~parquet/d/k", Location("hf", "o/n", "d/k", revision="refs/convert/parquet")),
        ("hf://datasets/o/n@refs/pr/3/k", Location("hf", "o/n", "k", revision="refs/pr/3")),
        ("hf://datasets/o/n/d@x/k", Location("hf", "o/n", "d@x/k")),
    ],
)
def test_a_uri_names_a_place_and_the_place_that_uri(uri, location):
    assert is_remote(uri)
    assert parse(uri) == location
    assert parse(location.uri) == location


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("http://169.254.169.254/latest", "cannot be read from http://"),
        ("https://x.org/a.parquet", "cannot be read from https://"),
        ("ftp://x/a", "cannot be read from ftp://"),
        ("file:///etc/passwd", "give the path itself"),
        ("simplecache::http://x/a", "chains file systems"),
        ("s3://user:hunter2@b/k", "no user, password or port"),
        ("s3://evil.org:9000/k", "no user, password or port"),
        ("abfss://c:hunter2@ours.dfs.core.windows.net/k", "no user, password or port"),
        ("abfss://c@evil.org/k", "after @ comes"),
        ("abfss://c@ours.dfs.core.windows.net.evil.org/k", "after @ comes"),
        ("abfss://c@theirs.dfs.core.windows.net/k", "another account"),
        ("s3://b/k?endpoint_override=http://evil.org&scheme=hunter2", "may not set endpoint_override"),
        ("s3://b/k?versionId=1", "may not set versionId"),
        ("s3://b/k?X-Amz-Signature=hunter2", "may not set X-Amz-Signature"),
        ("s3://", "names no bucket"),
        ("s3:///k", "names no bucket"),
        ("s3://-b/k", "names no bucket that can exist"),
        ("s3://b", "names no object: to scan all of it write s3://b/**"),
        ("gs://b/", "write gs://b/**"),
        ("s3://b/a\x1b[2J", "control character"),
        ("hf://models/o/n/k", "only datasets"),
        ("hf://datasets/o", "names no dataset"),
    ],
)
def test_a_uri_that_must_not_be_followed_is_refused_with_the_reason_and_no_secret(uri, told):
    assert is_remote(uri)
    with pytest.raises(UsageError) as refused:
        parse(uri)
    assert told in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_no_storage_account_is_a_usage_error_that_names_the_variable(monkeypatch):
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT")
    with pytest.raises(UsageError, match="set AZURE_STORAGE_ACCOUNT"):
        parse("az://c/k")


@pytest.mark.parametrize("path", ["a.parquet", "/a/b", "./s3:/b", "C:\\x", "-", "@list", "s3/x", "a://"[:2]])
def test_a_path_is_not_remote(path):
    assert not is_remote(path)


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1).filter(lambda key: "?" not in key))
def test_every_key_is_its_own_spelling(key):
    assert parse(f"s3://bucket/{key}").key == key
    assert parse(parse(f"s3://bucket/{key}").uri).key == key


def test_lists_are_replaced_by_their_lines(tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_bytes("\ufeffs3://b/a b\r\n\n# no\nd/é.parquet\n  x\n".encode())
    specs = ["first", f"@{listed}", "-", "last"]
    assert expand_lists(specs, io.BytesIO(b"gs://b/k")) == [
        "first", "s3://b/a b", "d/é.parquet", "  x", "gs://b/k", "last",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"ok\n@other.txt\n", "line 2: a list cannot name another list"),
        (b"-\n", "line 1: a list cannot name another list"),
        (b"\n\xff\n", "line 2 is not UTF-8"),
        (b"http://x/y\n", "line 1: shards cannot be read from http://"),
        (b"s3://b/k?endpoint_override=http://evil.org\n", "line 1: .*may not set endpoint_override"),
        (b"a\x00b\n", "line 1: a control character"),
        (b"x" * (LONGEST_LIST + 1), "longer than 64 MB"),
    ],
    ids=range(7),
)
def test_a_bad_line_is_refused_with_its_list_and_number(content, told):
    with pytest.raises(UsageError, match=f"standard input.*{told}"):
        expand_lists(["-"], io.BytesIO(content))


def test_stdin_can_be_named_once_and_a_list_must_exist(tmp_path):
    with pytest.raises(UsageError, match="given twice"):
        expand_lists(["-", "-"], io.BytesIO())
    with pytest.raises(UsageError, match=r"cannot read the list .*none\.txt: No such file"):
        expand_lists([f"@{tmp_path}/none.txt"], io.BytesIO())
    with pytest.raises(UsageError, match="cannot be read from ftp"):
        expand_lists(["ftp://x/y"], io.BytesIO())
