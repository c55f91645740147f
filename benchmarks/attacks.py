"""Attacks on an index without texts, by who has it and not its key; `dictionary_attack` says what they come to."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

import provenance
from benchmarks.common import median
from benchmarks.quality.plants import Book
from provenance.index.opening import Index
from provenance.index.postings import Table
from provenance.index.prepare import MOST_POSITIONS
from provenance.kernels.fingerprints import fingerprints_of
from provenance.kernels.hashing import FMIX_1, FMIX_2
from provenance.kernels.probe import lift_of, stored_values
from provenance.kernels.words import words_of
from provenance.matching.matcher import Matcher
from provenance.sketch import FracMinHash, Key

U64 = np.uint64
U64s = npt.NDArray[np.uint64]

SHINGLE = 5
EXCERPTS = (5, 10, 25, 50, 100, 1000)  # words of a candidate that the attacker has
VOCABULARY = 50_000  # the most frequent words of books that are not in the index
FRONT = 1000  # words that another printing may have more
PART = 10  # of so many parts of a book the attacker has one
PASSAGES = (25, 50, 100, 200, 500)  # words of passages that are looked for
PLANTED = 200
NOWHERE = U64(1 << 63)  # no stored value


class Side(NamedTuple):
    """A book, cut into words."""

    book: Book
    words: list[str]


class Attacked(NamedTuple):
    """An index in the attacker's hands, and the key that they try."""

    index: Index
    key: Key
    values: U64s  # stored values of all postings
    places: U64s  # global word positions of them
    at: U64s  # stored value by global word position; 2^63 where there is none
    lift: int  # of stored values


def attacked(folder: Path, inside: Sequence[Side], key: Key, scale: int = 1) -> Attacked:
    """Build an index, and open it without its key."""
    folder.mkdir()
    texts = [" ".join(side.words) for side in inside]
    columns = {"id": [side.book.id for side in inside], "title": [side.book.id for side in inside], "text": texts}
    pq.write_table(pa.table(columns), folder / "books.parquet")
    sketch = FracMinHash(SHINGLE, scale)
    provenance.build_index([folder / "books.parquet"], folder / "index", sketch=sketch, key=key, keep_texts=False)
    guessed = Key() if key.is_public else Key(Key.from_secret(b"a key that is guessed").numbers, key.key_id)
    index = Index(folder / "index", guessed)
    tables = Table(index.folder, index.manifest)
    values, places = tables.between(0, 1 << 48)
    at = np.full(index.manifest["counts"]["words"] + 1, NOWHERE)
    at[places] = values
    return Attacked(index, guessed, values, places, at, lift_of(key.most_hidden(sketch.max_kept)))


def hashes_of(words: Sequence[str], key: Key) -> U64s:
    return words_of(np.frombuffer(" ".join(words).encode(), np.uint8), key.keys).hashes


def stored(fingerprints: U64s, index: Attacked) -> U64s:
    return stored_values(index.key.hidden(fingerprints), index.lift)


def guesses(index: Attacked, inside: Sequence[Side], outside: Sequence[Side]) -> list[dict[str, Any]]:
    """Is this book in the index? By the share of the shingles of an excerpt that are found."""
    found = []
    for size in (*EXCERPTS, sys.maxsize):
        shares: list[list[float]] = [[], []]
        seconds = []
        for side, candidates in enumerate((inside, outside)):
            for candidate in candidates:
                middle = len(candidate.words) // 2
                words = candidate.words[middle : middle + size] if size < sys.maxsize else candidate.words
                started = time.perf_counter()
                fingerprints = fingerprints_of(hashes_of(words, index.key), SHINGLE, index.key.keys)
                runs = index.index.find(fingerprints)
                seconds.append(time.perf_counter() - started)
                shares[side].append(runs.queries.size / max(fingerprints.size, 1))
        there, not_there = (np.array(share) for share in shares)
        auc = float(((there[:, None] > not_there) + 0.5 * (there[:, None] == not_there)).mean())
        row: dict[str, Any] = {"words": size if size < sys.maxsize else None, "auc": auc, "ms": 1000 * median(seconds)}
        row |= {"told": float((there > 0.5).mean()), "wrongly": float((not_there > 0.5).mean())}
        row |= {"share_inside": float(there.mean()), "share_outside": float(not_there.mean())}
        found.append(row)
    return found


def finished(x: U64s) -> U64s:
    """The finalizer of a shingle's hash, over an array."""
    x = (x ^ x >> U64(33)) * FMIX_1
    x = (x ^ x >> U64(33)) * FMIX_2
    return x ^ x >> U64(33)


