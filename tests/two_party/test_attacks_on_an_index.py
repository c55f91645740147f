"""What the attacks of `benchmarks.dictionary_attack` come to: a claim of docs/two-party.md each, with made-up books."""

from __future__ import annotations

import pytest

from benchmarks.attacks import Attacked, Side, algebra, attacked, guesses, keyed, reading
from benchmarks.quality.plants import Book
from provenance.sketch import Key
from tests.tools.prose import WORDS, prose

SECRET = Key.from_secret(b"sixteen bytes ok")
KEYS = {"no key": Key(), "secret key": SECRET}


def side(number: int) -> Side:
    """A book of words that other books have too, and one refrain."""
    words = "".join(c for c in prose(number, 3000).lower() if c in " abcdefghijklmnopqrstuvwxyz").split()
    for at in range(100 + number, 2800, 210 + 10 * number):
        words[at : at + 8] = WORDS[number : number + 8]
    return Side(Book(f"b{number}", "", f"b{number}", f"w{number}", ""), words[: 2900 - number])


@pytest.fixture(scope="module")
def books() -> tuple[list[Side], list[Side]]:
    return [side(n) for n in range(4)], [side(n) for n in range(4, 8)]


@pytest.fixture(scope="module")
def opened(books, tmp_path_factory) -> dict[str, Attacked]:
    folder = tmp_path_factory.mktemp("attacked")
    return {name: attacked(folder / name, books[0], key) for name, key in KEYS.items()}


def test_an_index_without_a_key_tells_which_books_are_in_it_by_a_few_words_of_each(books, opened):
    rows = list(guesses(opened["no key"], *books))
    assert rows
    for row in rows:
        assert (row["told"], row["wrongly"], row["auc"]) == (1, 0, 1), row


def test_of_a_keyed_index_the_same_guesses_tell_nothing(books, opened):
    rows = list(guesses(opened["secret key"], *books))
    assert rows
    for row in rows:
        assert (row["share_inside"], row["share_outside"], row["auc"]) == (0, 0, 0.5), row


def test_an_index_without_a_key_can_be_read_word_by_word_and_a_keyed_one_cannot(books, opened):
    inside, outside = books
    dictionary = [*outside, Side(outside[0].book, [word for book in inside for word in sorted(set(book.words))])]
    phrase = Side(outside[0].book, inside[0].words[500:505])
    assert reading(opened["no key"], [*dictionary, phrase], 1)["read"] > 0.99
    assert reading(opened["secret key"], [*dictionary, phrase], 1)["read"] == 0


def test_a_keyed_index_does_not_hide_which_book_it_is_of_from_who_has_the_same_text(books, opened):
    left = keyed(opened["secret key"], *books)
    assert left["lengths"]["named"] == 1
    assert left["repetitions"]["whole"]["right"] == 1


def test_the_plain_hash_of_shingles_is_solved_for_its_multiplier_and_no_index_holds_it(books):
    words = [*books[0][0].words, *("a b c d old a b c d new e f g old h e f g new h".split())]
    known = algebra(SECRET, [Side(books[0][0].book, words * 2)])
    assert known["solved"]
    assert known["hidden_equal_plain"] == 0
