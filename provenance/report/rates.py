"""The error rates of this version, as the quality study measured them: data of the package."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

NAME = "error_rates.json"
LENGTHS = (25, 50, 100, 200)  # words of a passage that a report prints


@cache
def error_rates() -> dict[str, Any] | None:
    """What `python -m benchmarks.quality --publish` wrote, and its `sha256`; None where this version has none."""
    place = files("provenance.report") / NAME
    if not place.is_file():
        return None
    content = place.read_bytes()
    return {**json.loads(content), "sha256": hashlib.sha256(content).hexdigest()}


def recall_rows(cells: Iterable[dict[str, Any]], kind: str, lengths: Sequence[int]) -> list[dict[str, Any]]:
    """A row for each kind of change, the column `kind` of cells, and its rate: its cells by length, or None."""
    by_change: dict[tuple[str, float], dict[int, dict[str, Any]]] = {}
    for cell in cells:
        if cell["words"] in lengths:
            by_change.setdefault((cell[kind], cell["rate"]), {})[cell["words"]] = cell
    return [
        {"kind": name, "rate": rate, "cells": [by_length.get(length) for length in lengths]}
        for (name, rate), by_length in by_change.items()
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
