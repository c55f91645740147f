"""What is told of a match besides its alignment: code points, context, digests, hosts; against slow references."""

from __future__ import annotations

import hashlib
import random
from types import SimpleNamespace
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.documents import documents_of
from provenance.errors import IndexDamagedError
from provenance.index.building import build_index
from provenance.index.opening import Index
from provenance.shards.shard import Origins
from provenance.text.reference import words
from provenance.units import origins
from provenance.units import quotes as quoting
from provenance.units.messages import COLLECTION, SITE, Origin
from provenance.units.origins import Tally, sites_of
from provenance.units.quotes import CONTEXT_BYTES, document_quotes, edition_quotes
from tests.shards.fixtures import prose

PIECES = st.sampled_from(["word ", "naïve ", "日本 ", "ﬁne ", "𝔘 ", "e\u0301 ", "\n", "— "]).map(str.encode)
BROKEN = st.sampled_from([b"\xff", b"\xc3", b"\xe6\x97", b"\xf0\x9d\x94", b"\x80"])
TEXTS = st.one_of(
    st.lists(st.one_of(PIECES, PIECES, BROKEN), min_size=1, max_size=120).map(b"".join),
    st.lists(PIECES, min_size=60, max_size=160).map(b"".join),
)


def rows_of(table: pa.Table | pa.RecordBatch) -> list[SimpleNamespace]:
    return [SimpleNamespace(**row) for row in table.to_pylist()]


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def is_sound(data: bytes) -> bool:
    return text_of(data).encode() == data


@settings(max_examples=300, deadline=None)  # the kernel may have to be compiled
@given(st.lists(TEXTS, min_size=1, max_size=3), st.integers(0, 10_000))
def test_documents_are_quoted_as_the_decoder_sees_them(texts, seed):
    dice = random.Random(seed)
    places = []
    for number, text in enumerate(texts):
        found = words(text)
        for _ in range(min(4, len(found))):
            first, last = sorted(dice.choices(range(len(found)), k=2))
            places.append((number, found[first].begin, found[last].end))
    dice.shuffle(places)
    columns = [np.array(column, dtype=np.int64) for column in zip(*places, strict=True)] or [np.empty(0, np.int64)] * 3
    quotes = rows_of(document_quotes(documents_of(pa.array(texts, pa.binary())), columns, 20))
    assert len(quotes) == len(places)
    for quote, (number, begin, end) in zip(quotes, places, strict=True):
        text = texts[number]
        assert quote.char_begin == len(text_of(text[:begin]))
        assert quote.char_end - quote.char_begin == len(text_of(text[begin:end]))
        assert quote.excerpt == text_of(text[begin:end])[:20]
        assert quote.excerpt_sha256 == hashlib.sha256(text[begin:end]).hexdigest()
        before, after = text_of(text[:begin]), text_of(text[end:])
        assert len(quote.before.encode()) <= 3 * CONTEXT_BYTES
        if begin <= CONTEXT_BYTES:
            assert quote.before == before
        if is_sound(text):  # whole characters, and as many as there is room for
            assert before.endswith(quote.before)
            assert after.startswith(quote.after)
            assert len(quote.before.encode()) in range(min(begin, CONTEXT_BYTES - 3), CONTEXT_BYTES + 1)
            assert len(quote.after.encode()) in range(min(len(text) - end, CONTEXT_BYTES - 3), CONTEXT_BYTES + 1)
        if len(text) - end <= CONTEXT_BYTES:
            assert quote.after == after
        elif text[end : end + CONTEXT_BYTES].decode("utf-8", "ignore") == text_of(text[end : end + CONTEXT_BYTES]):
            assert after.startswith(quote.after)


