"""Passages of the known books: of the texts that an index keeps, or of its owner's own copies where it has none.

A passage begins and ends with words of the text rules, and is bytes of its book.
"""

import hashlib
import heapq
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from provenance.errors import UsageError
from provenance.index.opening import Index
from provenance.kernels.words import words_of
from provenance.readers.books import Reading, SourceOutcome, read_books

MOST_BOOKS = 64  # of an owner's copies that are held in memory, taken at random

Cut = Callable[[int, int, int], bytes]


class Passage(NamedTuple):
    """Some words of an edition of a work."""

    work: str
    text: bytes


class Library:
    """Texts by number, each with so many words, of which passages are cut."""

    def __init__(self, works: Sequence[str], words: npt.NDArray[np.int64], cut: Cut) -> None:
        """`cut` gives the bytes of a text from one word up to another."""
        self._works, self._words, self._cut = works, words, cut
        self._long: dict[int, npt.NDArray[np.int64]] = {}  # by length, the texts that are long enough

    @property
    def texts(self) -> int:
        """How many there are that have words."""
        return int(np.count_nonzero(self._words))

    def draw(self, length: int, rng: random.Random) -> Passage | None:
        """Words from a random place of a random text that has so many; None where no text has."""
        if length not in self._long:
            self._long[length] = np.flatnonzero(self._words >= length)
        if not (texts := self._long[length]).size:
            return None
        text = int(texts[rng.randrange(texts.size)])
        first = rng.randrange(int(self._words[text]) - length + 1)
        return Passage(self._works[text], self._cut(text, first, first + length))


def indexed_library(index: Index) -> Library:
    """The texts of an index that keeps them; decoys are none of the known works."""

    def cut(edition: int, first: int, last: int) -> bytes:
        origin = int(index.first_words[edition])
        begins, ends = index.texts.places(np.array([origin + first, origin + last - 1]))
        return index.texts.between(edition, int(begins[0]), int(ends[1]))

    return Library(index.work_ids, np.where(index.editions["decoy"].to_numpy(), 0, index.edition_words), cut)


def owned_library(index: Index, paths: Sequence[Path], seed: int) -> tuple[Library, list[SourceOutcome]]:
    """The texts of books that are in an index without texts, told by the digests of their texts, or by their ids.

    With the books of which nothing is planted. Raises UsageError where none is, and what `read_books` raises.
    """
    by_digest, by_id, decoys = (index.editions[name].to_pylist() for name in ("text_sha256", "edition_id", "decoy"))
    numbers = {name: number for number, name in enumerate(by_id) if not decoys[number]}
    numbers |= {digest: number for number, digest in enumerate(by_digest) if not decoys[number]}
    reading, unknown = Reading(), list[SourceOutcome]()
    candidates: list[tuple[int, str, int, bytes]] = []  # rank, place, edition and text
    for book in read_books(paths, reading):
        number = numbers.get(hashlib.sha256(book.text).hexdigest(), numbers.get(book.edition_id))
        if number is None:
            reason = "the index has neither its text nor its name"
            unknown.append(SourceOutcome(book.source, "read", reason, 1))
            continue
        rank = int.from_bytes(hashlib.sha256(f"{seed}/{by_id[number]}".encode()).digest()[:8], "big")
        heapq.heappush(candidates, (rank, book.source, number, book.text))
        if len(candidates) > MOST_BOOKS:
            heapq.heappop(candidates)
    unknown += reading.failed
    if not candidates:
        reason = f": {unknown[0].path}: {unknown[0].reason}" if unknown else ""
        raise UsageError(f"none of the books of --books is in the index {index.folder}{reason}")
    candidates.sort()
    texts = [text for *_, text in candidates]
    words = [words_of(np.frombuffer(text, dtype=np.uint8), index.key.keys) for text in texts]

    def cut(text: int, first: int, last: int) -> bytes:
        return texts[text][int(words[text].begins[first]) : int(words[text].ends[last - 1])]

    works, sizes = [index.work_ids[number] for _, _, number, _ in candidates], [its.begins.size for its in words]
    return Library(works, np.array(sizes, dtype=np.int64), cut), unknown