def reading(index: Attacked, outside: Sequence[Side], books: int) -> dict[str, Any]:
    """Read books out of the index: phrases of other books say where to begin, a vocabulary how it goes on."""
    counts = Counter(word for side in outside for word in side.words)
    vocabulary = [word for word, _ in counts.most_common(VOCABULARY)]
    known = hashes_of(vocabulary, index.key)
    own = [hashes_of(side.words, index.key) for side in outside]
    phrases = np.concatenate([np.lib.stride_tricks.sliding_window_view(hashes, SHINGLE) for hashes in own])
    values = stored(np.concatenate([fingerprints_of(hashes, SHINGLE, index.key.keys) for hashes in own]), index)
    order = np.unique(values, return_index=True)[1]
    rising, rows = values[order], phrases[order]
    read = total = words_begun = 0
    longest, started = 0, time.perf_counter()
    for first, size in zip(index.index.first_words[:books], index.index.edition_words[:books], strict=True):
        text = np.zeros(size, dtype=np.uint64)  # hashes of words that are known; 0: not
        span = index.at[first : first + size]
        place = np.minimum(np.searchsorted(rising, span), rising.size - 1)
        begun = np.flatnonzero((rising[place] == span) & (span != NOWHERE))
        for start in begun.tolist():
            text[start : start + SHINGLE] = rows[place[start]]
        words_begun += int((text != 0).sum())
        for start in begun.tolist():
            for step in (1, -1):
                extend(text, span, start, step, known, index)
        read, total = read + int((text != 0).sum()), total + int(size)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], (text != 0).astype(np.int8), [0]])))
        longest = max([longest, *(edges[1::2] - edges[::2]).tolist()])
    seconds = time.perf_counter() - started
    return {
        "words": total, "from_phrases": words_begun / total, "read": read / total, "longest_run": longest,
        "words_a_second": (read - words_begun) / seconds, "vocabulary": len(vocabulary),
    }  # fmt: skip


def extend(text: U64s, span: U64s, start: int, step: int, known: U64s, index: Attacked) -> None:
    """Guess the next word on one side of a shingle that is known, again and again, until the vocabulary has it not."""
    start_key, multiplier, mask = int(index.key.keys[1]), int(index.key.keys[2]), (1 << 64) - 1
    unknown_at = SHINGLE - 1 if step > 0 else 0
    weighed = known * U64(pow(multiplier, SHINGLE - 1 - unknown_at, 1 << 64))
    while start + step >= 0 and start + step + SHINGLE <= text.size:
        start += step
        if text[start + unknown_at] or span[start] == NOWHERE:
            return  # another beginning has been here, or will be; or the index has not this shingle
        rest = start_key
        for word in text[start : start + SHINGLE].tolist():  # the unknown one is 0
            rest = (rest * multiplier + word) & mask
        fits = np.flatnonzero(stored(finished(weighed + U64(rest)), index) == span[start])
        if fits.size != 1:
            return
        text[start + unknown_at] = known[fits[0]]