def test_editions_are_quoted_from_any_of_their_blocks(monkeypatch, tmp_path):
    """A text of several blocks, with code points of all lengths; some passages more than once, and far apart."""
    monkeypatch.setattr(quoting, "MOST_AT_ONCE", 50)
    texts = {"one": prose(1, 30_000) + " 日本語 𝔘𝔫𝔦 " + prose(2, 20_000), "two": "kurz und gut, " * 3}
    for name, text in texts.items():
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    build_index([tmp_path / "one.txt", tmp_path / "two.txt"], tmp_path / "index")
    index = Index(tmp_path / "index")
    dice, places = random.Random(7), []
    for number, edition in enumerate(index.edition_ids):
        data = index.texts.text(number)
        assert index.texts.size(number) == len(data)
        assert edition in texts
        found = words(data) if edition == "two" else words(data[:400_000])
        for _ in range(60):
            first = dice.randrange(len(found))
            last = min(len(found) - 1, first + dice.randrange(300))
            places.append((number, found[first].begin, found[last].end))
    places += places[::3]
    dice.shuffle(places)
    columns = [np.array(column, dtype=np.int64) for column in zip(*places, strict=True)]
    for quote, (number, begin, end) in zip(rows_of(edition_quotes(index.texts, columns, 100)), places, strict=True):
        data = index.texts.text(number)
        assert index.texts.between(number, begin, end) == data[begin:end]
        assert quote.char_begin == len(text_of(data[:begin]))
        assert quote.char_end == len(text_of(data[:end]))
        assert quote.excerpt == text_of(data[begin:end])[:100]
        assert quote.excerpt_sha256 == hashlib.sha256(data[begin:end]).hexdigest()
        assert text_of(data[:begin]).endswith(quote.before)
        assert text_of(data[end:]).startswith(quote.after)
    for begin, end in ((0, index.texts.size(0) + 1), (20, 10)):
        with pytest.raises(IndexDamagedError):
            edition_quotes(index.texts, [np.array([0]), np.array([begin]), np.array([end])], 100)


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://www.Example.COM/path?q=1#f", "www.example.com"),
        ("http://user:pass@books.example:8080/x", "books.example"),
        ("//cdn.example/x", "cdn.example"),
        ("example.org/page", "example.org"),
        ("ftp://files.example", "files.example"),
        ("http://[2001:db8::1]:80/", "[2001:db8::1]"),
        ("http://127.0.0.1/", "127.0.0.1"),
        ("https://bücher.example/", "bücher.example"),
        ("javascript:alert(1)", None),
        ("a bare word", None),
        ("", None),
        ("https://<b>.example/", None),
        (None, None),
    ],
)
def test_the_host_of_a_url(url, site):
    assert sites_of(pa.array([url], pa.string())).to_pylist() == [site]


@given(st.from_regex(r"https?://[a-z0-9-]{1,10}(\.[a-z0-9-]{1,10}){1,3}(:[0-9]{1,4})?(/[a-z@:]{0,5})?", fullmatch=True))
def test_hosts_are_those_that_pythons_own_parser_finds(url):
    assert sites_of(pa.array([url])).to_pylist() == [urlsplit(url).hostname]


def test_sums_do_not_depend_on_batches_and_are_cut_by_size_of_text(monkeypatch):
    monkeypatch.setattr(origins, "MOST_NAMES", 2)
    urls = [f"http://s{n % 4}.example/{n}" if n % 5 else None for n in range(40)]
    sources = ["a" if n % 2 else "b" for n in range(40)]
    sizes, matched = np.arange(40) * 10, np.arange(40) % 3 == 0
    with_text = np.arange(40) % 7 != 0

    def tally(step: int) -> list[Origin]:
        whole = Tally()
        for at in range(0, 40, step):
            part, of = Tally(), slice(at, at + step)
            batch = Origins(pa.array(urls[of], pa.string()), pa.array(sources[of], pa.string()))
            part.add(batch, sizes[of], with_text[of], matched[of])
            whole.merge(part)
        return whole.rows()

    rows = tally(40)
    assert rows == tally(1) == tally(7)
    sites = [row for row in rows if row.kind == SITE]
    assert [row.name is None for row in sites] == [False, False, True]
    assert sites[0].text_bytes >= sites[1].text_bytes
    for kind in (SITE, COLLECTION):
        of_kind = [row for row in rows if row.kind == kind]
        assert sum(row.documents for row in of_kind) == with_text.sum()
        assert sum(row.documents_matched for row in of_kind) == matched.sum()
