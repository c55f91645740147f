"""The error rates of this version, as the quality study measured them: data of the package."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

NAME = "error_rates.json"
LENGTHS = (25, 50, 100, 200)  # words of a passage that a report prints


@cache
def error_rates() -> dict[str, Any] | None:
    """What `python -m benchmarks.quality --publish` wrote; None where this version has none."""
    place = files("provenance.report") / NAME
    if not place.is_file():
        return None
    loaded: dict[str, Any] = json.loads(place.read_text("utf-8"))
    return loaded


@cache
def study_digest() -> str | None:
    """The name of the study: SHA-256 of its file."""
    place = files("provenance.report") / NAME
    return hashlib.sha256(place.read_bytes()).hexdigest() if place.is_file() else None


def rows_of(rates: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each kind and rate of change: recall by length."""
    by_cell: dict[tuple[str, float], dict[int, dict[str, Any]]] = {}
    for cell in rates["cells"]:
        if cell["words"] in LENGTHS:
            by_cell.setdefault((cell["kind"], cell["rate"]), {})[cell["words"]] = cell
    return [
        {"kind": kind, "rate": rate, "cells": [cells.get(n) for n in LENGTHS]}
        for (kind, rate), cells in by_cell.items()
    ]


def differences(rates: dict[str, Any], record: dict[str, Any]) -> list[str]:
    """In what a run, a row of `run` with its JSON parsed, is not like the study, in words; nothing where it is."""
    config, version, differences = record["config"], record["tool_version"], []
    if rates["tool_version"] != version:
        differences.append(f"the study is of version {rates['tool_version']}, the run of {version}")
    for part, used in (("match", config["match"]), ("sketch", record["sketch"])):
        for name, value in rates[part].items():
            if used.get(name) != value:
                differences.append(f"{name} was {value} in the study and is {used.get(name)} in the run")
    if config.get("scale") is not None:
        differences.append(f"the run looked up one fingerprint in {config['scale']} (--scale)")
    return differences
