"""The study as data of the package: what a report of a run prints as the error rates of its version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.common import machine
from provenance._version import __version__
from provenance.files import atomic_write, file_sha256
from provenance.matching import MatchConfig
from provenance.text import TEXT_RULES_VERSION

PUBLISHED = Path(__file__).parents[2] / "provenance" / "report" / "error_rates.json"

LIMITS = [
    "Most books of the study are English prose of the 19th and early 20th century; other languages and verse were not "
    "measured.",
    "Passages were disturbed by a program, one kind of change at a time; people change texts in several ways at once.",
    "The library has some two hundred books; a larger one keeps fewer fingerprints (--scale) and misses more short "
    "passages.",
    "Passages stand within documents of some hundred words; extraction of real web pages may cut or mix texts "
    "otherwise.",
    "Recall is that of passages, not of works: a work of which much is there is missed less often than one passage.",
    "Rows that were flagged without a shared run of words were looked at: most quote or retell the book; they count as "
    "errors here.",
]


def published(record: Mapping[str, Any], inputs: Mapping[str, Path], plants: int) -> dict[str, Any]:
    """What is shipped of a record of the study; `inputs` are the files it was made of."""
    right = record["right"]
    return {
        "tool_version": __version__,
        "text_rules": TEXT_RULES_VERSION,
        "date": machine()["date"],
        "command": "python -m benchmarks.quality --publish" + (f" --plants {plants}" if plants != 300 else ""),
        "corpus": f"{record['indexed']} public-domain books were indexed, others held out of the index.",
        "inputs": {name: file_sha256(path) for name, path in sorted(inputs.items())},
        "indexed": record["indexed"],
        "plants": record["plants"],
        "seed": record["seed"],
        "sketch": record["sketch"],
        "match": asdict(MatchConfig()),
        "cells": [_cell(cell) for cell in record["cells"]],
        "right_work": {"found": right["found"], "right": right["right"], "low": round(right["wilson95"][0], 6)},
        "negatives": _false(record["negatives"]),
        "held_out": _false(record["held_out"]),
        "decoys": record["decoys"],
        "coverage": [
            {"rate": row["rate"], "books": row["books"], "mean_pp": row["mean_pp"], "worst_pp": row["worst_pp"]}
            for row in record["coverage"]["with texts"]
        ],
        "limits": LIMITS,
    }


def _cell(cell: Mapping[str, Any]) -> dict[str, Any]:
    low, high = cell["wilson95"]
    return {
        "kind": cell["noise"], "rate": cell["rate"], "words": cell["length"], "planted": cell["plants"],
        "found": cell["found"], "recall": round(cell["recall"], 6), "low": round(low, 6), "high": round(high, 6),
    }  # fmt: skip


def _false(found: Mapping[str, Any]) -> dict[str, Any]:
    """Documents that were flagged; `high` is the upper bound, 95 % by Wilson, of those that share no run of words."""
    return {
        "documents": found["documents"],
        "flagged": found["flagged"],
        "without_shared_run": found["without_a_shared_run"],
        "high": round(found["wilson95"][1], 6),
    }


def publish(record: Mapping[str, Any], inputs: Mapping[str, Path], plants: int, place: Path = PUBLISHED) -> None:
    """Write it."""
    with atomic_write(place) as file:
        file.write(json.dumps(published(record, inputs, plants), indent=1, sort_keys=True).encode() + b"\n")
