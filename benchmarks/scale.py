"""What a large library and a large data set cost, reckoned from what is measured here: `python -m benchmarks.scale`.

Measured: the steady rate of a core over clean rows at the scale of a large library; how many of the looked up shingles
of ordinary text stand in a library by chance, as that grows; what a chance hit costs, from rows that have few and rows
that have many; bytes of every part of an index. Reckoned: everything else, by the formula that is printed, for the
share of chance hits measured and for the worst, that every shingle is one. Prices are arguments.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.common import header, interleaved, median, table, write_json
from benchmarks.whole_scan import make_shard, pieces, read_texts, scan_shard
from provenance import build_index
from provenance.index import format as names
from provenance.index.opening import Index
from provenance.isolation.supervisor import ENVIRONMENT
from provenance.matching.matcher import Matcher
from provenance.sketch import COARSEST_SCALE, FracMinHash

FRACTIONS = (8, 4, 2, 1)  # of the books, of which libraries are made
LOOKED_AT = 6_000_000  # bytes of ordinary text whose shingles are looked up in each
LIBRARIES = (200_000, 480_000)  # books
WORDS_A_BOOK = 100_000
TERABYTES = 15


@dataclass(frozen=True)
class Costs:
    """What was measured. Rates are of one core; MB are 10^6 bytes of text."""

    seconds_a_mb: float  # of clean rows without a chance hit, at the scale of a large library
    seconds_a_hit: float
    lookups_a_mb: float
    table_bytes_a_posting: float
    postings_a_word: float
    words_bytes: float  # a word: what is read around every hit
    other_bytes: float  # a word: what is read of passages only
    verify_mb_s: float  # from memory; a disk is slower

    def rate(self, chance: float) -> float:
        """MB/s of a core where that share of the looked up shingles is a chance hit."""
        return 1 / (self.seconds_a_mb + chance * self.lookups_a_mb * self.seconds_a_hit)


def lookups(index: Index, texts: Sequence[str]) -> tuple[float, float]:
    """The share of the shingles of some texts that are in the index, and kept shingles a MB."""
    data = "\n".join(texts).encode()[:LOOKED_AT]
    edges = np.append(np.arange(0, len(data), 4000), len(data)).astype(np.int64)
    found = index.sketch.sketch(np.frombuffer(data, dtype=np.uint8), edges, index.key.keys)
    return index.find(found.fingerprints).queries.size / found.fingerprints.size, found.fingerprints.size / len(
        data
    ) * 1e6


def measure(folder: Path, megabytes: float, rounds: int) -> tuple[Costs, dict[str, Any]]:
    indexed, others, documents, source = read_texts()
    pa.set_memory_pool(pa.mimalloc_memory_pool())
    rng = random.Random(5)
    book_rows = list(pieces(others, rng))
    rng.shuffle(indexed)
    grown = []
    for fraction in FRACTIONS:
        pq.write_table(pa.Table.from_pylist(indexed[: len(indexed) // fraction]), folder / f"{fraction}.parquet")
        build_index([folder / f"{fraction}.parquet"], folder / f"dense{fraction}", sketch=FracMinHash(scale=1))
        index = Index(folder / f"dense{fraction}")
        shares = [lookups(index, texts)[0] for texts in (documents, book_rows)]
        grown.append({"words": index.manifest["counts"]["words"], "ordinary": shares[0], "books": shares[1]})
    build_index([folder / "1.parquet"], folder / "large", sketch=FracMinHash(scale=COARSEST_SCALE))
    index, dense = Index(folder / "large"), Index(folder / "dense1")
    kinds: dict[str, Callable[[], list[str]]] = {
        "clean": lambda: rng.sample(documents, len(documents)),
        "books": lambda: rng.sample(book_rows, len(book_rows)),
    }
    works: dict[str, Callable[[], object]] = {}
    matchers = {"large": Matcher(index), "dense": Matcher(dense)}
    for kind, rows in kinds.items():
        path = folder / f"{kind}_rows.parquet"
        make_shard(path, rows, megabytes, "zstd")
        for name, matcher in matchers.items():
            works[f"{kind}, {name}"] = lambda p=path, m=matcher: scan_shard(p, m)
    seconds = {name: median(taken) / megabytes for name, taken in interleaved(works, rounds).items()}
    # a hit's cost from the dense sketch, which has many: rows of books beside rows of ordinary text
    clean, books = lookups(dense, documents), lookups(dense, book_rows)
    hits = [share * kept / dense.stride for share, kept in (clean, books)]
    a_hit = (seconds["books, dense"] - seconds["clean, dense"]) / (hits[1] - hits[0])
    share, kept = lookups(index, documents)
    verified = interleaved({"verify": index.verify}, rounds)["verify"]
    counts = index.manifest["counts"]
    sizes = {path.name: path.stat().st_size for path in index.folder.iterdir()}
    tables = sum(sizes.get(name, 0) for name in names.TABLES)
    costs = Costs(
        seconds_a_mb=seconds["clean, large"] - share * kept * a_hit,
        seconds_a_hit=a_hit,
        lookups_a_mb=kept,
        table_bytes_a_posting=(tables - sizes[names.BUCKETS]) / counts["postings"] + 8 / 8 + 1,  # 8 B a bucket; wide
        postings_a_word=counts["postings"] / counts["words"],
        words_bytes=sizes[names.WORDS] / counts["words"],
        other_bytes=(sizes[names.SPANS] + sizes[names.TEXTS] + sizes[names.BLOCKS]) / counts["words"],
        verify_mb_s=sum(sizes.values()) / 1e6 / median(verified),
    )
    return costs, {"source": source, "grown": grown, "seconds a MB": seconds}


def reckon(costs: Costs, books: int, chance: float, dirty: float, price: float) -> dict[str, float]:
    """What the scan of TERABYTES of text for so many books takes; `dirty` is the share of text that is in them."""
    words = books * WORDS_A_BOOK
    tables = words * costs.postings_a_word * costs.table_bytes_a_posting
    rate = costs.rate(chance)
    seconds = TERABYTES * 1e6 * ((1 - dirty) / rate + dirty / (0.27 * rate))
    return {
        "books": books,
        "chance": chance,
        "MB/s a core": rate,
        "core hours": seconds / 3600,
        "money": seconds / 3600 * price,
        "tables GB": tables / 1e9,
        "words GB": words * costs.words_bytes / 1e9,
        "disk GB": (tables + words * (costs.words_bytes + costs.other_bytes)) / 1e9,
        "minutes to verify": (tables + words * (costs.words_bytes + costs.other_bytes)) / 1e6 / costs.verify_mb_s / 60,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="less text, fewer rounds")
    parser.add_argument("--price", type=float, default=0.05, help="of a core hour")
    parser.add_argument("--dirty", type=float, default=0.02, help="share of the text that is in the books")
    arguments = parser.parse_args()
    if not os.environ.keys() >= ENVIRONMENT.keys():  # what workers get is read when a process starts
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.scale", *sys.argv[1:]], ENVIRONMENT | os.environ)
    with tempfile.TemporaryDirectory() as name:
        costs, record = measure(Path(name), 40 if arguments.short else 200, 3 if arguments.short else 7)
    header()
    print(f"texts: {record['source']}\n")
    rows = [
        [f"{g['words'] / 1e6:.1f}", *(f"{100 * g[kind]:.2f} %" for kind in ("ordinary", "books"))]
        for g in record["grown"]
    ]
    print(table(["words of the library, 10^6", "chance hits, ordinary text", "other books"], rows), "\n")
    for field, value in vars(costs).items():
        print(f"{field:<22} {value:.4g}")
    found = record["grown"][-1]["ordinary"]
    reckoned = [
        reckon(costs, books, chance, arguments.dirty, arguments.price)
        for books in LIBRARIES
        for chance in (found, 0.5, 1.0)
    ]
    print(f"\n{TERABYTES} TB of text, {100 * arguments.dirty:g} % of it in the books, ", end="")
    print(f"{arguments.price:g} a core hour\n")
    columns = list(reckoned[0])
    shown = [[f"{row[c]:,.3g}" if c != "books" else f"{row[c]:,.0f}" for c in columns] for row in reckoned]
    print(table(columns, shown))
    write_json("scale", {**record, "costs": vars(costs), "reckoned": reckoned})


if __name__ == "__main__":
    main()
