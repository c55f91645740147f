"""Broken and hostile shards: each ends in a typed outcome that names it, in bounded time and memory."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import tarfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from provenance.errors import ShardError
from provenance.runs.engine import Watch
from provenance.runs.scan import scan
from provenance.shards.opening import open_shard
from provenance.shards.shard import Options
from provenance.store.database import RunReader
from provenance.units.config import ScanConfig
from tests.shards import formats
from tests.shards.fixtures import texts_of

FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures"
DAMAGED = {
    "cut.parquet": lambda folder, rows: formats.parquet(folder, rows).read_bytes()[:-400],
    "cut.arrow": lambda folder, rows: formats.arrow_file(folder, rows).read_bytes()[:-400],
    "cut-stream.arrow": lambda folder, rows: formats.arrow_stream(folder, rows).read_bytes()[:-3000],
    "cut.jsonl.gz": lambda folder, rows: formats.jsonl_gz(folder, rows).read_bytes()[:-100],
    "cut.jsonl.zst": lambda folder, rows: formats.jsonl_zst(folder, rows).read_bytes()[:-100],
    "cut.tar": lambda folder, rows: formats.web_tar(folder, rows).read_bytes()[:20_700],
    "cut.tar.gz": lambda folder, rows: formats.web_tar_json_gz(folder, rows).read_bytes()[:-100],
    "cut.warc.gz": lambda folder, rows: formats.wet_gz(folder, rows).read_bytes()[:-100],
    "no.parquet": lambda folder, rows: b"not a parquet file at all",
    "no.jsonl": lambda folder, rows: b"\x00\x01\x02" * 1000,
    "no.csv": lambda folder, rows: b"",
    "no.npy": lambda folder, rows: b"\x93NUMPY\x01\x00\xff\xff{",
    "no.tar": lambda folder, rows: os.urandom(2000),
    "no.warc": lambda folder, rows: b"WARC/1.0\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "old.feather": lambda folder, rows: b"FEA1" + b"\0" * 100,
    "deep.jsonl": lambda folder, rows: b'{"text": ' + b"[" * 1_000_000 + b"\n",
    "unknown.xyz": lambda folder, rows: b"\x00\xff\x00\xff" * 10,
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_named_and_never_reads_as_clean(name, rows, index, tmp_path):
    (tmp_path / "made").mkdir()
    path = tmp_path / name
    path.write_bytes(DAMAGED[name](tmp_path / "made", rows))
    good = formats.parquet(tmp_path, rows[:1])
    started = time.monotonic()
    summary = scan([path, good], index, tmp_path / "r.duckdb", workers=1)
    assert time.monotonic() - started < 30
    assert not summary.complete
    assert summary.exceptions
    assert all(str(path) in problem["reason"] for problem in summary.exceptions), summary.exceptions
    assert all(problem["kind"] in ("unreadable", "bad row") for problem in summary.exceptions), summary.exceptions
    with RunReader(tmp_path / "r.duckdb") as run:
        outcomes = {row["shard"]: row["outcome"] for row in run.query("SELECT shard, outcome FROM shard")}
    assert outcomes[str(path)] in ("failed", "partial")
    assert outcomes[str(good)] == "scanned"


class Kms(pe.KmsClient):
    """Keys that are no secret."""

    def __init__(self, config):
        super().__init__()

    def wrap_key(self, key_bytes, master_key_identifier):
        return key_bytes.hex().encode()

    def unwrap_key(self, wrapped_key, master_key_identifier):
        return bytes.fromhex(wrapped_key.decode())


@pytest.mark.parametrize("plain_footer", [True, False])
def test_encrypted_parquet_is_said_to_be_not_scanned(plain_footer, rows, index, tmp_path):
    config = pe.EncryptionConfiguration(footer_key="f", column_keys={"c": ["text"]}, plaintext_footer=plain_footer)
    properties = pe.CryptoFactory(Kms).file_encryption_properties(pe.KmsConnectionConfig(), config)
    with pq.ParquetWriter(
        tmp_path / "s.parquet", formats.table_of(rows).schema, encryption_properties=properties
    ) as writer:
        writer.write_table(formats.table_of(rows))
    summary = scan([tmp_path / "s.parquet"], index, tmp_path / "r.duckdb", workers=1)
    assert summary.documents_scanned == 0
    assert "is encrypted and was not scanned" in summary.exceptions[0]["reason"]


def compressed_blanks(path: Path, codec: str, size: int, line: bytes) -> Path:
    """A line as often as makes `size`, compressed; 64 MB of it a stream or frame, of which such files may have many."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as out:
        out.write(line * ((64 << 20) // len(line)))
    path.write_bytes(sink.getvalue().to_pybytes() * (size // (64 << 20)))
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("name", "codec"), [("b.jsonl.gz", "gzip"), ("b.jsonl.zst", "zstd")])
def test_a_compressed_bomb_is_left_at_the_limit(name, codec, index, tmp_path):
    """More than a GB of blank lines in a file of some hundred kilobytes."""
    head = json.dumps({"text": "a row"}).encode() + b"\n"
    path = compressed_blanks(tmp_path / name, codec, 5 << 28, head.ljust(1 << 20, b"\n"))
    started = time.monotonic()
    summary = scan([path], index, tmp_path / "r.duckdb", workers=1, config=ScanConfig(max_ratio=100))
    assert time.monotonic() - started < 60
    assert "bomb" in summary.exceptions[-1]["reason"]


def test_a_line_that_never_ends_is_passed_over_and_the_next_is_read(rows, index, tmp_path):
    with gzip.open(tmp_path / "s.jsonl.gz", "wb", compresslevel=1) as out:
        out.write(formats.json_lines(rows[:10]))
        out.write(b'{"text": "')
        for _ in range(80):
            out.write(b"a" * (1 << 20))
        out.write(b'"}\n')
        out.write(formats.json_lines(rows[10:]))
    config = ScanConfig(max_row_bytes=8 << 20)
    summary = scan([tmp_path / "s.jsonl.gz"], index, tmp_path / "r.duckdb", workers=1, config=config)
    [problem] = summary.exceptions
    assert (problem["kind"], problem["row"]) == ("row too long", 10)
    assert summary.documents_scanned == 20
    with RunReader(tmp_path / "r.duckdb") as run:
        assert max(row["row"] for row in run.query('SELECT "row" FROM match')) == 20


LINES = {
    b'{"text": 5}': "bad row",
    b'{"text": ["a"]}': "bad row",
    b"[1, 2]": "bad row",
    b'"text"': "bad row",
    b'{"text": "a"': "bad row",
    b"nonsense": "bad row",
    b'{"text": null}': None,
    b"{}": None,
    b"": None,
    b'{"text": "\\ud800 lone"}': None,
    b'{"text": "bad \xff utf-8"}': None,
    b'{"text": "nul \\u0000 inside", "id": {"a": [1]}}': None,
    b"\xef\xbb\xbf": "bad row",
}


@pytest.mark.parametrize("line", LINES)
def test_a_bad_line_costs_that_line(line, rows, index, tmp_path):
    path = tmp_path / "s.jsonl"
    path.write_bytes(formats.json_lines(rows[:10]) + line + b"\r\n" + formats.json_lines(rows[10:]))
    summary = scan([path], index, tmp_path / "r.duckdb", workers=1)
    assert [problem["kind"] for problem in summary.exceptions] == ([LINES[line]] if LINES[line] else [])
    assert all(problem["row"] == 10 for problem in summary.exceptions)
    assert summary.documents_matched == 15
    with RunReader(tmp_path / "r.duckdb") as run:
        found = {row["row"] for row in run.query('SELECT "row" FROM match')}
    assert max(found) == 20
    assert 10 not in found


def test_a_byte_order_mark_before_the_first_line_is_no_text(rows, index, tmp_path):
    (tmp_path / "s.jsonl").write_bytes(b"\xef\xbb\xbf" + formats.json_lines(rows))
    summary = scan([tmp_path / "s.jsonl"], index, tmp_path / "r.duckdb", workers=1)
    assert summary.complete
    assert summary.documents_scanned == 20


def test_very_many_bad_rows_are_counted_and_not_listed_one_by_one(rows, index, tmp_path):
    (tmp_path / "s.jsonl").write_bytes(formats.json_lines(rows) + b"nonsense\n" * 5000)
    summary = scan([tmp_path / "s.jsonl"], index, tmp_path / "r.duckdb", workers=1)
    assert len(summary.exceptions) == 101
    assert any("4,900 more rows" in problem["reason"] for problem in summary.exceptions)


def test_csv_records_of_other_lengths_are_named_and_numbers_stay_right(rows, index, tmp_path):
    good = formats.csv_text(rows, ",").decode().split("\r\n", 1)
    path = tmp_path / "s.csv"
    path.write_bytes((good[0] + "\r\nonly,two\r\n" + good[1] + "a,b,c,d\r\n").encode())
    summary = scan([path], index, tmp_path / "r.duckdb", workers=1)
    assert [(problem["kind"], problem["row"]) for problem in summary.exceptions] == [("bad row", 0), ("bad row", 21)]
    with RunReader(tmp_path / "r.duckdb") as run:
        assert {(row["row"], row["doc_id"]) for row in run.query('SELECT "row", doc_id FROM match')} >= {(2, "doc001")}


def tar_with(*members: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size) if member.isfile() else None)
    return out.getvalue()


def test_links_devices_and_paths_in_a_tar_are_no_texts(rows, index, tmp_path):
    hostile = []
    for name, kind in (("a.txt", tarfile.SYMTYPE), ("b.txt", tarfile.LNKTYPE), ("c.txt", tarfile.CHRTYPE)):
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        hostile.append(member)
    escape = tarfile.TarInfo("../../outside.txt")
    escape.size = 10
    (tmp_path / "s.tar").write_bytes(tar_with(*hostile, escape))
    with open_shard(str(tmp_path / "s.tar"), "s.tar", Options()) as shard:
        columns = shard.choose_columns()
        [batch] = shard.batches(shard.parts(columns)[0], columns)
    assert batch.ids.to_pylist() == ["../../outside"]
    assert texts_of(batch.fields[0]) == [b"x" * 10]
    assert not (tmp_path.parent / "outside.txt").exists()


def test_a_member_that_is_too_long_is_named_and_not_read(rows, index, tmp_path):
    long = tarfile.TarInfo("long.txt")
    long.size = 3 << 20
    short = tarfile.TarInfo("short.txt")
    short.size = 100
    (tmp_path / "s.tar").write_bytes(tar_with(long, short))
    config = ScanConfig(max_row_bytes=1 << 20)
    summary = scan([tmp_path / "s.tar"], index, tmp_path / "r.duckdb", workers=1, config=config)
    [problem] = summary.exceptions
    assert "long.txt has 3145728 bytes" in problem["reason"]


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


@pytest.mark.parametrize(
    "make", [formats.arrow_file, formats.arrow_stream, formats.feather_file, formats.arrow_dictionary]
)
def test_flipped_bits_in_arrow_files_never_crash(make, rows, tmp_path):
    """Read in this process: a crash would end the tests."""
    good = make(tmp_path, rows).read_bytes()
    path = tmp_path / "flipped.arrow"
    read, refused = 0, 0
    for at in range(0, len(good), max(1, len(good) // 150)):
        path.write_bytes(flipped(good, at))
        try:
            with open_shard(str(path), path.name, Options()) as shard:
                columns = shard.choose_columns()
                for part in shard.parts(columns):
                    for batch in shard.batches(part, columns):
                        for field in batch.fields:
                            [field.documents.one(number).tobytes() for number in range(len(field.documents))]
            read += 1
        except (ShardError, MemoryError):
            refused += 1
    assert read > 0
    assert refused > 0


INDEXES = {
    "not an index": lambda raw: b"NOTIDX" + raw[6:],
    "version 2": lambda raw: raw[:9] + struct.pack("<Q", 2) + raw[17:],
    "floats": lambda raw: raw[:17] + b"\x06" + raw[18:],
    "too many sequences": lambda raw: raw[:18] + struct.pack("<Q", 1 << 60) + raw[26:],
    "a negative size": lambda raw: raw[:34] + struct.pack("<i", -1) + raw[38:],
    "a place whose sum overflows": lambda raw: (
        raw[: 34 + 80 + 8] + struct.pack("<q", (1 << 63) - 2) + raw[34 + 80 + 16 :]
    ),
    "a huge size": lambda raw: raw[:34] + struct.pack("<i", 2**31 - 1) + raw[38:],
    "cut": lambda raw: raw[:40],
    "empty": lambda raw: b"",
}


@pytest.mark.parametrize("name", INDEXES)
def test_a_megatron_index_that_points_elsewhere_is_refused(name, rows, index, tokenizer, tmp_path):
    trained, file = tokenizer
    binary = formats.megatron(tmp_path, rows, trained)
    binary.with_suffix(".idx").write_bytes(INDEXES[name](binary.with_suffix(".idx").read_bytes()))
    summary = scan([binary], index, tmp_path / "r.duckdb", workers=1, config=ScanConfig(tokenizer=file))
    [problem] = summary.exceptions
    assert problem["kind"] == "unreadable"
    assert "shard.idx" in problem["reason"]


def test_a_shard_that_changes_while_it_is_scanned_is_noticed(rows, index, tmp_path):
    path = formats.parquet(tmp_path, rows)
    changed = []

    def change(text_bytes: int) -> None:  # told when the shard has been looked at, before its units are scanned
        if not changed:
            changed.append(path.write_bytes(path.read_bytes()))
            os.utime(path, (1, 1))

    summary = scan([path], index, tmp_path / "r.duckdb", workers=1, watch=Watch(on_planned=change))
    assert not summary.complete
    assert "changed while it was being scanned" in summary.exceptions[0]["reason"]


def fixture_files() -> list[Path]:
    return sorted(path for path in FIXTURES.rglob("*") if path.is_file() and path.suffix != ".md")


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="no ../shared/fixtures here")
def test_every_broken_file_of_the_fixtures_has_an_outcome_and_a_reason(index, tmp_path):
    files = fixture_files()
    started = time.monotonic()
    summary = scan(files, index, tmp_path / "r.duckdb", workers=2)
    assert time.monotonic() - started < 120
    assert sum(summary.shards.values()) == len(files)
    assert not summary.complete
    with RunReader(tmp_path / "r.duckdb") as run:
        shards = run.query("SELECT shard, outcome, reason FROM shard")
    assert all(shard["outcome"] == "scanned" or shard["reason"] for shard in shards)
    assert all(problem["kind"] in ("unreadable", "memory", "row too long") for problem in summary.exceptions)


def read_rows(path, **options):
    """Row, text and label of everything in a shard, and its bad rows."""
    texts, bad = [], []
    with open_shard(str(path), path.name, Options(**options)) as shard:
        columns = shard.choose_columns()
        for part in shard.parts(columns):
            for batch in shard.batches(part, columns):
                bad += [row.row for row in batch.bad]
                for field in batch.fields:
                    for number, text in enumerate(texts_of(field)):
                        owner = number if field.owners is None else int(field.owners[number])
                        plain = text.decode() if isinstance(text, bytes) else text
                        texts.append((int(batch.rows[owner]), plain, field.label(number)))
    return texts, bad


def test_two_objects_on_a_line_are_a_bad_row_whatever_the_other_lines_are(tmp_path):
    """Counted as values, two on a line and a blank one make up for one another."""
    (tmp_path / "s.jsonl").write_bytes(b'{"text":"ok"}\n{"text":"a"} {"text":"b"}\n   \n{"text":\n"c"}\n{"text":"d"}\n')
    texts, bad = read_rows(tmp_path / "s.jsonl")
    assert texts == [(0, "ok", "text"), (5, "d", "text")]
    assert bad == [1, 3, 4]


@pytest.mark.parametrize("name", ['te"xt', "te\\xt", "text"])
def test_any_key_can_be_a_column_and_an_id_at_once(name, tmp_path):
    (tmp_path / "s.jsonl").write_text(json.dumps({name: "a text"}) + "\n")
    texts, bad = read_rows(tmp_path / "s.jsonl", text_columns=(name,), id_column=name)
    assert (texts, bad) == ([(0, "a text", name)], [])


def test_a_part_that_ends_in_damage_is_told_with_its_line(index, tmp_path):
    data = b'\n\n{"text":"a"}\n' * 600_000
    path = tmp_path / "s.jsonl.zst"
    with pa.OSFile(str(path), "wb") as sink:
        sink.write(pa.compress(data, "zstd", asbytes=True) + b"\x28\xb5\x2f\xfd broken")
    summary = scan([path], index, tmp_path / "r.duckdb", workers=1)
    [problem] = summary.exceptions
    assert problem["row"] % 3 == 0
    assert problem["row"] > 2 * summary.documents_scanned


def named(*members: tuple[str, bytes]) -> bytes:
    return formats.tar_bytes(members)


TWO = [("0.txt", b"hello"), ("1.txt", b"one"), ("2.txt", b"two")]
CUT_TARS = {
    "a damaged header": lambda raw: flipped(raw, 1024 + 5),
    "cut between members": lambda raw: raw[:1024],
    "cut in a header": lambda raw: raw[:1324],
    "cut in a member": lambda raw: raw[: 1024 + 512 + 2],
    "no end mark": lambda raw: raw[: 3 * 1024],
}


@pytest.mark.parametrize("name", CUT_TARS)
def test_a_tar_that_is_damaged_anywhere_is_said_to_be(name, tmp_path):
    (tmp_path / "s.tar").write_bytes(CUT_TARS[name](named(*TWO)))
    with pytest.raises(ShardError, match="is damaged"):
        read_rows(tmp_path / "s.tar")


def test_tars_behind_one_another_are_all_read(tmp_path):
    (tmp_path / "s.tar").write_bytes(named(*TWO) + named(("3.txt", b"three")) + b"\0" * 3000)
    texts, bad = read_rows(tmp_path / "s.tar")
    assert [text for _, text, _ in texts] == ["hello", "one", "two", "three"]
    assert bad == []


def test_members_of_one_name_and_without_a_key_are_not_lost(tmp_path):
    members = [("0.txt", b"first"), ("0.txt", b"second"), ("d/.txt", b"no key"), ("c.txt", b"last")]
    (tmp_path / "s.tar").write_bytes(named(*members))
    texts, bad = read_rows(tmp_path / "s.tar")
    assert [text for _, text, _ in texts] == ["first", "second", None, "last"]
    assert bad == [2]


def test_suffixes_are_known_in_capitals_and_behind_other_dots(tmp_path):
    (tmp_path / "s.tar").write_bytes(named(("a.TXT", b"loud"), ("b.TXT", b"louder")))
    assert [text for _, text, _ in read_rows(tmp_path / "s.tar")[0]] == ["loud", "louder"]
    (tmp_path / "t.tar").write_bytes(named(("a.en.txt", b"english"), ("a.txt", b"plain")))
    assert [text for _, text, _ in read_rows(tmp_path / "t.tar")[0]] == ["plain"]
