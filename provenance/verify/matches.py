"""Units scanned again, and compared with what their files say, match by match."""

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import pyarrow as pa

from provenance.isolation.supervisor import Children
from provenance.runs.job_ledger import SavedUnit
from provenance.runs.ledger import Ledger
from provenance.runs.listed import Listed, jobs_of
from provenance.runs.scanning import Setup, scan_here
from provenance.storage.folders import LocalFolder
from provenance.verify.check import EQUAL, UNCHECKED, Check, check


def choose(recorded: Sequence[dict[str, Any]], sample: int | None, seed: int) -> list[str]:
    """Names of units that hold `sample` matches taken at random, each match with the same chance; None is all units.

    `recorded` are rows of the table `unit`. Where there is no match at all, so many units without one.
    """
    units = sorted((row for row in recorded if row["whole"]), key=lambda row: str(row["unit"]))
    ends = list(accumulate(int(row["matches"]) for row in units))
    if sample is None:
        return [str(row["unit"]) for row in units]
    dice = random.Random(seed)
    if not ends or not ends[-1]:
        return [str(row["unit"]) for row in dice.sample(units, min(sample, len(units)))]
    drawn = dice.sample(range(ends[-1]), min(sample, ends[-1]))
    return sorted({str(units[bisect_right(ends, number)]["unit"]) for number in drawn})


def check_matches(ledger: Ledger, listed: Sequence[Listed], names: Sequence[str], setup: Setup) -> Check:
    """Scan units again, by the same code but with nothing of the first time, and compare all they hold.

    A shard is what lies at its place now, whenever it was written. Raises what `scan_here` raises.
    """
    terms, wanted = ledger.terms().digest, set(names)
    units = [unit for file in listed for unit in file.units(terms) if unit.digest in wanted]
    untouched = [replace(file, identity="") for file in listed]  # a copy on another machine is as good
    again = Ledger(LocalFolder(setup.scratch / "again"))
    different, unchecked, matches = list[str](), list[str](), 0
    with Children() as pool:
        for saved in scan_here(again, jobs_of(untouched, units), setup, pool):
            name = f"shard {saved.unit.shard}, unit {saved.unit.slot + 1} of {saved.unit.slots}"
            if (before := ledger.read(saved.unit)) is None:
                unchecked.append(f"{name}: its file is gone")
            elif not saved.whole:
                unchecked.append(f"{name}: {saved.record['problems'][0]['reason']}")
            elif difference := _difference(before, saved):
                different.append(f"{name}: {difference}")
            else:
                matches += saved.table.num_rows
    if not units:
        return Check("matches", UNCHECKED, "no unit of this run was scanned whole")
    equal = len(units) - len(different) - len(unchecked)
    good = f"{matches:,} matches in {equal:,} units of {sum(file.slots for file in listed):,} came out the same again"
    return check("matches", good, different, unchecked, "units")


PLACE = [
    "shard", "row", "text_column", "doc_begin", "doc_end", "edition_id", "ref_word", "matched_words", "identity",
    "excerpt_sha256",
]  # fmt: skip
"""What tells a match from all others, and what of it is compared."""


def check_match(
    ledger: Ledger, listed: Sequence[Listed], match: dict[str, Any], recorded: Sequence[dict[str, Any]], setup: Setup
) -> Iterator[Check]:
    """Scan the unit of one match again; `match` has the columns PLACE, `recorded` are rows of the table `unit`."""
    terms = ledger.terms().digest
    of_shard = {str(row["unit"]) for row in recorded if row["shard"] == match["shard"]}
    units = (unit for file in listed if file.name == match["shard"] for unit in file.units(terms))
    for unit in units:
        saved = ledger.read(unit) if unit.digest in of_shard else None
        if saved is not None and {name: match[name] for name in PLACE} in saved.table.select(PLACE).to_pylist():
            check = check_matches(ledger, listed, [unit.digest], setup)
            yield check
            if check.state == EQUAL:
                words = f"{match['matched_words']:,} words, identity {match['identity']:.4f}"
                yield Check("match", EQUAL, f"{match['match_id']}: {_place(match)} came out again: {words}")
            return
    yield Check("match", UNCHECKED, f"{match['match_id']}: no unit file has it")


def _place(match: dict[str, Any]) -> str:
    return (
        f"shard {match['shard']}, row {match['row']}, {match['text_column']}, bytes {match['doc_begin']} to "
        f"{match['doc_end']}, SHA-256 {match['excerpt_sha256']}, in edition {match['edition_id']}"
    )


def _difference(before: SavedUnit, now: SavedUnit) -> str:
    """How a unit differs from what its file says; empty if it does not."""
    for name in ("rows_read", "counts", "problems", "origins"):
        if before.record[name] != now.record[name]:
            return f"{name} {before.record[name]!s:.200} before, {now.record[name]!s:.200} now"
    sha256 = before.record["facts"].get("sha256")
    if before.table.equals(now.table):
        same = sha256 == now.record["facts"].get("sha256")
        return "" if same else f"equal matches, but the shard's SHA-256 was {sha256}"
    rows = min(before.table.num_rows, now.table.num_rows)
    first = next((row for row in range(rows) if before.table.slice(row, 1) != now.table.slice(row, 1)), rows)
    return (
        f"{before.table.num_rows:,} matches before, {now.table.num_rows:,} now; the first to differ was "
        f"{_match(before.table, first)}, and is {_match(now.table, first)}"
    )


def _match(matches: pa.Table, row: int) -> str:
    if row >= matches.num_rows:
        return "none"
    names = ["row", "doc_begin", "doc_end", "edition_id", "ref_begin", "matched_words", "excerpt_sha256"]
    return " ".join(f"{name}={value}" for name, value in matches.select(names).slice(row, 1).to_pylist()[0].items())
