"""What is to be planted, and how often; read by the command line and by whoever calls `certify`."""

from __future__ import annotations

from dataclasses import dataclass

from provenance.errors import UsageError
from provenance.selftest.disturb import CUT, RATED, RATES, VERBATIM
from provenance.selftest.plants import ALL_NOISES, Cell, Noise, cells_of

LENGTHS = (25, 50, 100, 200, 400)  # words
MOST_PLANTS, MOST_WORDS, MOST_ROWS = 10_000, 5_000, 2_000  # rows are held in memory: of 64 KiB each at most

SHORT_NAMES = {
    "verbatim": VERBATIM, "stripped": "case and punctuation stripped", "pages": "line-end hyphens, page headers",
    "spelling": "British/American spelling", "shuffled": "sentences shuffled", "invisible": "zero-width characters",
    "homoglyphs": "homoglyphs", "cut": CUT, "substitution": "substitution", "deletion": "deletion",
    "insertion": "insertion", "ocr": "OCR",
}  # fmt: skip
"""Names that can be typed, of the kinds of noise as the quality study calls them."""


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
