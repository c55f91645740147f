"""What is planted, and how often: the cells of the table, and a passage of a cell as it is put into a row.

It is disturbed, and its place is known.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from provenance.errors import UsageError
from provenance.kernels.words import words_of
from provenance.selftest.disturb import CUT, RATED, RATES, UNRATED, VERBATIM
from provenance.sketch import Key

CUT_SHORTEST = 50  # words: of a shorter passage cut in two neither part need reach the 25 that are reported
LENGTHS = (25, 50, 100, 200, 400)  # words
MOST_PLANTS, MOST_WORDS, MOST_ROWS = 10_000, 5_000, 2_000  # rows are held in memory: of 64 KiB each at most

SHORT_NAMES = {
    "verbatim": VERBATIM, "stripped": "case and punctuation stripped", "pages": "line-end hyphens, page headers",
    "spelling": "British/American spelling", "shuffled": "sentences shuffled", "invisible": "zero-width characters",
    "homoglyphs": "homoglyphs", "cut": CUT, "substitution": "substitution", "deletion": "deletion",
    "insertion": "insertion", "ocr": "OCR",
}  # fmt: skip
"""Names that can be typed, of the kinds of noise as the quality study calls them."""


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


@dataclass(frozen=True)
class Wanted:
    """What decides what is planted; equal inputs and equal values of these give equal results."""

    plants: int = 50  # of each cell
    lengths: tuple[int, ...] = LENGTHS  # words of a passage
    noises: tuple[Noise, ...] = ALL_NOISES
    rows: int = 400  # of the shards that are sampled
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise UsageError for what makes no sense."""
        for option, value, most in (("--plants", self.plants, MOST_PLANTS), ("--rows", self.rows, MOST_ROWS)):
            if not 1 <= value <= most:
                raise UsageError(f"{option} is {value}; it must be from 1 to {most:,}")
        if not self.lengths or any(not 1 <= length <= MOST_WORDS for length in self.lengths):
            lengths = ",".join(map(str, self.lengths))
            raise UsageError(f"--lengths is {lengths!r}; give words of a passage, each from 1 to {MOST_WORDS:,}")
        if not self.cells:
            raise UsageError(f"--noise and --lengths leave nothing to plant: {CUT!r} takes 50 words or more")

    @property
    def cells(self) -> list[Cell]:
        """All cells, noise by noise and shortest first, each once."""
        return cells_of(tuple(dict.fromkeys(self.noises)), sorted(set(self.lengths)))


def parse_lengths(text: str) -> tuple[int, ...]:
    """`25,50,100` as numbers; raises UsageError for what is none."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or any(not (part.isascii() and part.isdigit() and len(part) < 9) for part in parts):
        raise UsageError(f"--lengths is {text!r}; give words of a passage, such as 25,50,100")
    return tuple(map(int, parts))


def parse_noises(text: str) -> tuple[Noise, ...]:
    """`verbatim,ocr:0.2` as kinds and rates; a kind that has rates means all of the study's if none is given.

    Raises UsageError for what there is not.
    """
    noises: list[Noise] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, colon, rate = part.partition(":")
        if (kind := SHORT_NAMES.get(name)) is None:
            raise UsageError(f"--noise has {name!r}; there are {', '.join(SHORT_NAMES)}")
        if not colon:
            noises += [Noise(kind, each) for each in (RATES if kind in RATED else (0.0,))]
        elif kind in RATED:
            noises.append(Noise(kind, _rate(part, rate)))
        else:
            rated = ", ".join(name for name, kind in SHORT_NAMES.items() if kind in RATED)
            raise UsageError(f"--noise has {part!r}; {name} has no share of words, only {rated} have")
    if not noises:
        raise UsageError(f"--noise is {text!r}; there are {', '.join(SHORT_NAMES)}")
    return tuple(noises)


def _rate(part: str, text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 < rate <= 1:
        raise UsageError(f"--noise has {part!r}; give the share of words that are changed, such as ocr:0.2")
    return rate


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
