"""Coverage strips: a book from its first word to its last, as stretches of equal look that a template draws.

No look stands alone: a strip has a label in words, and what is only partly covered is paler.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from provenance.arrays import Floats, Integers

BINS = 240  # of a strip; a chapter of a long book is a few of them

LOOKS = (  # identity from, class, what a legend says
    (0.98, "verbatim", "word for word (98 % of the words and more)"),
    (0.85, "close", "small changes (85 % and more)"),
    (0.0, "reworded", "reworded, or another edition"),
)
SHARED = "shared"
SHADES = 4  # of what is covered in part
LEAST = 0.005  # of a bin, below which nothing is seen of it


class Spans(NamedTuple):
    """Parts of an edition that do not overlap, in order: first word, the one after the last, and identity."""

    begins: Integers
    ends: Integers
    identities: Floats


class Cells(NamedTuple):
    """Of each bin of a strip, from 0 to 1: what is covered, what of that the work is credited for, and how closely."""

    covered: list[float]
    own: list[float]
    identity: list[float]


def cells_of_spans(spans: Spans, own: Spans, words: int) -> Cells:
    """The bins of an edition of `words` words, of which `spans` are in the data, and `own` credited to its work."""
    scale = BINS / max(1, words)
    (covered, closely), (credited, _) = _binned(spans, scale), _binned(own, scale)
    identity = closely / np.where(covered > 0, covered, 1)
    return Cells(covered.tolist(), credited.tolist(), identity.tolist())


def _binned(spans: Spans, scale: float) -> tuple[Floats, Floats]:
    """How much of each bin some spans fill, and that times their identity."""
    low, high = spans.begins * scale, np.minimum(BINS, spans.ends * scale)
    first = low.astype(np.int64)
    sizes = np.minimum(BINS, high.astype(np.int64) + 1) - first  # bins that a span touches
    span = np.repeat(np.arange(sizes.size), sizes)
    bin_ = np.arange(span.size) + (first - np.cumsum(sizes) + sizes)[span]
    share = np.minimum(high[span], bin_ + 1) - np.maximum(low[span], bin_)
    weighted = share * spans.identities[span]
    filled, closely = (np.bincount(bin_, weights, BINS).astype(np.float64) for weights in (share, weighted))
    return filled, closely


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
