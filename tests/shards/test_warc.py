"""WARC: responses as crawlers keep them, and files that end too early."""

from __future__ import annotations

import gzip
import zlib

import pytest
from fastwarc.warc import WarcRecordType

from provenance.errors import ShardError
from provenance.shards.opening import open_shard
from provenance.shards.shard import Options
from tests.shards.fixtures import texts_of
from tests.shards.formats import warc_bytes

PAGE = b"<html><head><script>no()</script></head><p>Hello <b>wo</b>rld</p></html>"
RESPONSES = [
    (b"Content-Type: text/html\r\n\r\n" + PAGE, "Hello world"),
    (b"Content-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(PAGE), "Hello world"),
    (b"Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<p>ab\r\n3\r\ncd \r\n0\r\n\r\n", "abcd"),
    (b"Content-Type: text/html; charset=iso-8859-1\r\n\r\n<p>caf\xe9</p>", "caf\xe9"),
    (b"Content-Type: text/plain\r\n\r\nplain  text", "plain  text"),
    (b"Content-Type: image/png\r\n\r\n\x89PNG", None),
    (b"\r\nof no type", None),
    (b"Content-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n" + PAGE, "Hello world"),  # decoded by the crawler
    (b"Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n" + PAGE, "Hello world"),
    (b"Content-Type: text/html\r\nContent-Encoding: deflate\r\n\r\n" + zlib.compress(PAGE), "Hello world"),
    (
        b"Content-Type: text/html\r\nContent-Encoding: gzip, gzip\r\n\r\n" + gzip.compress(gzip.compress(PAGE)),
        "Hello world",
    ),
]
DAMAGED = [
    b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(PAGE)[:-20],
    b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(PAGE)[:10] + b"nonsense" * 20,
    b"Content-Encoding: br\r\n\r\n" + PAGE,
    b"Content-Encoding: deflate\r\n\r\nplain",
    b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + PAGE,
    b"Transfer-Encoding: chunked\r\n\r\n5\r\n<p>ab\r\nzz\r\n",
]


def responses() -> bytes:
    return answers([body for body, _ in RESPONSES])


def answers(bodies: list[bytes]) -> bytes:
    raw = {f"<urn:{n}>": b"HTTP/1.1 200 OK\r\n" + body for n, body in enumerate(bodies)}
    return warc_bytes(
        [(n, n) for n in raw], WarcRecordType.response, "application/http; msgtype=response", raw.__getitem__
    )


def read(path):
    with open_shard(str(path), path.name, Options()) as shard:
        columns = shard.choose_columns()
        return [batch for part in shard.parts(columns) for batch in shard.batches(part, columns)]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_responses_are_decoded_and_their_html_is_text(pack, tmp_path):
    (tmp_path / "a.warc").write_bytes(pack(responses()))
    [batch] = read(tmp_path / "a.warc")
    texts = [text and text.decode() for text in texts_of(batch.fields[0])]
    assert texts == [text for _, text in RESPONSES]
    assert batch.ids.to_pylist() == [f"<urn:{n}>" for n in range(len(RESPONSES))]
    assert batch.bad == []


def test_a_file_that_ends_within_a_record_is_damaged(tmp_path):
    whole = responses()
    for cut in range(20, 200, 12):
        (tmp_path / "a.warc").write_bytes(whole[:-cut])
        with pytest.raises(ShardError, match=r"damaged|cannot be"):
            read(tmp_path / "a.warc")


def test_a_record_of_no_known_type_is_a_bad_row(tmp_path):
    (tmp_path / "a.warc").write_bytes(responses() + b"WARC/1.0\r\nContent-Length: 2\r\n\r\nab\r\n\r\n")
    [batch] = read(tmp_path / "a.warc")
    assert [(bad.row, bad.kind) for bad in batch.bad] == [(len(RESPONSES), "bad row")]


def test_a_damaged_body_costs_its_record_and_no_other(tmp_path):
    good = b"Content-Type: text/plain\r\n\r\ngood"
    bodies = [b"Content-Type: text/html\r\n" + body for body in DAMAGED]
    (tmp_path / "a.warc").write_bytes(answers([*bodies, good]))
    [batch] = read(tmp_path / "a.warc")
    assert [bad.row for bad in batch.bad] == list(range(len(DAMAGED)))
    assert texts_of(batch.fields[0]) == [None] * len(DAMAGED) + [b"good"]


@pytest.mark.parametrize("cut", range(20, 180, 10))
def test_a_record_that_is_cut_short_never_takes_the_text_of_the_next(cut, tmp_path):
    one, two, three = (answers([b"Content-Type: text/plain\r\n\r\n" + text]) for text in (b"one", b"two", b"three"))
    (tmp_path / "a.warc").write_bytes(one + two[:cut] + three)
    with pytest.raises(ShardError):
        read(tmp_path / "a.warc")


def test_a_body_that_grows_beyond_bounds_is_left(tmp_path):
    bomb = gzip.compress(b"a" * (4 << 20))
    (tmp_path / "a.warc").write_bytes(answers([b"Content-Type: text/plain\r\nContent-Encoding: gzip\r\n\r\n" + bomb]))
    with open_shard(str(tmp_path / "a.warc"), "a.warc", Options(max_row_bytes=1 << 20)) as shard:
        columns = shard.choose_columns()
        [batch] = shard.batches(shard.parts(columns)[0], columns)
    assert [bad.kind for bad in batch.bad] == ["row too long"]
