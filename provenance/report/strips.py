"""Pictures as inline SVG: a coverage strip shows a book from its first word to its last; a heat map works by shards.

No colour comes from a style attribute, which the report's policy forbids, and none stands alone: a strip has a label in
words, and what is only partly covered is paler.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

BINS = 240  # of a strip; a chapter of a long book is a few of them
HEIGHT = 14

LOOKS = (  # identity from, class, what a legend says
    (0.98, "verbatim", "word for word (98 % of the words and more)"),
    (0.85, "close", "small changes (85 % and more)"),
    (0.0, "reworded", "reworded, or another edition"),
)
SHARED = "shared"
SHADES = 4  # of what is covered in part

MOST_HEAT_WORKS, MOST_HEAT_SHARDS = 40, 60

Span = tuple[int, int, float, bool]


def strip(spans: Sequence[Span], words: int, label: str) -> Markup:
    """The coverage strip of an edition of `words` words; `spans` are its matched parts."""
    bars = Markup("").join(
        Markup('<rect x="{}" width="{}" height="{}" class="{} s{}"/>').format(x, width, HEIGHT, look, shade)
        for x, width, look, shade in bins(spans, words)
    )
    return Markup(
        '<svg class="strip" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(BINS, HEIGHT, label, bars)


def bins(spans: Sequence[Span], words: int) -> list[tuple[int, int, str, int]]:
    """Stretches of equal look: first bin, number of bins, class, and how much is covered in SHADES steps."""
    covered, own = [0.0] * BINS, [0.0] * BINS
    identity = [0.0] * BINS
    for begin, end, of, credited in spans:
        for number, share in _shares(begin, end, words):
            if credited:
                own[number] += share
            else:
                covered[number] += share
                identity[number] += share * of
    looks: list[tuple[str, int] | None] = []
    for number in range(BINS):
        share = min(1.0, covered[number])
        if share < 0.005:
            looks.append(None)
            continue
        look = SHARED if own[number] < covered[number] / 2 else _look(identity[number] / covered[number])
        looks.append((look, max(1, min(SHADES, round(share * SHADES)))))
    found: list[tuple[int, int, str, int]] = []
    for number, known in enumerate(looks):
        if known is None:
            continue
        if found and found[-1][0] + found[-1][1] == number and found[-1][2:] == known:
            found[-1] = (found[-1][0], found[-1][1] + 1, *known)
        else:
            found.append((number, 1, *known))
    return found


def _shares(begin: int, end: int, words: int) -> list[tuple[int, float]]:
    """The bins that a span touches, and which share of each."""
    scale = BINS / max(1, words)
    low, high = begin * scale, min(BINS, end * scale)
    return [(n, min(high, n + 1) - max(low, n)) for n in range(int(low), min(BINS, int(high) + 1))]


def _look(identity: float) -> str:
    return next(name for least, name, _ in LOOKS if identity >= least)


def heat_map(rows: Sequence[dict[str, Any]], works: Sequence[dict[str, Any]], shards: Sequence[str]) -> Markup | None:
    """Works by shards, darker where more words are; None where there is too little to see.

    Many shards share a column.
    """
    shown = works[:MOST_HEAT_WORKS]
    if len(shown) < 2 or len(shards) < 2:
        return None
    columns = min(len(shards), MOST_HEAT_SHARDS)
    column_of = {shard: number * columns // len(shards) for number, shard in enumerate(shards)}
    row_of = {work["work_id"]: number for number, work in enumerate(shown)}
    sums: dict[tuple[int, int], int] = {}
    for row in rows:
        if row["work_id"] in row_of and row["shard"] in column_of:
            place = row_of[row["work_id"]], column_of[row["shard"]]
            sums[place] = sums.get(place, 0) + row["words"]
    most = max(sums.values(), default=1)
    left, width, height = 190, 760, 18
    cell = (width - left) / columns
    parts = [
        Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(left - 8, height * n + 13, _short(work))
        for n, work in enumerate(shown)
    ]
    parts += [
        Markup('<rect x="{:.1f}" y="{}" width="{:.1f}" height="{}" class="heat" fill-opacity="{:.2f}"/>').format(
            left + column * cell, height * row + 1, max(1.0, cell - 1), height - 2, 0.12 + 0.88 * (value / most) ** 0.5
        )
        for (row, column), value in sorted(sums.items())
    ]
    return Markup('<svg class="map" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, height * len(shown) + 2, "Works by shards: the darker, the more words of the work are in the shard",
        Markup("").join(parts),
    )  # fmt: skip


def _short(work: dict[str, Any]) -> str:
    from provenance.shown import short

    return short(work["title"] or work["work_id"], 26)
