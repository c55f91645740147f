"""Fetching from real stores, through a network that fails."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest
from msgspec.structs import replace

from provenance.errors import ObjectChangedError, OutputError, StorageError, UsageError
from provenance.storage import fetching, stores
from provenance.storage.fetching import fetch
from provenance.storage.listing import list_remote
from tests.storage.proxy import Proxy

DATA = os.urandom(1_000_003)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(fetching, "PART", 100_000)


def listed(store, key: str = "k", data: bytes = DATA):
    store.put(key, data)
    return list_remote(f"s3://{store.bucket}/{key}")[0]


@pytest.mark.parametrize("size", [0, 1, 99_999, 100_000, 100_001, len(DATA)])
def test_the_file_and_the_digest_are_those_of_the_object(s3, tmp_path, size):
    item = listed(s3, data=DATA[:size])
    fetched = fetch(item, tmp_path / "k")
    assert (tmp_path / "k").read_bytes() == DATA[:size]
    assert fetched.sha256 == hashlib.sha256(DATA[:size]).hexdigest()
    assert (replace(fetched, sha256=None), fetched.bytes) == (item, size)


def test_an_object_that_changed_since_it_was_listed_is_refused(s3, tmp_path):
    item = listed(s3)
    s3.put("k", DATA[::-1])
    with pytest.raises(ObjectChangedError, match="changed since it was listed: its ETag was"):
        fetch(item, tmp_path / "k")
    assert not list(tmp_path.iterdir())


def test_an_object_that_changes_while_it_is_read_is_refused(s3, tmp_path, monkeypatch):
    item = listed(s3)
    with Proxy(s3.port, on_request=lambda seen: s3.put("k", DATA[::-1]) if seen == 5 else None) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        with pytest.raises(ObjectChangedError, match="changed while it was being read"):
            fetch(item, tmp_path / "k")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault", [{"cut": 2, "after": 50_000}, {"cut": 1, "after": 0}, {"busy": 2}])
def test_a_failing_network_is_outlasted(s3, tmp_path, monkeypatch, fault):
    item = listed(s3)
    with Proxy(s3.port, **fault) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        fetched = fetch(item, tmp_path / "k")
    assert fetched.sha256 == hashlib.sha256(DATA).hexdigest()
    assert (tmp_path / "k").read_bytes() == DATA
    assert not proxy.cut + proxy.busy + proxy.trickle, "not all faults came"


@pytest.mark.parametrize("fault", [{"cut": 9999, "after": 300}, {"drop": 9999}, {"busy": 9999}])
def test_a_network_that_stays_broken_is_given_up(s3, impatient, tmp_path, monkeypatch, fault):
    item = listed(s3)
    with Proxy(s3.port, **fault) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        with pytest.raises(StorageError, match=r"cannot be read: .*: check the network"):
            fetch(item, tmp_path / "k")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault", ["stall", "trickle"])
def test_a_part_that_does_not_come_is_asked_for_again(s3, impatient, tmp_path, monkeypatch, fault):
    monkeypatch.setattr(stores, "RETRY_SECONDS", 20)
    item = listed(s3)
    with Proxy(s3.port, after=50_000, **{fault: 1}) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        fetched = fetch(item, tmp_path / "k")
    assert fetched.sha256 == hashlib.sha256(DATA).hexdigest()
    assert not getattr(proxy, fault)


def test_a_part_goes_on_where_it_was_cut(s3, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "PART", len(DATA))
    item = listed(s3)
    with Proxy(s3.port, cut=99, after=200_000) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        assert fetch(item, tmp_path / "k").sha256 == hashlib.sha256(DATA).hexdigest()


def test_an_object_that_is_gone_is_told_at_once(s3, tmp_path):
    item = listed(s3)
    s3.boto.delete_object(Bucket=s3.bucket, Key="k")
    with pytest.raises(StorageError, match="there is no such object"):
        fetch(item, tmp_path / "k")


def test_denied_access_names_the_variables_and_no_secret(s3, tmp_path, monkeypatch):
    item = listed(s3)
    with pytest.raises(StorageError, match=r"access denied .*set AWS_ACCESS_KEY_ID") as denied:
        fetch(item, tmp_path / "k", anonymous=True)
    assert "very-secret" not in str(denied.value)


def test_an_existing_file_is_never_written_to(s3, tmp_path):
    (tmp_path / "k").write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists already"):
        fetch(listed(s3), tmp_path / "k")
    assert (tmp_path / "k").read_bytes() == b"mine"


def test_a_full_disk_is_told_as_such(s3):
    with pytest.raises(OutputError, match="No space left on device: free some disk space"):
        fetching_to_full(listed(s3))


def fetching_to_full(item):
    """/dev/full takes no byte; O_EXCL would refuse it, as it exists."""
    opened = os.open

    def without_exclusive(path, flags, mode=0o777):
        return opened(path, flags & ~os.O_EXCL & ~os.O_CREAT, mode)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetching.os, "open", without_exclusive)
        patch.setattr(fetching.Path, "unlink", lambda *_, **__: None)
        return fetch(item, fetching.Path("/dev/full"))


def test_a_digest_that_the_store_states_must_be_that_of_the_bytes(s3, tmp_path):
    item = replace(listed(s3), sha256="0" * 64)
    with pytest.raises(ObjectChangedError, match="its SHA-256 was 000"):
        fetch(item, tmp_path / "k")


EXITS = """
import sys
from pathlib import Path
from provenance.errors import StorageError
from provenance.storage import stores
from provenance.storage.fetching import fetch
from provenance.storage.listing import list_remote
item = list_remote(sys.argv[1])[0]
stores.CALL_SECONDS, stores.RETRY_SECONDS = 0.5, 1
try:
    sys.stdout.write(fetch(item, Path(sys.argv[2])).sha256)
except StorageError as error:
    sys.stdout.write(str(error))
    sys.exit(3)
"""


def run(item, target) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", EXITS, item.uri, str(target)]
    return subprocess.run(command, timeout=60, capture_output=True, text=True)


def test_a_process_that_fetched_ends_by_itself(s3, tmp_path):
    done = run(listed(s3), tmp_path / "k")
    assert (done.returncode, done.stdout) == (0, hashlib.sha256(DATA).hexdigest())


@pytest.mark.parametrize("fault", [{"stall": 999}, {"trickle": 999}], ids=["stalls", "trickles"])
def test_a_process_whose_reads_were_given_up_ends_by_itself(s3, tmp_path, monkeypatch, fault):
    item = listed(s3)
    with Proxy(s3.port, after=300, **fault) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        done = run(item, tmp_path / "k")
    assert done.returncode == 3, done.stderr
    assert "cannot be read" in done.stdout
