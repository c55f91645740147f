"""Rate of the kernels beside the plain-Python reference and datasketch: `python -m benchmarks.kernels`.

All run over the same text in the same process, in turn; the medians and their ratios are printed. The text is the
documentation that comes with Python, repeated.
"""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from importlib import import_module

import numpy as np
from datasketch import MinHash

from provenance.kernels.fingerprints import fingerprints_of
from provenance.kernels.minhash import signature_of
from provenance.kernels.words import words_of
from provenance.sketch import FracMinHash, Key, permutations
from provenance.text.reference import tokenize

ROUNDS = 5
SLOW_BYTES = 200_000  # given to the reference


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    topics: dict[str, str] = import_module("pydoc_data.topics").topics
    text = "\n".join(topics.values()).encode() * 30
    data, offsets, keys = np.frombuffer(text, dtype=np.uint8), np.array([0, len(text)]), Key().keys
    sketch = FracMinHash()
    words = words_of(data, keys)
    shingles = (fingerprints_of(words.hashes[:20_000], 5, keys) & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    a, b = permutations(128)
    as_ints = [int(h) for h in shingles]
    minhash = MinHash(num_perm=128, scheme="affine32", hashfunc=int)
    works: dict[str, tuple[Callable[[], object], float]] = {
        "words and sketch (compiled), MB/s": (lambda: sketch.sketch(data, offsets, keys), len(text) / 1e6),
        "words (plain Python), MB/s": (lambda: tokenize(text[:SLOW_BYTES]), SLOW_BYTES / 1e6),
        "MinHash 128 (compiled), million shingles/s": (lambda: signature_of(shingles, a, b), shingles.size / 1e6),
        "MinHash 128 (datasketch), million shingles/s": (lambda: minhash.update_batch(as_ints), shingles.size / 1e6),
    }
    for work, _ in works.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, (work, _) in works.items():
            times[name].append(seconds(work))
    rates = {name: round(works[name][1] / statistics.median(taken), 2) for name, taken in times.items()}
    values = list(rates.values())
    record = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        **rates,
        "compiled / plain Python": round(values[0] / values[1]),
        "compiled / datasketch, MinHash": round(values[2] / values[3], 1),
    }
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
