"""Rows made to cost much: what they hold is found, and what would take a square of its size would never end here."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

import provenance
from provenance.documents import documents_of
from provenance.index.build import write_index
from provenance.matching.matcher import Matcher
from provenance.readers.books import Book

BOOKS, WORDS, COMMON = 60, 2000, 300
PIECE = 30


def words(seed: int, count: int) -> list[str]:
    return random.Random(seed).choices([f"w{number}" for number in range(20_000)], k=count)


TEXTS = [words(seed, WORDS) for seed in range(BOOKS)]
BOILERPLATE = words(-1, COMMON)


@pytest.fixture(scope="module")
def matcher(tmp_path_factory) -> Matcher:
    """Books that all have one boilerplate in their middle."""
    out = tmp_path_factory.mktemp("hostile") / "index"
    middle = WORDS // 2
    texts = [text[:middle] + BOILERPLATE + text[middle:] for text in TEXTS]
    write_index([Book(f"b{n:03}", f"t{n}", "", "", " ".join(t).encode(), "", "") for n, t in enumerate(texts)], out)
    return Matcher(provenance.Index(out))


def pieces(count: int, books: int) -> list[list[str]]:
    rng = random.Random(5)
    found = []
    for number in range(count):
        at = PIECE * rng.randrange(WORDS // PIECE // 2)
        found.append(TEXTS[number % books][at : at + PIECE])
    return found


def test_a_row_of_thirty_thousand_passages_of_sixty_books_names_all_books(matcher):
    row = " ".join(" ".join(piece) + f" x{number}" for number, piece in enumerate(pieces(30_000, BOOKS)))
    rows = matcher.match(pa.array([row]))
    assert len(set(rows["edition_id"].to_pylist())) == BOOKS
    assert rows.num_rows > 10_000


def test_a_row_of_twenty_thousand_passages_of_one_book_in_any_order_covers_what_it_holds(matcher):
    held = pieces(20_000, 1)
    row = " ".join(" ".join(piece) + f" x{number}" for number, piece in enumerate(held))
    covered = {
        word
        for match in matcher.match(pa.array([row])).to_pylist()
        for block in match["blocks"]
        for word in range(block["ref_word"], block["ref_word"] + block["words"])
    }
    assert len(covered) >= 0.99 * PIECE * len({tuple(piece) for piece in held})


def test_one_shingle_a_million_times_is_no_match_and_no_trouble(matcher):
    matches, counts = matcher.find(documents_of(pa.array([" ".join(TEXTS[0][100:105] * 1_000_000)])))
    assert matches.documents.size == 0
    assert counts.words == 5_000_000


def test_boilerplate_of_all_books_accuses_none_of_them(matcher):
    matches, counts = matcher.find(documents_of(pa.array([" ".join(BOILERPLATE)] * 2_000)))
    assert matches.documents.size == 0
    assert counts.common_fingerprints > 0


def test_boilerplate_with_a_few_words_of_a_book_is_common_text_and_counted(matcher):
    beside = TEXTS[3][WORDS // 2 - 15 : WORDS // 2]
    matches, counts = matcher.find(documents_of(pa.array([" ".join([*beside, *BOILERPLATE])])))
    assert matches.documents.size == 0
    assert counts.common_passages == 1


def test_a_passage_beside_boilerplate_is_found(matcher):
    row = " ".join(BOILERPLATE * 500 + TEXTS[7][200:300] + BOILERPLATE * 500)
    (match,) = matcher.match(pa.array([row])).to_pylist()
    assert (match["edition_id"], match["matched_words"]) == ("b007", 100)
