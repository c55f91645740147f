"""Exact search for shared passages, without any index or fingerprint: the judge of documents said to be false."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
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


def runs_of(text: str, words: int) -> Iterator[str]:
    own = plain_words(text)
    for at in range(len(own) - words + 1):
        yield " ".join(own[at : at + words])
