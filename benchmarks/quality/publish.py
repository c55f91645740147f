"""The study as data of the package: what a report of a run prints as the error rates of its version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.common import machine
from provenance._version import __version__
from provenance.files.digests import file_sha256
from provenance.files.writing import atomic_write
from provenance.matching.config import MatchConfig
from provenance.text.rules import TEXT_RULES_VERSION

PLANTS, SEED = 300, 1  # unless told
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


def published(record: Mapping[str, Any], digests: Mapping[str, str], date: str) -> dict[str, Any]:
    """What is shipped of a record of the study; `digests` are the SHA-256 of the files it was made of."""
    right = record["right"]
    return {
        "tool_version": __version__,
        "text_rules": TEXT_RULES_VERSION,
        "date": date,
        "command": _command(record["plants"], record["seed"]),
        "corpus": _corpus(record),
        "inputs": dict(digests),
        "indexed": record["indexed"],
        "held_out_works": record["held_out_works"],
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


def _command(plants: int, seed: int) -> str:
    """What makes the same record again; where the books lie is the reader's."""
    options = (f" --plants {plants}" if plants != PLANTS else "") + (f" --seed {seed}" if seed != SEED else "")
    return f"python -m benchmarks.quality --publish{options}"


def _corpus(record: Mapping[str, Any]) -> str:
    documents = record["negatives"]["documents"]
    return (
        f"{record['indexed']} public-domain books in English were indexed and {record['held_out_books']} held out "
        f"({record['held_out_works']} works with all their editions); passages were planted in, and false flags "
        f"counted on, {documents:,} unrelated documents."
    )


def _cell(cell: Mapping[str, Any]) -> dict[str, Any]:
    low, high = cell["wilson95"]
    return {
        "kind": cell["noise"], "rate": cell["rate"], "words": cell["length"], "planted": cell["plants"],
        "found": cell["found"], "recall": round(cell["recall"], 6), "low": round(low, 6), "high": round(high, 6),
    }  # fmt: skip


def _false(found: Mapping[str, Any]) -> dict[str, Any]:
    """Documents that were flagged; `high` is the upper end of the two-sided 95 % interval (Wilson) of those that share
    no 25 words in a row with a book of the index.
    """
    return {
        "documents": found["documents"],
        "flagged": found["flagged"],
        "without_shared_run": found["without_a_shared_run"],
        "high": round(found["wilson95"][1], 6),
    }


def publish(record: Mapping[str, Any], inputs: Mapping[str, Path], place: Path = PUBLISHED) -> None:
    """Write it; `inputs` are the files it was made of."""
    shipped = published(record, {name: file_sha256(path) for name, path in inputs.items()}, machine()["date"])
    with atomic_write(place) as file:
        file.write(json.dumps(shipped, indent=1, sort_keys=True).encode() + b"\n")
