"""WARC: responses as crawlers keep them, and files that end too early."""

from __future__ import annotations

import gzip

import pytest
from fastwarc.warc import WarcRecordType

from provenance.errors import ShardError
from provenance.shards import Options, open_shard
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
]


def responses() -> bytes:
    raw = {f"<urn:{n}>": b"HTTP/1.1 200 OK\r\n" + answer for n, (answer, _) in enumerate(RESPONSES)}
    rows = [(name, name) for name in raw]
    return warc_bytes(rows, WarcRecordType.response, "application/http; msgtype=response", raw.__getitem__)


def read(path):
    with open_shard(str(path), path.name, Options()) as shard:
        columns = shard.choose_columns()
        return [batch for part in shard.parts(columns) for batch in shard.batches(part, columns)]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_responses_are_decoded_and_their_html_is_text(pack, tmp_path):
    (tmp_path / "a.warc").write_bytes(pack(responses()))
    [batch] = read(tmp_path / "a.warc")
    texts = [text and text.decode() for text in batch.fields[0].texts.to_pylist()]
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
