"""Compares what was found with what was planted."""

from __future__ import annotations

import math
import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.quality.plants import Plant
from provenance.selftest.plants import Cell

Z = 1.959964  # of the normal distribution, for 95 %


class Claim(NamedTuple):
    """A match as any tool may report it: bytes of a document said to come from a work, best claim first."""

    begin: int
    end: int
    work: str
    matched: int  # words


def wilson(found: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a proportion (Wilson 1927)."""
    if of == 0:
        return 0.0, 1.0
    p, n = found / of, of
    centre, width = p + Z * Z / (2 * n), Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return max(0.0, (centre - width) / (1 + Z * Z / n)), min(1.0, (centre + width) / (1 + Z * Z / n))


@dataclass
class Outcome:
    """What became of the plants of one cell."""

    plants: int = 0
    found: int = 0  # some match lies on the plant
    right: int = 0  # and the one that covers most of it names a work that has it ...
    elsewhere: int = 0  # ... of which so many times another than it was taken from
    pieces: int = 0  # matches on found plants
    boundary_errors: list[int] = field(default_factory=list)  # words, both ends of each plant found
    claims: int = 0  # matches in documents of the cell ...
    false_claims: int = 0  # ... that lie on no plant

    def to_json(self) -> dict[str, object]:
        errors = sorted(self.boundary_errors)
        return {
            "plants": self.plants,
            "found": self.found,
            "recall": self.found / max(1, self.plants),
            "wilson95": wilson(self.found, self.plants),
            "right_of_found": self.right / max(1, self.found),
            "pieces": self.pieces / max(1, self.found),
            "precision": 1 - self.false_claims / max(1, self.claims),
            "boundary_median": statistics.median(errors) if errors else None,
            "boundary_p95": errors[math.ceil(0.95 * len(errors)) - 1] if errors else None,
        }


def judge(
    texts: Mapping[str, str],
    plants: Mapping[str, Plant],
    claims: Mapping[str, Sequence[Claim]],
    holds: Callable[[str, str], bool],
) -> dict[Cell, Outcome]:
    """Outcomes by cell. A passage cut in two is found where either part is; its cut ends are not boundaries.

    The right work is the one it was taken from, or another that holds the same passage word for word: `holds` says so.
    """
    outcomes: dict[Cell, Outcome] = defaultdict(Outcome)
    parts: dict[tuple[Cell, int], list[str]] = defaultdict(list)
    for name, plant in plants.items():
        parts[plant.cell, plant.number].append(name)
    for (cell, _), names in parts.items():
        outcome = outcomes[cell]
        outcome.plants += 1
        found = right = own = False
        for name in names:
            plant, made = plants[name], claims.get(name, ())
            on = [claim for claim in made if claim.begin < plant.end and plant.begin < claim.end]
            outcome.claims += len(made)
            outcome.false_claims += len(made) - len(on)
            if not on:
                continue
            found = True
            outcome.pieces += len(on)
            best = max(on, key=lambda claim: min(claim.end, plant.end) - max(claim.begin, plant.begin))
            own = own or best.work == plant.work
            right = right or own or holds(best.work, plant.passage)
            data = texts[name].encode()
            ends = (min(c.begin for c in on), plant.begin), (max(c.end for c in on), plant.end)
            outcome.boundary_errors += [words_between(data, *sorted(pair)) for pair in ends]
        outcome.found += found
        outcome.right += found and right
        outcome.elsewhere += right and not own
    return dict(outcomes)


def words_between(data: bytes, begin: int, end: int) -> int:
    """Words that lie between two places, those cut by either included."""
    return len(re.findall(r"\w[^\s—]*", data[begin:end].decode("utf-8", "replace")))
