"""Exact search for shared passages, without any index or fingerprint: the judge of documents said to be false."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher


def plain_words(text: str) -> list[str]:
    """Words for exact search, by rules of its own: compatibility-normalised, lower case, letters and digits only."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    return re.findall(r"[^\W_]+", re.sub(r"[\u0300-\u036f'’\u00ad\u200b]", "", folded))


def sharing_runs(documents: Mapping[str, str], books: Iterable[str], words: int = 25) -> set[str]:
    """Names of the documents with a run of `words` words that stands in one of the books."""
    owners: dict[str, set[str]] = {}
    for name, text in documents.items():
        for run in runs_of(text, words):
            owners.setdefault(run, set()).add(name)
    return {name for book in books for run in runs_of(book, words) for name in owners.get(run, ())}


def words_in_order(passage: str, book: str) -> int:
    """Words of a passage that stand in a book in the same order, by difflib: where they share most, and near there."""
    own, theirs = plain_words(passage), plain_words(book)
    best = SequenceMatcher(None, own, theirs, autojunk=False).find_longest_match()
    near = theirs[max(0, best.b - 2 * len(own)) : best.b + 2 * len(own)]
    blocks = SequenceMatcher(None, own, near, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks)


class Holdings:
    """Which works hold a passage: a story is in its anthology too, perhaps in another printing.

    Three of four of its pieces of ten words have to stand there word for word.
    """

    def __init__(self, texts: Mapping[str, Sequence[str]]) -> None:
        self._texts = texts  # of the editions of each work
        self._plain: dict[str, list[str]] = {}

    def __call__(self, work: str, passage: str) -> bool:
        if work not in self._plain:
            self._plain[work] = [" ".join(plain_words(text)) for text in self._texts.get(work, ())]
        words = plain_words(passage)
        pieces = [" ".join(words[at : at + 10]) for at in range(0, max(1, len(words) - 9), 10)]
        return any(sum(piece in text for piece in pieces) >= 0.75 * len(pieces) for text in self._plain[work])


def runs_of(text: str, words: int) -> Iterator[str]:
    own = plain_words(text)
    for at in range(len(own) - words + 1):
        yield " ".join(own[at : at + words])
