"""Addresses and lists."""

from __future__ import annotations

import pytest

from provenance.errors import UsageError
from provenance.storage import expand_lists, is_remote
from provenance.storage.locations import parse

REFUSED = [
    "http://example.org/a.parquet", "https://169.254.169.254/latest", "ftp://h/a", "file:///etc/passwd",
    "simplecache::s3://bucket/a", "simplecache::http://169.254.169.254/", "s3://", "s3:///key", "s3://user:pw@bucket/key",
    "s3://buck et/key", "s3://bucket/a\nb", "s3://bucket/a?versionId=1", "hf://org/name/a", "hf://datasets/org",
    "memory://x/y", "gs://[bucket]/a",
]  # fmt: skip


@pytest.mark.parametrize("uri", REFUSED)
def test_addresses_that_could_lead_elsewhere_are_refused(uri):
    assert is_remote(uri)
    with pytest.raises(UsageError):
        parse(uri)


@pytest.mark.parametrize("path", ["data/a.parquet", "/abs/a.parquet", "a:b.parquet", "C:/x", "x*y", "odd::name", "@x"])
def test_paths_are_no_addresses(path):
    assert not is_remote(path)


def test_addresses_are_taken_apart_and_put_together_again():
    for uri in ("s3://bucket/a/b c%2F#?x.parquet", "gs://b/k", "abfss://c@account.dfs.core.windows.net/k/x"):
        location = parse(uri)
        assert location.uri(location.path) == uri
    assert parse("az://c/k").scheme == "abfss"
    assert parse("hf://datasets/org/name@main/data/x.parquet").root == "datasets/org/name@main"


def test_a_list_names_shards_line_by_line(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes("\ufeff# comment\r\na.parquet\r\n\r\ns3://b/ü x\n".encode())
    assert expand_lists(["x", f"@{path}"]) == ["x", "a.parquet", "s3://b/ü x"]


@pytest.mark.parametrize("content", [b"", b"# only\n\n", b"\xff\xfe", b"@other.txt\n", b"-\n"])
def test_lists_that_make_no_sense_are_refused(content, tmp_path):
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(UsageError, match=r"list\.txt"):
        expand_lists([f"@{tmp_path / 'list.txt'}"])


def test_a_list_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="cannot read the list"):
        expand_lists([f"@{tmp_path / 'none'}"])
    with pytest.raises(UsageError, match="twice"):
        expand_lists(["-", "-"])
