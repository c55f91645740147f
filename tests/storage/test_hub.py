"""Datasets of a Hub, served by a real HTTP server."""

from __future__ import annotations

import hashlib
import os

import pytest

from provenance.errors import StorageError, UsageError
from provenance.storage import fetching
from provenance.storage.fetching import fetch
from provenance.storage.listing import list_remote
from tests.storage.hub import COMMIT, TOKEN, Hub, serving

DATA = os.urandom(250_000)
FILES = {"README.md": b"books", "data/a b%.parquet": DATA, "data/é/2.parquet": b"2", "data/é/3.txt": b"3"}


@pytest.fixture
def hub(environment, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "no-home"))
    monkeypatch.setattr(fetching, "PART", 100_000)
    with serving(Hub(dict(FILES))) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def paths(spec: str) -> list[str]:
    return [item.uri.removeprefix(f"hf://datasets/org/books@{COMMIT}/") for item in list_remote(spec)]


def test_a_branch_is_pinned_to_its_commit_and_the_digest_the_hub_states_is_recorded(hub, tmp_path):
    (item,) = list_remote("hf://datasets/org/books@main/data/a b%.parquet")
    assert item.uri == f"hf://datasets/org/books@{COMMIT}/data/a b%.parquet"
    assert (item.version, item.bytes, item.sha256) == (COMMIT, len(DATA), hashlib.sha256(DATA).hexdigest())
    fetched = fetch(item, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == DATA
    assert fetched == item


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("hf://datasets/org/books", sorted(FILES)),
        ("hf://datasets/org/books/data", sorted(FILES)[1:]),
        ("hf://datasets/org/books/**/*.parquet", ["data/a b%.parquet", "data/é/2.parquet"]),
        ("hf://datasets/org/books/data/*/2*", ["data/é/2.parquet"]),
        ("hf://datasets/org/books/*.md", ["README.md"]),
    ],
)
def test_datasets_folders_and_patterns_are_listed(hub, spec, expected):
    assert paths(spec) == expected


def test_bytes_that_are_not_those_the_hub_states_are_refused(hub, tmp_path):
    hub.stated["data/é/2.parquet"] = "0" * 64
    (item,) = list_remote("hf://datasets/org/books/data/é/2.parquet")
    with pytest.raises(StorageError, match="the store states 0000"):
        fetch(item, tmp_path / "2")
    assert not list(tmp_path.iterdir())


def test_a_short_read_is_noticed_and_asked_for_again(hub, tmp_path):
    (item,) = list_remote("hf://datasets/org/books/README.md")
    hub.short = 2
    fetch(item, tmp_path / "r")
    assert not hub.short
    assert (tmp_path / "r").read_bytes() == b"books"
    hub.short = 99
    with pytest.raises(StorageError, match=r"4 bytes came instead of 5, at byte 0, 3 times"):
        fetch(item, tmp_path / "s")


def test_what_is_not_there_is_told(hub):
    with pytest.raises(UsageError, match="nothing matches"):
        list_remote("hf://datasets/org/books/none")
    with pytest.raises(UsageError, match="no such object, bucket or dataset"):
        list_remote("hf://datasets/org/none")


def test_a_private_dataset_needs_the_token_and_no_message_shows_it(hub, monkeypatch, tmp_path):
    hub.private = True
    with pytest.raises(StorageError, match=r"access denied .*set HF_TOKEN"):
        list_remote("hf://datasets/org/books/README.md")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    (item,) = list_remote("hf://datasets/org/books/README.md")
    assert fetch(item, tmp_path / "r").bytes == 5
    with pytest.raises(StorageError, match="access denied") as denied:
        list_remote("hf://datasets/org/books/README.md", anonymous=True)
    assert TOKEN not in str(denied.value)
