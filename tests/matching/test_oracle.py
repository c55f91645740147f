"""Against an oracle without sampling, seeds or index: local alignment of every document with every book, in full.

Smith and Waterman's algorithm, in plain Python, with the matcher's scores. What it finds above the threshold of
reporting, and what shares a shingle at all, must be found, or is counted as missed.
"""

from __future__ import annotations

import random

import pyarrow as pa
import pytest
from test_against_brute_force import sentences

import provenance
from provenance.index.build import write_index
from provenance.matching.config import MatchConfig
from provenance.matching.matcher import Matcher
from provenance.readers.books import Book
from provenance.sketch import FracMinHash

BOOKS = {f"b{seed}": sentences(seed, 500).split() for seed in range(3)}
NOISES = (0.0, 0.05, 0.1, 0.2, 0.3)
CLEAR = 31  # matched words from which on every passage must be found; below it thresholds are a matter of one word


def aligned(document: list[str], book: list[str]) -> tuple[int, int, int]:
    """Matched words, longest equal run, and equal shingles' presence of the best local alignment (Smith-Waterman)."""
    width = len(book) + 1
    score, steps = [0.0] * width, []
    best, best_at = 0.0, (0, 0)
    for i, word in enumerate(document):
        row, step = [0.0] * width, bytearray(width)
        for j, other in enumerate(book, 1):
            diagonal = score[j - 1] + (1.0 if word == other else -0.5)
            up, left = score[j] - 1.0, row[j - 1] - 1.0
            value = max(0.0, diagonal, up, left)
            row[j] = value
            step[j] = 0 if value == 0 else 1 if value == diagonal else 2 if value == up else 3
            if value > best:
                best, best_at = value, (i, j)
        steps.append(step)
        score = row
    (i, j), matched, run, longest = best_at, 0, 0, 0
    while i >= 0 and j > 0 and steps[i][j]:
        kind = steps[i][j]
        equal = kind == 1 and document[i] == book[j - 1]
        matched, run = matched + equal, (run + 1) * equal
        longest = max(longest, run)
        i, j = i - (kind in (1, 2)), j - (kind in (1, 3))
    return matched, longest, int(longest >= FracMinHash.shingle)


def folded(text: str) -> list[str]:
    return ["".join(c for c in word if c.isalnum()).lower() for word in text.split()]


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> tuple[list[str], list[dict[str, tuple[int, int, int]]]]:
    """Documents with a disturbed passage each, and what the oracle says of each with every book."""
    rng = random.Random(11)
    documents = []
    for number in range(40):
        words = BOOKS[rng.choice(list(BOOKS))]
        size, noise = rng.choice([25, 30, 40, 60]), NOISES[number % len(NOISES)]
        at = rng.randrange(len(words) - size)
        passage = [w if rng.random() >= noise else rng.choice(["", "new", f"{w} more"]) for w in words[at : at + size]]
        documents.append(" ".join([sentences(1000 + number, 20), *passage, sentences(2000 + number, 20)]))
    books = {name: folded(" ".join(words)) for name, words in BOOKS.items()}
    return documents, [{name: aligned(folded(text), book) for name, book in books.items()} for text in documents]


def found_by(folder, documents: list[str], scale: int) -> list[dict[str, int]]:
    """Matched words of the best passage of each document and book."""
    books = [Book(name, name, "", "", " ".join(words).encode(), "", "") for name, words in BOOKS.items()]
    write_index(books, folder / "index", sketch=FracMinHash(scale=scale))
    rows = Matcher(provenance.Index(folder / "index")).match(pa.array(documents)).to_pylist()
    best: list[dict[str, int]] = [{} for _ in documents]
    for row in rows:
        for passage in [row, *row["also"], *row["shared"]]:
            known = best[row["document"]]
            known[passage["edition_id"]] = max(known.get(passage["edition_id"], 0), passage["matched_words"])
    return best


def test_all_that_full_alignment_finds_is_found_and_nothing_else(tmp_path, case):
    documents, oracle = case
    config, missed, above = MatchConfig(), 0, 0
    for found, told in zip(found_by(tmp_path, documents, 1), oracle, strict=True):
        for name, (matched, longest, seeded) in told.items():
            reported = longest >= config.min_words or matched >= config.min_noisy
            if name in found:
                assert matched >= config.min_words, (name, matched, found[name])
                assert found[name] <= matched + config.join_gap
            elif reported and seeded:
                missed += 1
                assert matched < CLEAR, (name, matched, longest)
            above += reported
    assert above >= 20
    assert missed <= 1  # of 40: where greedy extension stops a word earlier than full alignment


def test_a_sampled_sketch_misses_little_of_it(tmp_path, case):
    documents, oracle = case
    clear = [
        (row, name)
        for row, told in enumerate(oracle)
        for name, (matched, longest, seeded) in told.items()
        if seeded and matched >= CLEAR
    ]
    found = found_by(tmp_path, documents, 4)
    assert sum(name in found[row] for row, name in clear) >= 0.85 * len(clear)
