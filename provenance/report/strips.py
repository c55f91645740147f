"""Pictures as inline SVG: a coverage strip shows a book from its first word to its last; a heat map works by shards.

No colour comes from a style attribute, which the report's policy forbids, and none stands alone: a strip has a label in
words, and what is only partly covered is paler.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from provenance.display.text import short

BINS = 240  # of a strip; a chapter of a long book is a few of them
HEIGHT = 14

LOOKS = (  # identity from, class, what a legend says
    (0.98, "verbatim", "word for word (98 % of the words and more)"),
    (0.85, "close", "small changes (85 % and more)"),
    (0.0, "reworded", "reworded, or another edition"),
)
SHARED = "shared"
SHADES = 4  # of what is covered in part
LEAST = 0.005  # of a bin, below which nothing is seen of it

MOST_HEAT_WORKS, MOST_HEAT_SHARDS = 40, 60

Span = tuple[int, int, float, bool]


class Cells(NamedTuple):
    """Of each bin of a strip, from 0 to 1: what is covered, what of that the work is credited for, and how closely."""

    covered: list[float]
    own: list[float]
    identity: list[float]


def cells_of_spans(spans: Sequence[Span], words: int) -> Cells:
    """The bins of an edition of `words` words; `spans` are its matched parts, and once more those of its own."""
    cells = Cells([0.0] * BINS, [0.0] * BINS, [0.0] * BINS)
    for begin, end, of, credited in spans:
        for number, share in _shares(begin, end, words):
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


def strip(cells: Cells, label: str) -> Markup:
    """The coverage strip of a work."""
    bars = Markup("").join(
        Markup('<rect x="{}" width="{}" height="{}" class="{} s{}"/>').format(x, width, HEIGHT, look, shade)
        for x, width, look, shade in bins(cells)
    )
    start = Markup('<svg class="strip" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">')
    return start.format(BINS, HEIGHT, label) + bars + Markup("</svg>")


def bins(cells: Cells) -> list[tuple[int, int, str, int]]:
    """Stretches of equal look: first bin, number of bins, class, and how much is covered in SHADES steps."""
    pieces: list[tuple[int, int, str, int]] = []
    for number, (covered, own, identity) in enumerate(zip(*cells, strict=True)):
        if covered < LEAST:
            continue
        look = SHARED if own < covered / 2 else _look(identity)
        shade = max(1, min(SHADES, round(min(1.0, covered) * SHADES)))
        if pieces and pieces[-1][0] + pieces[-1][1] == number and pieces[-1][2:] == (look, shade):
            pieces[-1] = (pieces[-1][0], pieces[-1][1] + 1, look, shade)
        else:
            pieces.append((number, 1, look, shade))
    return pieces


def _shares(begin: int, end: int, words: int) -> list[tuple[int, float]]:
    """The bins that a span touches, and which share of each."""
    scale = BINS / max(1, words)
    low, high = begin * scale, min(BINS, end * scale)
    return [(n, min(high, n + 1) - max(low, n)) for n in range(int(low), min(BINS, int(high) + 1))]


def _look(identity: float) -> str:
    return next(name for least, name, _ in LOOKS if identity >= least)


def heat_map(rows: Sequence[dict[str, Any]], works: Sequence[dict[str, Any]], columns: int) -> Markup | None:
    """Works by shards, darker where more words are; None where there is too little to see.

    `rows` have a work, a column and its words; each column stands for as many shards as it takes to have `columns`.
    """
    shown = works[:MOST_HEAT_WORKS]
    if len(shown) < 2 or columns < 2:
        return None
    row_of = {work["work_id"]: number for number, work in enumerate(shown)}
    most = max((row["words"] for row in rows), default=1)
    left, width, height = 190, 760, 18
    cell = (width - left) / columns
    parts = [
        Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(left - 8, height * n + 13, _short(work))
        for n, work in enumerate(shown)
    ]
    parts += [
        Markup('<rect x="{:.1f}" y="{}" width="{:.1f}" height="{}" class="heat" fill-opacity="{:.2f}"/>').format(
            left + row["column"] * cell, height * row_of[row["work_id"]] + 1, max(1.0, cell - 1), height - 2,
            0.12 + 0.88 * (row["words"] / most) ** 0.5,
        )
        for row in rows
        if row["work_id"] in row_of
    ]  # fmt: skip
    return Markup('<svg class="map" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, height * len(shown) + 2, "Works by shards: the darker, the more words of the work are in the shard",
        Markup("").join(parts),
    )  # fmt: skip


def _short(work: dict[str, Any]) -> str:
    return short(work["title"] or work["work_id"], 26)
