"""Rates of the kernels beside the plain-Python reference and the field's tools: `python -m benchmarks.hot_path`.

All run over the same text in the same process, in turn, on one core; medians are compared. The text is English books
in rows of about 2,500 characters (`../shared/corpus`, or `--books PARQUET`, or else words of a passage at random),
and passages of other languages. rensa and gaoya are the extra `bench`; where they are missing, they are named.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from datasketch import MinHash

from benchmarks.common import header, interleaved, median, table, write_json
from benchmarks.passages import PASSAGES, make_text
from provenance.kernels.cutting import text_rules
from provenance.kernels.fingerprints import fingerprints_of
from provenance.kernels.minhash import signature_of
from provenance.kernels.probe import (
    bucket_bits,
    bucket_starts,
    fill_filter,
    filter_shape,
    find_runs,
    largest_value,
    pass_filter,
)
from provenance.kernels.words import cut_words, most_words, words_of
from provenance.sketch import FracMinHash, Key, permutations
from provenance.text.reference import tokenize

CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "books.parquet"
ROW = 2_500  # characters
SHINGLE = 5
KEYS = Key().keys
LANGUAGE_TARGETS = dict.fromkeys(("German", "French", "Russian"), ">= 0.50") | dict.fromkeys(
    ("Chinese", "Japanese"), ">= 0.33"
)
Work = Callable[[], object]


def read_rows(books: Path | None, size: int) -> tuple[list[str], str]:
    """Rows of ASCII English, and where they come from. Other letters are left out, so that all tools see the same."""
    path = books or (CORPUS if CORPUS.is_file() else None)
    if path is None:
        text, source = make_text("English", size).decode(), "words of a passage at random"
    else:
        pieces = (
            piece.as_py() for batch in pq.ParquetFile(path).iter_batches(8, columns=["text"]) for piece in batch[0]
        )
        text, source = "", path.name
        while len(text) < 3 * size and (piece := next(pieces, None)):
            text += piece
    text = text.encode("ascii", "ignore").decode()[:size]
    return [text[at : at + ROW] for at in range(0, len(text), ROW)], source


def as_batch(rows: list[str]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    encoded = [row.encode() for row in rows]
    return np.frombuffer(b"".join(encoded), np.uint8), np.cumsum([0, *map(len, encoded)]).astype(np.int64)


def shingles_of(row: str) -> list[str]:
    words = row.lower().split()
    return [" ".join(words[n : n + SHINGLE]) for n in range(len(words) - SHINGLE + 1)]


def datasketch_rows(rows: list[str]) -> None:
    for row in rows:
        MinHash(num_perm=128, scheme="affine32").update_batch([shingle.encode() for shingle in shingles_of(row)])


def rensa_work(rows: list[str]) -> Work:
    from rensa import RMinHash

    def work() -> None:
        for row in rows:
            RMinHash(num_perm=128, seed=1).update(shingles_of(row))

    return work


def gaoya_work(rows: list[str]) -> Work:
    from gaoya.minhash import MinHashStringIndex

    shape: dict[str, Any] = {"hash_size": 32, "num_bands": 16, "band_size": 8, "jaccard_threshold": 0.5}
    words: dict[str, Any] = {"analyzer": "word", "lowercase": True, "ngram_range": (SHINGLE, SHINGLE)}

    def work() -> None:
        index = MinHashStringIndex(**shape, **words)
        for number, row in enumerate(rows):
            index.insert_document(number, row)

    return work


def probe_work(entries: int) -> tuple[Work, int]:
    """Lookup of uniform fingerprints, a twentieth of which are there, in a table of so many; and how many."""
    rng, most = np.random.default_rng(1), largest_value((1 << 64) - 1)
    values = np.sort(rng.integers(0, most, entries, dtype=np.uint64))
    queries = rng.integers(0, most, 200_000, dtype=np.uint64)
    queries[::20] = rng.choice(values, queries[::20].size)
    blocks, scale = filter_shape(entries, most)
    bloom = np.zeros(blocks, dtype=np.uint64)
    fill_filter(values, scale, bloom)
    bits = bucket_bits(entries)
    buckets = np.append(bucket_starts(values, 0, 1 << bits, bits), entries).astype(np.uint32)
    rest = (values & np.uint64((1 << (48 - bits)) - 1)).astype(np.uint32)
    fingerprints = queries << np.uint64(16)
    return lambda: find_runs(pass_filter(fingerprints, 0, scale, bloom)[1], buckets, bits, rest), queries.size


def peers(rows: list[str], few: list[str], missing: list[str]) -> dict[str, tuple[Work, list[str]]]:
    """The works of other tools and the rows each is given."""
    found: dict[str, tuple[Work, list[str]]] = {"datasketch MinHash(128)": (lambda: datasketch_rows(few), few)}
    for name, make, given in (("rensa RMinHash(128)", rensa_work, few), ("gaoya MinHash 16x8", gaoya_work, rows)):
        try:
            found[name] = make(given), given
        except ImportError:
            missing.append(name)
    return found


def measure(books: Path | None, size: int, rounds: int) -> dict[str, Any]:
    rows, source = read_rows(books, size)
    few, handful = rows[: max(1, len(rows) // 8)], rows[: max(1, len(rows) // 60)]
    (data, offsets), missing = as_batch(rows), list[str]()
    words = words_of(data, KEYS)
    hashes, nothing = np.empty(most_words(data.size), np.uint64), np.empty(0, np.uint32)
    sketch = FracMinHash()
    sides = permutations(128)
    shingles = (fingerprints_of(words.hashes[:20_000], SHINGLE, KEYS) & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    as_ints = shingles.tolist()
    minhash = MinHash(num_perm=128, scheme="affine32", hashfunc=int)
    probe, probed = probe_work(1_000_000)
    others = peers(rows, few, missing)
    works: dict[str, Work] = {
        "words": lambda: cut_words(data, 0, data.size, text_rules(), KEYS[0], hashes, nothing, nothing),
        "words and fingerprints": lambda: sketch.sketch(data, offsets, KEYS),
        "plain-Python words": lambda: [tokenize(row.encode()) for row in handful],
        **{name: work for name, (work, _) in others.items()},
        "MinHash 128": lambda: signature_of(shingles, *sides),
        "datasketch MinHash 128, same hashes": lambda: minhash.update_batch(as_ints),
        "probe, table of 1e6": probe,
    }
    languages = {language: make_text(language, size // 2) for language in PASSAGES}
    for language, text in languages.items():
        array = np.frombuffer(text, np.uint8)
        works[f"in {language}"] = lambda array=array: sketch.sketch(array, np.array([0, array.size]), KEYS)
    seconds = {name: median(times) for name, times in interleaved(works, rounds).items()}
    given = {"plain-Python words": handful, **{name: rows for name, (_, rows) in others.items()}}
    texts = {
        name: sum(len(row) for row in given.get(name, rows)) / 1e6
        for name in ("words", "words and fingerprints", "plain-Python words", *others)
    }
    rates = {name: megabytes / seconds[name] for name, megabytes in texts.items()}
    ours = rates["words and fingerprints"]
    by_language = {language: len(text) / 1e6 / seconds[f"in {language}"] for language, text in languages.items()}
    return {
        "text": source,
        "missing": missing,
        "MB/s": rates,
        "ns/word": {name: seconds[name] * 1e9 / words.hashes.size for name in ("words", "words and fingerprints")},
        "times as fast": {name: ours / rate for name, rate in rates.items() if not name.startswith("words")},
        "MinHash 128, million shingles/s": shingles.size / 1e6 / seconds["MinHash 128"],
        "MinHash 128 / datasketch, same hashes": seconds["datasketch MinHash 128, same hashes"]
        / seconds["MinHash 128"],
        "probe, ns/fingerprint": seconds["probe, table of 1e6"] * 1e9 / probed,
        "languages, MB/s": by_language,
        "languages / English": {name: rate / by_language["English"] for name, rate in by_language.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--books", type=Path, help="Parquet of books with a column text")
    parser.add_argument("--short", action="store_true", help="less text, fewer rounds")
    arguments = parser.parse_args()
    record = measure(arguments.books, 2_000_000 if arguments.short else 8_000_000, 3 if arguments.short else 7)
    header()
    targets = {"gaoya MinHash 16x8": ">= 16", "datasketch MinHash(128)": ">= 90"}
    rows = []
    for name, rate in record["MB/s"].items():
        word = f"{record['ns/word'][name]:.1f}" if name in record["ns/word"] else ""
        faster = f"{record['times as fast'][name]:.1f}" if name in record["times as fast"] else ""
        rows.append([name, f"{rate:.1f}", word, faster, targets.get(name, "")])
    print(f"English, ASCII ({record['text']}), one core")
    print(table(["", "MB/s", "ns/word", "kernel is so many times as fast", "target"], rows))
    for name in record["missing"]:
        print(f"skipped: {name} is not installed (pip install 'provenance-scanner[bench]')")
    rows = [
        [name, f"{rate:.0f}", f"{record['languages / English'][name]:.2f}", LANGUAGE_TARGETS.get(name, "")]
        for name, rate in record["languages, MB/s"].items()
    ]
    print("\nwords and fingerprints by language")
    print(table(["", "MB/s", "/ English", "target"], rows), "\n")
    print(f"MinHash 128: {record['MinHash 128, million shingles/s']:.1f} million shingles/s, ", end="")
    print(f"{record['MinHash 128 / datasketch, same hashes']:.1f} times datasketch on the same hashes (target 15)")
    print(f"probe, table of 1e6, 5 % there: {record['probe, ns/fingerprint']:.1f} ns a fingerprint")
    write_json("hot_path", record)


if __name__ == "__main__":
    main()
