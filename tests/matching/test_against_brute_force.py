"""The matcher against slow and obvious ways to the same answer, and against disguise."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pyarrow as pa
import pytest

import provenance
from provenance.index.build import write_index
from provenance.matching.config import MatchConfig
from provenance.matching.matcher import Matcher
from provenance.readers.books import Book
from provenance.sketch import BandedMinHash, FracMinHash
from provenance.text.reference import words

LEAST = 25


def sentences(seed: int, count: int) -> str:
    """Sentences with capitals, commas and line ends, from 900 words drawn unevenly."""
    rng = random.Random(seed)
    vocabulary = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("n", "r", "st", "l", "m", "ck")]
    out = []
    while len(out) < count:
        sentence = [vocabulary[int(len(vocabulary) ** rng.random()) - 1] for _ in range(rng.randrange(4, 20))]
        out += [sentence[0].capitalize(), *sentence[1:-1], sentence[-1] + rng.choice([".", ",", "!", ".\n"])]
    return " ".join(out[:count])


BOOKS = {name: sentences(seed, 3000) for seed, name in enumerate(["ash", "birch", "cedar"])}


def make(folder, sketch=None, keep_texts=True) -> Matcher:
    books = [Book(name, name, "", "", text.encode(), "", "") for name, text in BOOKS.items()]
    write_index(books, folder / "index", sketch=sketch, keep_texts=keep_texts)
    return Matcher(provenance.Index(folder / "index"))


@pytest.fixture(scope="module")
def matcher(tmp_path_factory) -> Matcher:
    return make(tmp_path_factory.mktemp("matcher"))


@pytest.fixture(scope="module")
def dense(tmp_path_factory) -> Matcher:
    """Every fingerprint kept: nothing can be missed by sampling."""
    return make(tmp_path_factory.mktemp("dense"), FracMinHash(scale=1))


def excerpt(book: str, first: int, count: int) -> str:
    pieces = [match.span() for match in re.finditer(r"\S+", BOOKS[book])]
    return BOOKS[book][pieces[first][0] : pieces[first + count - 1][1]]


def mixed(seed: int) -> str:
    """Excerpts of several lengths, some with words changed, between prose of no book."""
    rng = random.Random(seed)
    parts = []
    for _ in range(4):
        parts.append(sentences(10_000 + rng.randrange(10**6), rng.randrange(5, 80)))
        count = rng.choice([10, 25, 40, 120])
        text = excerpt(rng.choice(list(BOOKS)), rng.randrange(2800), count).split()
        parts.append(" ".join(w if rng.random() > 0.05 else "changed" for w in text))
    return "\n".join(parts)


def equal_runs(document: list[bytes], book: list[bytes], least: int) -> list[tuple[int, int]]:
    """Word spans of the document that stand word for word in the book, by comparing every pair of places."""
    runs = []
    for i in range(len(document)):
        for j in range(len(book)):
            if document[i] != book[j] or (i and j and document[i - 1] == book[j - 1]):
                continue
            n = 0
            while i + n < len(document) and j + n < len(book) and document[i + n] == book[j + n]:
                n += 1
            if n >= least:
                runs.append((i, i + n))
    return runs


@pytest.mark.parametrize("seed", range(12))
def test_every_run_of_equal_words_lies_in_a_match_of_its_book(dense, seed):
    text = mixed(seed)
    document = [word.folded for word in words(text.encode())]
    rows = dense.match(pa.array([text])).to_pylist()
    runs = {
        name: equal_runs(document, [word.folded for word in words(book.encode())], LEAST)
        for name, book in BOOKS.items()
    }
    assert rows or not any(runs.values())
    for name in BOOKS:
        spans = [
            (passage["blocks"][0]["doc_word"], passage["blocks"][-1]["doc_word"] + passage["blocks"][-1]["words"])
            for row in rows
            for passage in [row, *row["also"]]
            if passage["edition_id"] == name
        ]
        for begin, end in runs[name]:
            assert any(low <= begin and end <= high for low, high in spans), (name, begin, end, spans)


@pytest.mark.parametrize("seed", range(12, 24))
def test_a_match_is_what_it_says(matcher, seed):
    """Blocks are equal words at the places named, counts are their sums, spans are their hulls, bytes are theirs."""
    text = mixed(seed).encode()
    document = words(text)
    rows = matcher.match(pa.array([text])).to_pylist()
    assert rows
    for row in rows:
        book = words(BOOKS[row["edition_id"]].encode())
        blocks = [(b["doc_word"], b["ref_word"], b["words"]) for b in row["blocks"]]
        for q, r, n in blocks:
            assert [w.folded for w in document[q : q + n]] == [w.folded for w in book[r : r + n]]
        for (q, r, n), (q2, r2, _) in pairwise(blocks):
            assert q + n <= q2
            assert r + n <= r2
        assert row["matched_words"] == sum(n for _, _, n in blocks) >= LEAST
        assert row["longest_run"] == max(n for _, _, n in blocks)
        first, last = blocks[0], blocks[-1]
        assert row["doc_begin"] == document[first[0]].begin
        assert row["doc_end"] == document[last[0] + last[2] - 1].end
        assert row["ref_begin"] == book[first[1]].begin
        assert row["ref_end"] == book[last[1] + last[2] - 1].end
        gaps = [max(b[0] - a[0], b[1] - a[1]) - a[2] for a, b in pairwise(blocks)]
        assert row["identity"] == pytest.approx(row["matched_words"] / (row["matched_words"] + sum(gaps)))


def test_types_slices_chunks_and_order_change_nothing(matcher):
    texts = [mixed(seed) for seed in range(6)] + [None, "", "short"]
    expected = matcher.match(pa.array(texts))
    assert expected.num_rows > 5
    plain = pa.array(texts)
    variants = [
        plain.cast(kind)
        for kind in (pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view())
    ]
    variants += [
        plain.dictionary_encode(),
        pa.concat_arrays([pa.array(["before"]), plain, pa.array(["after"])]).slice(1, len(texts)),
        pa.chunked_array([plain.slice(0, 2), plain.slice(2, 0), plain.slice(2)]),
    ]
    for variant in variants:
        assert matcher.match(variant).equals(expected), variant.type
    order = [3, 1, 5, 0, 2, 4]
    shuffled = matcher.match(pa.array([texts[i] for i in order])).to_pylist()
    for row in shuffled:
        row["document"] = order[row["document"]]
    key = lambda row: (row["document"], row["doc_begin"], row["edition_id"])  # noqa: E731
    assert sorted(shuffled, key=key) == sorted(expected.to_pylist(), key=key)


DISGUISES = {
    "zero-width space in every fifth word": lambda t: " ".join(
        w[:2] + "\u200b" + w[2:] if i % 5 == 0 else w for i, w in enumerate(t.split())
    ),
    "soft hyphen in every word": lambda t: " ".join(w[:1] + "\u00ad" + w[1:] for w in t.split()),
    "Cyrillic look-alikes": lambda t: t.translate(str.maketrans("aceopxyABEKMHOPCTX", "асеорхуАВЕКМНОРСТХ")),
    "full width": lambda t: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in t),
    "capitals": str.upper,
    "punctuation stripped": lambda t: re.sub(r"[^\w\s]", "", t),
    "words broken at line ends": lambda t: " ".join(
        w[:2] + "-\n" + w[2:] if i % 6 == 0 and w[2:3].isalpha() else w for i, w in enumerate(t.split())
    ),
    "combining accents": lambda t: "".join(c + "\u0301" if c == "e" else c for c in t),
    "bidi controls": lambda t: "\u202e".join(t),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_disguised_text_is_found_as_if_it_were_verbatim(matcher, disguise):
    text = "Before it. " + DISGUISES[disguise](excerpt("birch", 700, 120)) + " After it."
    (row,) = matcher.match(pa.array([text])).to_pylist()
    assert (row["edition_id"], row["matched_words"], row["identity"]) == ("birch", 120, 1.0)


def test_reordered_passages_are_both_found(matcher):
    text = excerpt("ash", 1500, 100) + " and " + excerpt("ash", 200, 100)
    rows = matcher.match(pa.array([text])).to_pylist()
    assert [row["matched_words"] for row in rows] == [100, 100]
    assert rows[0]["ref_begin"] > rows[1]["ref_begin"]


def test_a_whole_book_in_one_row_is_one_match(matcher):
    (row,) = matcher.match(pa.array(["Preface. " + BOOKS["cedar"] + " The end"])).to_pylist()
    assert row["identity"] == 1.0
    assert row["ref_words"] == row["matched_words"] == len(words(BOOKS["cedar"].encode()))


def test_dropped_inserted_and_changed_words_leave_one_match(matcher):
    text = excerpt("ash", 100, 200).split()
    del text[50:58]
    text[100:100] = ["quite", "new", "words"]
    text[150] = "changed"
    (row,) = matcher.match(pa.array([" ".join(text)])).to_pylist()
    assert row["matched_words"] == 200 - 8 - 1
    assert row["doc_words"] == 195


def test_prose_of_no_book_matches_nothing(matcher):
    assert matcher.match(pa.array([sentences(seed, 300) for seed in range(500, 700)])).num_rows == 0


def test_a_text_free_index_estimates_and_says_so(tmp_path):
    matcher = make(tmp_path, keep_texts=False)
    (row,) = matcher.match(pa.array([sentences(900, 50) + " " + excerpt("ash", 300, 300)])).to_pylist()
    assert row["estimated"]
    assert row["ref_begin"] is None
    assert row["edition_id"] == "ash"
    assert 270 <= row["matched_words"] <= 300
    assert row["identity"] == 1.0  # all that was kept between the outer hits has hit


def test_banded_minhash_finds_verbatim_passages_with_verified_extents(tmp_path):
    matcher = make(tmp_path, BandedMinHash(num_perm=64, threshold=0.4))
    (row,) = matcher.match(pa.array([sentences(901, 40) + " " + excerpt("cedar", 1000, 300)])).to_pylist()
    assert (row["edition_id"], row["matched_words"], row["identity"]) == ("cedar", 300, 1.0)


@pytest.mark.parametrize("first", range(300, 2700, 300))
def test_one_seed_is_enough_where_the_words_around_it_can_be_compared(dense, first):
    """Of 60 words every fourth is another one, but for a stretch of six: two shingles, of which one is looked up."""
    text = excerpt("birch", first, 60).split()
    for at in [*range(1, 27, 4), *range(33, 60, 4)]:
        text[at] = f"other{at}"
    (row,) = dense.match(pa.array([" ".join(text)])).to_pylist()
    assert row["edition_id"] == "birch"
    assert row["matched_words"] >= 40


def test_shorter_matches_are_reported_when_asked_for(dense):
    text = pa.array([sentences(902, 30) + " " + excerpt("ash", 40, 12)])
    assert dense.match(text).num_rows == 0
    (row,) = Matcher(dense.index, MatchConfig(min_words=10)).match(text).to_pylist()
    assert 12 <= row["matched_words"] <= 14  # a neighbouring word may be the same by chance
