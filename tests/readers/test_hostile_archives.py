"""Archives made to do harm end as failed, with a reason, whole or member by member, in bounded time and memory."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import time
import zipfile

import psutil
import pyarrow as pa
import pytest
from making import as_epub, as_pdf, as_tar, as_zip, failure, paragraphs_of, read

from provenance.readers.document import BookColumns
from provenance.readers.formats import format_of
from provenance.readers.limits import Limits
from provenance.readers.parsing import Parser

TEXT = "\n\n".join(paragraphs_of(3, 4))
ZEROS = bytes(64 << 20)


pytestmark = pytest.mark.usefixtures("bounded")


def test_a_zip_bomb_is_refused_while_it_unpacks(tmp_path):
    (tmp_path / "bomb.zip").write_bytes(as_zip({"good.txt": TEXT, "bomb.txt": ZEROS}))
    books, reading = read(tmp_path / "bomb.zip")
    assert [book.edition_id for book in books] == ["good"]
    assert [o.path.rpartition("!")[2] for o in reading.failed] == ["bomb.txt"]
    assert "as a bomb does" in reading.failed[0].reason


def test_a_member_that_lies_about_its_size_is_read_no_further(tmp_path):
    data = bytearray(as_zip({"book.txt": ZEROS[: 1 << 20]}))
    for begin in (data.index(b"PK\x03\x04") + 22, data.index(b"PK\x01\x02") + 24):
        data[begin : begin + 4] = (100).to_bytes(4, "little")
    (tmp_path / "lies.zip").write_bytes(data)
    books, reading = read(tmp_path / "lies.zip")
    assert books == []
    assert "damaged" in reading.failed[0].reason


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("bomb.jsonl.gz", gzip.compress(ZEROS)),
        ("bomb.jsonl.zst", pa.compress(ZEROS, codec="zstd", asbytes=True)),
        ("bomb.tar.gz", as_tar({"a.txt": ZEROS}, "w:gz")),
        ("bomb.tar.xz", as_tar({"a.txt": ZEROS}, "w:xz")),
        ("bomb.tar.bz2", as_tar({"a.txt": ZEROS}, "w:bz2")),
    ],
)
def test_a_packed_stream_that_is_a_bomb_is_refused(tmp_path, name, data):
    assert "as a bomb does" in failure(data, tmp_path / name)


def test_a_truncated_archive_is_told_to_be_damaged(tmp_path):
    whole = as_tar({"a.txt": TEXT.encode(), "b.txt": "\n".join(paragraphs_of(9)).encode()}, "w:gz")
    assert "cannot be unpacked" in failure(whole[: len(whole) // 2], tmp_path / "cut.tar.gz")
    assert "no zip file" in failure(as_zip({"a.txt": TEXT})[:-30], tmp_path / "cut.zip")


def test_an_archive_within_an_archive_is_not_opened(tmp_path):
    inner = as_zip({"deep.txt": TEXT})
    (tmp_path / "outer.zip").write_bytes(as_zip({"inner.zip": inner, "inner.tar.gz": inner, "good.txt": TEXT}))
    books, reading = read(tmp_path / "outer.zip")
    assert [book.edition_id for book in books] == ["good"]
    assert [o.reason for o in reading.failed] == ["an archive within an archive is not opened: unpack it first"] * 2


@pytest.mark.parametrize("name", ["../../outside.txt", "/etc/outside.txt", "C:\\outside.txt", "a/..\\..\\b.txt"])
def test_an_archive_whose_members_point_out_of_it_is_refused_whole(tmp_path, name):
    for archive, data in (
        ("t.zip", as_zip({"good.txt": TEXT, name: TEXT})),
        ("t.tar", as_tar({"good.txt": b"good", name: b"bad"})),
    ):
        assert "points out of the archive" in failure(data, tmp_path / archive)
    assert "points out" in failure(as_epub(paragraphs_of(1, 3), extra={name: "x"}), tmp_path / "t.epub")


def test_links_and_devices_in_archives_are_not_followed(tmp_path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind in (("link.txt", tarfile.SYMTYPE), ("hard.txt", tarfile.LNKTYPE), ("dev.txt", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    (tmp_path / "links.tar").write_bytes(out.getvalue())
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        info = zipfile.ZipInfo("link.txt")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    (tmp_path / "links.zip").write_bytes(zipped.getvalue())
    books, reading = read(tmp_path / "links.tar", tmp_path / "links.zip")
    assert books == []
    assert len(reading.failed) == 4
    assert all("link" in outcome.reason for outcome in reading.failed)


def test_encrypted_members_and_unknown_compression_are_told(tmp_path):
    data = bytearray(as_zip({"secret.txt": TEXT}))
    for begin in (data.index(b"PK\x03\x04") + 6, data.index(b"PK\x01\x02") + 8):
        data[begin] |= 1
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.txt", TEXT)
    (tmp_path / "secret.zip").write_bytes(data)
    (tmp_path / "lzma.zip").write_bytes(packed.getvalue())
    _, reading = read(tmp_path / "secret.zip", tmp_path / "lzma.zip")
    assert "encrypted" in reading.failed[0].reason
    assert "method 14" in reading.failed[1].reason


def test_two_members_of_one_name_are_refused(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("a.txt", TEXT)
        archive.writestr("a.txt", TEXT + "more")
    assert "one name" in failure(out.getvalue(), tmp_path / "twice.zip")


def test_too_many_members_are_refused(tmp_path):
    members = {f"{number}.txt": b"x" for number in range(50)}
    assert "50 members" in failure(as_zip(dict(members)), tmp_path / "many.zip", members=40)
    assert "more than 40 members" in failure(as_tar(members), tmp_path / "many.tar", members=40)


def test_a_parser_that_crashes_at_a_member_costs_that_member(tmp_path):
    members = {"0.txt": TEXT.encode(), "1.pdf": as_pdf(paragraphs_of(1, 800)), "2.txt": TEXT.encode()}
    path = tmp_path / "a.tar"
    path.write_bytes(as_tar(members))
    with Parser(Limits()) as parser:
        items = parser.read(path, format_of(path.name), BookColumns())
        assert next(items).place == "!0.txt"
        child = psutil.Process(parser._children._working[0][0].process.pid)
        while not any("pdfium" in library.path for library in child.memory_maps()):
            time.sleep(0.001)
        child.kill()
        lost, last = items
    assert (lost.place, lost.reason) == ("!1.pdf", "the process that parsed it died (signal 9)")
    assert (last.place, last.text) == ("!2.txt", members["2.txt"])


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:1029] + b"U" + raw[1030:], lambda raw: raw[:1024], lambda raw: raw[:2048]]
)
def test_a_tar_that_is_damaged_between_its_members_loses_no_book_silently(damage, tmp_path):
    raw = as_tar({f"{name}.txt": b"one two three" for name in "abc"})
    (tmp_path / "a.tar").write_bytes(damage(raw))
    _, reading = read(tmp_path / "a.tar")
    assert [outcome.outcome for outcome in reading.outcomes][-1] == "failed"
