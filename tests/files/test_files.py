"""Files appear whole or not at all, and digests are those of the libraries they are named after."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys

import pytest
import xxhash

from provenance.errors import OutputError, UsageError
from provenance.files.digests import (
    BLOCK,
    canonical_json,
    file_digest,
    file_sha256,
    json_sha256,
    readable_json,
    text_digest,
)
from provenance.files.writing import atomic_write, check_free, check_parent, rename_folder

SIZES = [0, 1, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7]


@pytest.mark.parametrize("size", SIZES)
def test_digests_equal_xxhash_and_hashlib(tmp_path, size):
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    path = tmp_path / "data"
    path.write_bytes(data)
    assert file_digest(path) == text_digest(data) == text_digest(memoryview(data)) == xxhash.xxh3_128_hexdigest(data)
    assert file_sha256(path) == hashlib.sha256(data).hexdigest()


def test_digests_are_the_published_ones_of_the_empty_string():
    assert text_digest(b"") == "99aa06d3014798d86001c324468d497f"
    assert len(text_digest(b"x")) == 32


def test_a_file_is_written_under_its_name_and_nothing_is_left_beside_it(tmp_path):
    with atomic_write(tmp_path / "out.bin") as file:
        file.write(b"one")
        file.write(b"two")
    assert (tmp_path / "out.bin").read_bytes() == b"onetwo"
    assert [path.name for path in tmp_path.iterdir()] == ["out.bin"]


def test_until_it_is_complete_the_old_file_stands(tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    with atomic_write(path) as file:
        file.write(b"new, and longer")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new, and longer"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, MemoryError])
@pytest.mark.parametrize("before", [None, b"old"])
def test_an_error_while_writing_comes_through_and_leaves_everything_as_it_was(tmp_path, error, before):
    path = tmp_path / "out.bin"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(error), atomic_write(path) as file:
        file.write(b"half")
        raise error
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([] if before is None else [before])


def test_a_full_disk_is_an_output_error_and_leaves_nothing(tmp_path):
    with (
        pytest.raises(OutputError, match=r"cannot write .*out\.bin: No space left"),
        atomic_write(tmp_path / "out.bin"),
    ):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_sync_leaves_nothing(tmp_path, monkeypatch):
    def fail(handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="Input/output error"), atomic_write(tmp_path / "out.bin") as file:
        file.write(b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_an_output_error(tmp_path):
    path = tmp_path / "missing" / "out.bin"
    with pytest.raises(OutputError, match=r"cannot write .*missing"), atomic_write(path):
        pytest.fail("nothing can be written there")


def test_a_folder_is_not_replaced_by_a_file(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="cannot write"), atomic_write(tmp_path / "out") as file:
        file.write(b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_permissions_are_those_of_a_file_written_plainly(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    with atomic_write(tmp_path / "atomic") as file:
        file.write(b"")
    plain, atomic = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "atomic"))
    assert atomic == plain


def test_the_data_are_synced_before_the_rename_and_the_folder_after(tmp_path, monkeypatch):
    path, seen = tmp_path / "out.bin", []
    fsync = os.fsync

    def watch(handle: int) -> None:
        seen.append((stat.S_ISDIR(os.fstat(handle).st_mode), path.exists()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watch)
    with atomic_write(path) as file:
        file.write(b"x")
    assert seen == [(False, False), (True, True)]


@pytest.mark.parametrize("before", [True, False])
def test_a_folder_appears_whole_with_all_its_files_synced_before(tmp_path, monkeypatch, before):
    made, place, synced = tmp_path / "made", tmp_path / "place", []
    (made / "deep").mkdir(parents=True)
    for name in ("a", "deep/b"):
        (made / name).write_text(name)
    if before:
        place.mkdir()
        (place / "old").write_text("old")
    fsync = os.fsync

    def watch(handle: int) -> None:
        synced.append(os.fstat(handle).st_ino)
        assert (place / "a").exists() == (len(synced) > 4)
        fsync(handle)

    inner = [path.stat().st_ino for path in (made, made / "a", made / "deep", made / "deep" / "b")]
    monkeypatch.setattr(os, "fsync", watch)
    rename_folder(made, place)
    assert sorted(synced[:4]) == sorted(inner)
    assert synced[4:] == [tmp_path.stat().st_ino]
    assert [path.name for path in tmp_path.iterdir()] == ["place"]
    assert sorted(path.name for path in place.iterdir()) == ["a", "deep"]


def test_only_what_is_ours_is_replaced_and_only_when_asked(tmp_path):
    ours, other, link = tmp_path / "ours", tmp_path / "other", tmp_path / "link"
    ours.write_text("ours")
    other.write_text("other")
    link.symlink_to(tmp_path / "nowhere")

    def check(path, overwrite: bool) -> None:
        def is_ours() -> bool:
            if path == link:
                raise UsageError("cannot be read")
            return path.read_text() == "ours"

        check_free(path, "--out", "bundle", overwrite, is_ours)

    check(tmp_path / "free", False)
    check(ours, True)
    with pytest.raises(UsageError, match="ours exists: choose another --out, or pass --overwrite to replace it"):
        check(ours, False)
    for path in (other, link):
        for overwrite in (True, False):
            with pytest.raises(UsageError, match=f"{path.name} exists and is no bundle: it is not overwritten"):
                check(path, overwrite)


def test_a_file_needs_a_directory_to_lie_in(tmp_path):
    check_parent(tmp_path / "a")
    with pytest.raises(UsageError, match=r"no directory .*none to write a into"):
        check_parent(tmp_path / "none" / "a")


def test_equal_records_have_one_digest(tmp_path):
    record = {"b": [1, None, "é"], "a": 1.5}
    assert canonical_json(record) == '{"a":1.5,"b":[1,null,"\\u00e9"]}'
    assert json_sha256(record) == hashlib.sha256(canonical_json(record).encode()).hexdigest()
    assert json_sha256(record) == json_sha256(dict(reversed(record.items())))
    assert json.loads(readable_json(record)) == record
    assert readable_json(record).endswith(b"}\n")
