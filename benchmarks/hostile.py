"""Rows made to cost much: `python -m benchmarks.hostile`.

Each is scanned beside an ordinary copy of a book, cut into rows, in turn; what counts is how much slower it is. Books
are made of words at random, and all have one boilerplate in their middle.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa

import provenance
from benchmarks.common import header, interleaved, median, table, write_json
from provenance.index.build import write_index
from provenance.matching.matcher import Matcher
from provenance.readers.books import Book

BOOKS, WORDS, BOILERPLATE, PIECE = 300, 20_000, 300, 30
VOCABULARY = [f"w{number}" for number in range(20_000)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--short", action="store_true", help="a tenth of the sizes, one round")
    arguments = parser.parse_args()
    header()
    size = 10 if arguments.short else 1
    rng = random.Random(1)
    boilerplate = rng.choices(VOCABULARY, k=BOILERPLATE)
    books = [rng.choices(VOCABULARY, k=WORDS) for _ in range(BOOKS)]
    rows = hostile_rows(books, boilerplate, rng, size)
    with tempfile.TemporaryDirectory() as folder:
        middle = WORDS // 2
        texts = (book[:middle] + boilerplate + book[middle:] for book in books)
        write_index(
            [Book(f"b{n:03}", f"t{n}", "", "", " ".join(text).encode(), "", "") for n, text in enumerate(texts)],
            Path(folder) / "index",
        )
        matcher = Matcher(provenance.Index(Path(folder) / "index"))
        arrays = {name: pa.array(texts, pa.large_string()) for name, texts in rows.items()}
        times = interleaved(
            {name: partial(matcher.match, array) for name, array in arrays.items()}, 1 if arguments.short else 3
        )
        matches = {name: matcher.match(array).num_rows for name, array in arrays.items()}
    rates = {name: sum(map(len, rows[name])) / 1e6 / median(times[name]) for name in rows}
    ordinary = rates["an ordinary copy: 20 books in rows of 300 words"]
    print(
        table(
            ["rows", "MB", "MB/s", "of an ordinary copy", "matches"],
            [
                [
                    name,
                    f"{sum(map(len, rows[name])) / 1e6:.1f}",
                    f"{rate:.0f}",
                    f"{rate / ordinary:.2f}",
                    f"{matches[name]:,}",
                ]
                for name, rate in rates.items()
            ],
        )
    )
    write_json("hostile", {"mb_per_s": rates, "matches": matches})


def hostile_rows(
    books: Sequence[Sequence[str]], boilerplate: Sequence[str], rng: random.Random, size: int
) -> dict[str, list[str]]:
    """Names of cases, and their rows."""

    def pieces(count: int, among: int) -> str:
        found = []
        for number in range(count // size):
            book, at = books[rng.randrange(among)], rng.randrange(WORDS - PIECE)
            found.append(" ".join(book[at : at + PIECE]) + f" x{number}")
        return " ".join(found)

    def sentences(book: Sequence[str]) -> str:
        starts = rng.choices(range(0, WORDS, 12), k=20_000 // size)
        return " ".join(" ".join(book[at : at + 12]) for at in starts)

    return {
        "an ordinary copy: 20 books in rows of 300 words": [
            " ".join(book[at : at + 300]) for book in books[:20] for at in range(0, WORDS, 300)
        ],
        "one row, 10^4 passages of 300 books": [pieces(10**4, BOOKS)],
        "one row, 10^5 passages of 300 books": [pieces(10**5, BOOKS)],
        "one row, 10^5 passages of one book": [pieces(10**5, 1)],
        "one row, 20,000 sentences of one book in any order": [sentences(books[5])],
        "one row, one shingle 10^6 times": [" ".join(list(books[0][500:505]) * (10**6 // size))],
        "one row, two words in turn 10^6 times": ["w1 w2 " * (10**6 // size)],
        "20,000 rows of boilerplate that 300 books share": [" ".join(boilerplate)] * (20_000 // size),
    }


if __name__ == "__main__":
    main()
