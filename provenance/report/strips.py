"""Coverage strips: a book from its first word to its last, as stretches of equal look that a template draws.

No look stands alone: a strip has a label in words, and what is only partly covered is paler.
"""

from collections.abc import Sequence
from typing import NamedTuple

BINS = 240  # of a strip; a chapter of a long book is a few of them

LOOKS = (  # identity from, class, what a legend says
    (0.98, "verbatim", "word for word (98 % of the words and more)"),
    (0.85, "close", "small changes (85 % and more)"),
    (0.0, "reworded", "reworded, or another edition"),
)
SHARED = "shared"
SHADES = 4  # of what is covered in part
LEAST = 0.005  # of a bin, below which nothing is seen of it

Span = tuple[int, int, float, bool]


class Cells(NamedTuple):
    """Of each bin of a strip, from 0 to 1: what is covered, what of that the work is credited for, and how closely."""

    covered: list[float]
    own: list[float]
    identity: list[float]


def cells_of_spans(spans: Sequence[Span], words: int) -> Cells:
    """The bins of an edition of `words` words; `spans` are its matched parts, and once more those of its own."""
    cells = Cells([0.0] * BINS, [0.0] * BINS, [0.0] * BINS)
    scale = BINS / max(1, words)
    for begin, end, of, credited in spans:
        low, high = begin * scale, min(BINS, end * scale)
        for number in range(int(low), min(BINS, int(high) + 1)):
            share = min(high, number + 1) - max(low, number)
            if credited:
                cells.own[number] += share
            else:
                cells.covered[number] += share
                cells.identity[number] += share * of
    return cells._replace(identity=[i / c if c else 0.0 for i, c in zip(cells.identity, cells.covered, strict=True)])


def cells_of_deciles(deciles: Sequence[float], own: float, identity: float) -> Cells:
    """The same, coarsely, from the tenths of a work: `own` is the share of what is covered that is its own."""
    covered = [deciles[number * len(deciles) // BINS] for number in range(BINS)]
    return Cells(covered, [share * own for share in covered], [identity] * BINS)


def bins(cells: Cells) -> list[tuple[int, int, str, int]]:
    """Stretches of equal look: first bin, number of bins, class, and how much is covered in SHADES steps."""
    pieces: list[tuple[int, int, str, int]] = []
    for number, (covered, own, identity) in enumerate(zip(*cells, strict=True)):
        if covered < LEAST:
            continue
        look = SHARED if own < covered / 2 else next(name for least, name, _ in LOOKS if identity >= least)
        shade = max(1, min(SHADES, round(min(1.0, covered) * SHADES)))
        if pieces and pieces[-1][0] + pieces[-1][1] == number and pieces[-1][2:] == (look, shade):
            pieces[-1] = (pieces[-1][0], pieces[-1][1] + 1, look, shade)
        else:
            pieces.append((number, 1, look, shade))
    return pieces
