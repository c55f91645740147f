"""Cells of the table, and a passage of a cell as it is put into a row: disturbed, at a place that is known."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from provenance.kernels.words import words_of
from provenance.selftest.disturb import CUT, RATED, RATES, UNRATED, VERBATIM
from provenance.sketch import Key

CUT_SHORTEST = 50  # words: of a shorter passage cut in two neither part need reach the 25 that are reported


class Noise(NamedTuple):
    """A way in which passages are disturbed, and in which share of their words; 0 where it has none."""

    kind: str
    rate: float


class Cell(NamedTuple):
    """A row of the table: how passages are disturbed, and how long they are."""

    noise: str
    rate: float
    length: int


class Piece(NamedTuple):
    """A row with a passage, or a part of it, in bytes `begin` to `end`."""

    text: bytes
    begin: int
    end: int


ALL_NOISES = (*(Noise(kind, 0.0) for kind in (*UNRATED, CUT)), *(Noise(kind, rate) for kind in RATED for rate in RATES))


def cells_of(noises: Sequence[Noise], lengths: Sequence[int]) -> list[Cell]:
    """The cells of some noises and lengths, noise by noise."""
    return [
        Cell(*noise, length) for noise in noises for length in lengths if noise.kind != CUT or length >= CUT_SHORTEST
    ]


def disturbed(words: list[str], cell: Cell, rng: random.Random, vocabulary: Sequence[str]) -> str:
    """A passage as the cell has it; not for passages that are cut."""
    if cell.noise in RATED:
        return " ".join(RATED[cell.noise](words, cell.rate, rng, vocabulary))
    return UNRATED[cell.noise](words, rng)


def parts_of(passage: bytes, cell: Cell, rng: random.Random, vocabulary: Sequence[str]) -> list[bytes]:
    """What of a passage is planted: one text, or two of one that is cut. Word for word is byte for byte."""
    if cell.noise == VERBATIM:
        return [passage]
    words = passage.decode("utf-8", "replace").split()
    if cell.noise != CUT:
        return [disturbed(words, cell, rng, vocabulary).encode("utf-8", "replace")]
    at = rng.randrange(1, max(2, len(words)))
    return [" ".join(part).encode() for part in (words[:at], words[at:]) if part]


def plant(parts: Sequence[bytes], hosts: Sequence[bytes], key: Key, rng: random.Random) -> list[Piece]:
    """Copies of rows, each with a part: one part between two words of its row, the first of two at the end, the second
    at the beginning.
    """
    if len(parts) == 1:
        begins = words_of(np.frombuffer(hosts[0], dtype=np.uint8), key.keys).begins
        return [_between(hosts[0], parts[0], rng.choice([*begins.tolist(), len(hosts[0])]))]
    return [_between(hosts[0], parts[0], len(hosts[0])), _between(hosts[1], parts[1], 0)]


def _between(host: bytes, part: bytes, at: int) -> Piece:
    before, behind = host[:at], host[at:]
    text = b"".join((before, b" " if before else b"", part, b" " if behind else b"", behind))
    begin = len(before) + bool(before)
    return Piece(text, begin, begin + len(part))