def keyed(index: Attacked, inside: Sequence[Side], outside: Sequence[Side]) -> dict[str, Any]:
    """What a keyed index gives away without its key: lengths, repetitions, and what books share."""
    sizes = Counter(index.index.edition_words.tolist())
    theirs = Counter(len(side.words) for side in (*inside, *outside))
    alone = sum(sizes[len(side.words)] == theirs[len(side.words)] == 1 for side in inside)
    false = sum(sizes[len(side.words)] > 0 for side in outside)
    of_index = [
        gaps(index.at[f : f + s]) for f, s in zip(index.index.first_words, index.index.edition_words, strict=True)
    ]
    cuts = {
        "whole": lambda words: words,
        f"without its first {FRONT:,} words": lambda words: words[FRONT:],
        "its middle tenth": lambda words: words[len(words) * 9 // (2 * PART) : len(words) * 11 // (2 * PART)],
    }
    return {
        "lengths": {"named": alone / len(inside), "wrongly": false / len(outside)},
        "repetitions": {name: recognised(of_index, inside, outside, piece) for name, piece in cuts.items()},
        "codebook": codebook(index),
    }


def found(index: Index, inside: Sequence[Side], outside: Sequence[Side], seed: int) -> dict[int, float]:
    """What a scale costs who may look: the share of passages of a length that the index finds, between other words."""
    dice, shares = random.Random(seed), {}
    for length in PASSAGES:
        rows = []
        for _ in range(PLANTED):
            book, host = dice.choice(inside).words, dice.choice(outside).words
            at, begin = dice.randrange(len(book) - length), dice.randrange(len(host) - 200)
            rows.append(
                " ".join([*host[begin : begin + 100], *book[at : at + length], *host[begin + 100 : begin + 200]])
            )
        matches = Matcher(index).match(pa.array(rows))
        shares[length] = len(set(matches["document"].to_pylist())) / PLANTED
    return shares


def gaps(values: U64s) -> set[int]:
    """Distances between a shingle and its next copy in one text: they need no key, and are like no other book's."""
    order = np.argsort(values, kind="stable")
    rising = values[order]
    first = np.flatnonzero(np.concatenate([[True], rising[1:] != rising[:-1]]))
    number = np.arange(rising.size) - np.repeat(first, np.diff(np.append(first, rising.size)))
    same = (rising[1:] == rising[:-1]) & (rising[1:] != NOWHERE) & (number[1:] < MOST_POSITIONS)
    distances = np.diff(order)[same]
    return set(distances[distances > 100].tolist())


def recognised(
    of_index: Sequence[set[int]],
    inside: Sequence[Side],
    outside: Sequence[Side],
    piece: Callable[[list[str]], list[str]],
) -> dict[str, Any]:
    """Which edition has most of a candidate's distances, and whether that tells those that are there from others."""

    def best(side: Side) -> tuple[int, float]:
        mine = gaps(fingerprints_of(hashes_of(piece(side.words), Key()), SHINGLE, Key().keys))
        shares = [len(mine & theirs) / max(len(mine), 1) for theirs in of_index]
        return int(np.argmax(shares)), max(shares)

    started = time.perf_counter()
    there, others = [best(side) for side in inside], [best(side) for side in outside]
    seconds = (time.perf_counter() - started) / (len(there) + len(others))
    right = sum(edition == number for number, (edition, _) in enumerate(there)) / len(there)
    scores, against = np.array([score for _, score in there]), np.array([score for _, score in others])
    auc = float(((scores[:, None] > against) + 0.5 * (scores[:, None] == against)).mean())
    return {
        "right": right,
        "auc": auc,
        "share_inside": float(np.median(scores)),
        "share_outside": float(np.median(against)),
        "ms": 1000 * seconds,
    }


def codebook(index: Attacked) -> dict[str, float]:
    """What of a book can be read with all others of the index as a code book: shingles that they have too."""
    editions = np.searchsorted(index.index.first_words, index.places.astype(np.int64), side="right") - 1
    first = np.concatenate([[True], index.values[1:] != index.values[:-1]])
    group = np.cumsum(first) - 1
    low, high = (
        np.minimum.reduceat(editions, np.flatnonzero(first)),
        np.maximum.reduceat(editions, np.flatnonzero(first)),
    )
    shared = (low != high)[group]
    return {
        "shingles": float(shared.mean()),
        "most_of_one_book": max(float(shared[editions == e].mean()) for e in range(int(editions.max()) + 1)),
    }


def algebra(key: Key, inside: Sequence[Side]) -> dict[str, Any]:
    """Why the table holds SipHash of fingerprints: of the fingerprints of one known book the multiplier can be solved.

    Two shingles that differ in one word differ, before the finalizer, by a power of the multiplier times the difference
    of two word hashes; the same two words at two places give the multiplier as a quotient.
    """
    words = max((side.words for side in inside), key=len)
    plain = fingerprints_of(hashes_of(words, key), SHINGLE, key.keys)
    started = time.perf_counter()
    inverse = [(a, pow(int(a), -1, 1 << 64)) for a in (FMIX_2, FMIX_1)]
    x = plain ^ plain >> U64(33)
    for _, back in inverse:
        x = x * U64(back)
        x = x ^ x >> U64(33)
    votes: Counter[int] = Counter()
    last = differences(words, x, SHINGLE - 1)
    for pair, difference in differences(words, x, SHINGLE - 2).items():
        if (other := last.get(pair, 0)) % 2:
            votes[difference * pow(other, -1, 1 << 64) % (1 << 64)] += 1
    solved, count = votes.most_common(1)[0] if votes else (0, 0)
    hidden = key.hidden(plain)
    return {
        "words": len(words), "seconds": time.perf_counter() - started, "votes": count, "of": sum(votes.values()),
        "solved": solved == int(key.keys[2]), "hidden_equal_plain": int((hidden == plain).sum()),
    }  # fmt: skip


def differences(words: Sequence[str], x: U64s, slot: int) -> dict[tuple[str, str], int]:
    """For pairs of words that stand at one place of otherwise equal shingles, by how much these differ."""
    met: dict[tuple[str, ...], tuple[str, int]] = {}
    found: dict[tuple[str, str], int] = {}
    for at, value in enumerate(x.tolist()):
        shingle = words[at : at + SHINGLE]
        rest = (*shingle[:slot], *shingle[slot + 1 :])
        word, other = met.setdefault(rest, (shingle[slot], value))
        if word < shingle[slot]:
            found[word, shingle[slot]] = (other - value) % (1 << 64)
        elif word > shingle[slot]:
            found[shingle[slot], word] = (value - other) % (1 << 64)
    return found
