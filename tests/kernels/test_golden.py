"""What is written to disk does not change: the package against the vectors committed in `tests/golden.json`."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
GOLDEN = runpy.run_path(str(TESTS / "golden.py"))
COMMITTED = json.loads((TESTS / "golden.json").read_text(encoding="ascii"))


@pytest.mark.parametrize("name", GOLDEN["TEXTS"])
def test_words_hashes_and_fingerprints_of_a_text_are_the_committed_ones(name):
    assert GOLDEN["text_vector"](GOLDEN["TEXTS"][name]) == COMMITTED["texts"][name]


@pytest.mark.parametrize("part", ["text_rules_version", "shingle", "keys", "max_kept", "minhash", "banded", "secrets"])
def test_keys_scales_signatures_and_bands_are_the_committed_ones(part):
    assert GOLDEN["vectors"]()[part] == COMMITTED[part]


def test_every_committed_vector_is_still_made():
    assert set(COMMITTED) == set(GOLDEN["vectors"]())
    assert set(COMMITTED["texts"]) == set(GOLDEN["TEXTS"])


def test_golden_texts_reach_every_class_and_both_lengths_of_word():
    from provenance.text import fold_table

    kinds = {fold_table().entry(ord(c))[0] for data in GOLDEN["TEXTS"].values() for c in data.decode("utf-8", "ignore")}
    lengths = {len(word.encode()) for text in COMMITTED["texts"].values() for word in text["words"]}
    assert kinds == set(range(9))
    assert {16, 17, 32, 33} <= lengths
    assert max(lengths) > 48
