"""What is written to disk does not change: the package against the vectors committed in `tests/golden.json`."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import provenance

TESTS = Path(__file__).parents[1]
GOLDEN = runpy.run_path(str(TESTS / "golden.py"))
COMMITTED = json.loads((TESTS / "golden.json").read_text(encoding="ascii"))


@pytest.mark.parametrize("name", GOLDEN["TEXTS"])
def test_words_hashes_and_fingerprints_of_a_text_are_the_committed_ones(name):
    assert GOLDEN["text_vector"](GOLDEN["TEXTS"][name]) == COMMITTED["texts"][name]


@pytest.mark.parametrize(
    "part", ["text_rules_version", "shingle", "keys", "max_kept", "minhash", "banded", "table", "secrets"]
)
def test_keys_scales_signatures_bands_filter_and_buckets_are_the_committed_ones(part):
    assert GOLDEN["vectors"]()[part] == COMMITTED[part]


def test_every_committed_vector_is_still_made():
    assert set(COMMITTED) == set(GOLDEN["vectors"]())
    assert set(COMMITTED["texts"]) == set(GOLDEN["TEXTS"])


def test_golden_texts_reach_every_class_and_both_lengths_of_word():
    from provenance.text.tables import fold_table

    kinds = {fold_table().entry(ord(c))[0] for data in GOLDEN["TEXTS"].values() for c in data.decode("utf-8", "ignore")}
    lengths = {len(word.encode()) for text in COMMITTED["texts"].values() for word in text["words"]}
    assert kinds == set(range(9))
    assert {16, 17, 32, 33} <= lengths
    assert max(lengths) > 48


HASH_SHINGLES = """
import numpy as np
from provenance.kernels.fingerprints import hash_shingles
from provenance.kernels.hashing import derive_keys
out = np.empty(1, np.uint64)
hash_shingles(np.arange(5, dtype=np.uint64), 5, 5, derive_keys(0), out)
print(out[0])
"""


@pytest.mark.slow
def test_machine_code_of_an_older_hash_function_is_not_used_from_the_cache(tmp_path):
    package = Path(provenance.__file__).parent
    shutil.copytree(package, tmp_path / "provenance", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def fingerprint() -> str:  # by a kernel of another file, which is compiled in a second
        command = [sys.executable, "-c", HASH_SHINGLES]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    before = fingerprint()
    hashing = tmp_path / "provenance" / "kernels" / "hashing.py"
    changed = hashing.read_text(encoding="utf-8").replace("U64(33)", "U64(31)")
    assert changed != hashing.read_text(encoding="utf-8")
    hashing.write_text(changed, encoding="utf-8")
    assert fingerprint() != before
