"""The error rates that reports print are those of this version, and the record of the study gives them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from benchmarks.quality.publish import LIMITS, publish, published
from benchmarks.quality.truth import wilson
from provenance import __version__
from provenance.report.rates import LENGTHS, differences, error_rates, recall_rows

FIELDS = set(
    "cells command corpus coverage date decoys held_out held_out_works indexed inputs limits match negatives plants "
    "right_work seed sketch text_rules tool_version".split()
)
CELL = {"kind", "rate", "words", "planted", "found", "recall", "low", "high"}


def record() -> dict:
    false = {"documents": 100, "flagged": 3, "without_a_shared_run": 1, "wilson95": wilson(1, 100)}
    cell = {
        "noise": "verbatim",
        "rate": 0.0,
        "length": 50,
        "plants": 10,
        "found": 9,
        "recall": 0.9,
        "wilson95": wilson(9, 10),
    }
    return {
        "indexed": 5, "held_out_books": 3, "held_out_works": 2, "plants": 10, "seed": 1,
        "sketch": {"kind": "frac"}, "cells": [cell],
        "right": {"right": 9, "found": 9, "wilson95": wilson(9, 9)}, "negatives": false, "held_out": false,
        "decoys": {"works": 1, "matched": 0},
        "coverage": {"with texts": [{"rate": 0.0, "books": 1, "mean_pp": 0.1, "worst_pp": -0.2, "held": 1}]},
    }  # fmt: skip


def test_a_record_becomes_what_is_shipped():
    made = published(record(), {"books": "ab", "documents": "cd"}, "2026-01-02")
    assert made.keys() == FIELDS
    (cell,) = made["cells"]
    # Wilson 1927, by hand: (p + z2/2n -+ z sqrt(p q / n + z2 / 4 n2)) / (1 + z2/n), p = .9, n = 10, z = 1.96
    assert (cell["low"], cell["high"]) == (pytest.approx(0.5958, abs=1e-3), pytest.approx(0.9821, abs=1e-3))
    assert made["negatives"]["without_shared_run"] == 1
    assert made["negatives"]["high"] == pytest.approx(0.0545, abs=1e-3)
    assert made["command"] == "python -m benchmarks.quality --publish --plants 10"
    assert (made["inputs"], made["date"]) == ({"books": "ab", "documents": "cd"}, "2026-01-02")
    assert made["held_out_works"] == 2
    assert made["corpus"].startswith("5 public-domain books in English were indexed and 3 held out (2 works")


def test_publishing_writes_digests_and_no_path(tmp_path):
    (tmp_path / "books").write_bytes(b"books")
    publish(record(), {"books": tmp_path / "books"}, tmp_path / "rates.json")
    written = (tmp_path / "rates.json").read_text()
    made = json.loads(written)
    assert written == json.dumps(made, indent=1, sort_keys=True) + "\n"
    assert made["inputs"] == {"books": hashlib.sha256(b"books").hexdigest()}
    assert str(tmp_path) not in written


def test_what_is_shipped_is_of_this_version():
    rates = error_rates()
    if rates is None:
        pytest.skip("no study of this version is in the package: python -m benchmarks.quality --publish")
    assert rates["tool_version"] == __version__
    assert rates.keys() == {*FIELDS, "sha256"}
    assert all(cell.keys() == CELL for cell in rates["cells"])
    assert rates["limits"] == LIMITS
    assert all(cell["low"] <= cell["recall"] <= cell["high"] for cell in rates["cells"])
    assert {cell["words"] for cell in rates["cells"]} >= set(LENGTHS)
    assert all(row["cells"][1] is not None for row in recall_rows(rates["cells"], "kind", LENGTHS))
    assert rates["right_work"]["right"] <= rates["right_work"]["found"]
    assert len(Path(error_rates.__wrapped__.__code__.co_filename).with_name("error_rates.json").read_bytes()) < 60_000


def test_a_run_that_differs_from_the_study_is_told():
    rates = {"tool_version": "1", "match": {"min_words": 25}, "sketch": {"scale": 1}}
    same = {
        "config": {"match": {"min_words": 25}, "scale": None},
        "sketch": {"scale": 1, "stride": 2},
        "tool_version": "1",
    }
    assert differences(rates, same) == []
    other = {"config": {"match": {"min_words": 12}, "scale": 8}, "sketch": {"scale": 4}, "tool_version": "2"}
    assert len(differences(rates, other)) == 4
