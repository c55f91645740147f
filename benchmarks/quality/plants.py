"""Hides passages of books in unrelated documents, at places that are written down."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.selftest.disturb import CUT
from provenance.selftest.plants import Cell, disturbed

LENGTHS = (25, 50, 100, 200, 500, 2000)  # words of a passage
HOST_WORDS = (80, 240)  # of the unrelated document around a plant


@dataclass(frozen=True)
class Plant:
    """A passage in a document: bytes `begin` to `end`, copied from a work."""

    cell: Cell
    number: int  # two documents have the parts of one passage that was cut
    work: str
    begin: int
    end: int
    passage: str  # as it stands in the book


class Book(NamedTuple):
    """A book of the corpus. Editions of one work, told by author and main title, share `work`."""

    id: str
    author: str
    title: str
    work: str
    text: str


def read_books(path: Path) -> list[Book]:
    rows = pq.read_table(path, columns=["id", "author", "title", "text"]).to_pylist()
    return [Book(r["id"], r["author"], r["title"], work_of(r["author"], r["title"]), r["text"]) for r in rows]


def work_of(author: str, title: str) -> str:
    """The name of a work: author and main title."""
    return f"{author}|{re.split(r'[:;,([]|, or | - ', title)[0].strip().lower()}"


def write_rows(path: Path, rows: Sequence[tuple[str, str]]) -> None:
    """A shard of documents (id, text)."""
    columns: dict[str, Any] = {"id": [name for name, _ in rows], "text": [text for _, text in rows]}
    pq.write_table(pa.table(columns), path, compression="zstd", row_group_size=10_000)


def plant_all(
    books: Sequence[Book], hosts: Sequence[str], cells: Sequence[Cell], number: int, seed: int
) -> tuple[list[tuple[str, str]], dict[str, Plant]]:
    """`number` documents for each cell, and the plant of each by its id. The same seed gives the same documents."""
    rng = random.Random(seed)
    texts = [(book, book.text.split()) for book in books]
    texts = [(book, words) for book, words in texts if len(words) > 3 * max(LENGTHS)]
    vocabulary = [word for _, words in texts for word in rng.sample(words, 2000) if word.isalpha()]
    rows, plants = [], {}
    for cell in cells:
        for n in range(number):
            book, words = rng.choice(texts)
            passage = list(cut_passage(words, cell.length, rng))
            for part, (text, begin, end) in enumerate(hidden(passage, cell, rng, vocabulary, hosts)):
                name = f"{cell.noise}/{cell.rate}/{cell.length}/{n}/{part}"
                rows.append((name, text))
                plants[name] = Plant(cell, n, book.work, begin, end, " ".join(passage))
    return rows, plants


def cut_passage(words: Sequence[str], length: int, rng: random.Random) -> Iterator[str]:
    """Words from a random place on, until `length` of them have a letter or digit."""
    at, count = rng.randrange(len(words) - 2 * length), 0
    while count < length and at < len(words):
        readable = any(c.isalnum() for c in words[at])
        if count or readable:
            yield words[at]
        count += readable
        at += 1


def hidden(
    passage: list[str], cell: Cell, rng: random.Random, vocabulary: Sequence[str], hosts: Sequence[str]
) -> Iterator[tuple[str, int, int]]:
    """Documents with the disturbed passage (two if it is cut): text, and the bytes at which the passage lies."""
    before, behind = (" ".join(some_words(rng.choice(hosts), rng)) for _ in range(2))
    if cell.noise == CUT:
        at = rng.randrange(1, len(passage))
        head, tail = " ".join(passage[:at]), " ".join(passage[at:])
        start = len(before.encode()) + 1
        yield f"{before} {head}", start, start + len(head.encode())
        yield f"{tail} {behind}", 0, len(tail.encode())
        return
    text = disturbed(passage, cell, rng, vocabulary)
    start = len(before.encode()) + 1
    yield f"{before} {text} {behind}", start, start + len(text.encode())


def some_words(host: str, rng: random.Random) -> list[str]:
    words = host.split()
    wanted = rng.randrange(*HOST_WORDS)
    at = rng.randrange(max(1, len(words) - wanted))
    return words[at : at + wanted]


def rows_of(text: str, size: int) -> list[str]:
    """A text in rows of `size` words, each with its blanks and line ends as they are."""
    starts = [word.start() for word in re.finditer(r"\S+", text)]
    edges = [*starts[::size], len(text)]
    return [text[a:b] for a, b in itertools.pairwise(edges)]
