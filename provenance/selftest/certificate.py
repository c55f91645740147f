"""What a self-test came to, as it stands in the journal of a run and is printed: numbers and digests, no text."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from provenance._version import __version__
from provenance.display.text import percent
from provenance.selftest.disturb import VERBATIM
from provenance.selftest.judge import Tally
from provenance.selftest.plants import Cell, Wanted
from provenance.statistics.chance import interval, lower_bound
from provenance.units.sampler import ROW_BYTES

LEAST_WORDS = 100  # of the passages that the sentence is about, where so long ones were planted


def sentences_of(entry: Mapping[str, Any]) -> list[str]:
    """What it comes to, in words; nothing where no passage was planted."""
    sentences, one, every = list[str](), entry["one"], entry["all"]
    if one["planted"]:
        sentences.append(
            f"Of passages of {one['words']} words or more, {described(one['noise'], one['rate'])}, planted in copies "
            f"of the rows of these shards, {one['found']:,} of {one['planted']:,} were found: with 95 % confidence at "
            f"least {percent(one['low'])} of such passages would be."
        )
    if every["planted"] > one["planted"]:
        sentences.append(f"Of all kinds of change together, {every['found']:,} of {every['planted']:,} were found.")
    return sentences


def described(noise: str, rate: float) -> str:
    """A kind of change, in a sentence about passages."""
    if noise == VERBATIM:
        return "word for word"
    return f"changed ({noise}, {100 * rate:g} % of words)" if rate else f"changed ({noise})"


def entry_of(wanted: Wanted, facts: Mapping[str, Any], tallies: Sequence[Tally]) -> dict[str, Any]:
    """The entry: parameters, what was planted where, a row for each cell, and the two sums that sentences are about."""
    cells = wanted.cells
    longest = max(cell.length for cell in cells)
    least = min((cell.length for cell in cells if cell.length >= LEAST_WORDS), default=longest)
    noise = cells[0] if all(cell.noise != VERBATIM for cell in cells) else Cell(VERBATIM, 0.0, least)
    long = [(cell, tally) for cell, tally in zip(cells, tallies, strict=True) if cell.length >= least]
    given = {name: getattr(wanted, name) for name in ("seed", "plants", "rows")}
    return {
        "tool_version": __version__, **given, "row_bytes": ROW_BYTES, **facts,
        "cells": [_row(cell, tally) for cell, tally in zip(cells, tallies, strict=True)],
        "one": _sum([tally for cell, tally in long if cell[:2] == noise[:2]], *noise[:2], least),
        "all": _sum([tally for _, tally in long], "all", 0.0, least),
    }  # fmt: skip


def _row(cell: Cell, tally: Tally) -> dict[str, Any]:
    low, high = interval(tally.found, tally.planted)
    return {
        "noise": cell.noise, "rate": cell.rate, "words": cell.length, "planted": tally.planted, "found": tally.found,
        "credited": tally.credited, "recall": round(tally.found / tally.planted, 6) if tally.planted else None,
        "low": round(low, 6), "high": round(high, 6),
    }  # fmt: skip


def _sum(tallies: Sequence[Tally], noise: str, rate: float, least: int) -> dict[str, Any]:
    planted, matched = sum(tally.planted for tally in tallies), sum(tally.found for tally in tallies)
    low = math.floor(1000 * lower_bound(matched, planted)) / 1000  # it is said that there are at least so many
    return {"noise": noise, "rate": rate, "words": least, "planted": planted, "found": matched, "low": low}
