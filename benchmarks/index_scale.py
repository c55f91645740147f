"""How the cost of an index grows: `python -m benchmarks.index_scale [--sizes 1e6 1e7 1e8 5e8]`.

*Build*: the public command on a Parquet file of books. *Scan*: clean text sketched and looked up in indexes of so many
postings, made of uniform fingerprints (as real ones are) around the index of a small real book; the sketch is the same
for all, so what grows is the cost of cache misses in filter and table. *Open*: `Index(...)` of each, page cache warm.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.common import header, interleaved, median, table, write_json
from benchmarks.passages import make_text
from provenance.index import format as names
from provenance.index.build import Editions, finish, write_index
from provenance.index.opening import Index
from provenance.index.postings import GRANULE_BITS, Means, Source, Table
from provenance.index.prepare import Preparation
from provenance.kernels.probe import largest_value
from provenance.kernels.sorting import sort_postings
from provenance.readers.books import Book

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
BATCH = 1_000  # documents of about 4 kB in a batch, as a scan has them
U64s = npt.NDArray[np.uint64]


class Uniform:
    """A source of random postings, made piece by piece: so many a granule of values, the same each time."""

    def __init__(self, postings: int, words: int, most: int) -> None:
        self._granules, self._words, self._most = (most >> GRANULE_BITS) + 1, words, most
        self._each = max(1, postings // self._granules)
        self.size = self._each * self._granules

    def between(self, low: int, high: int) -> tuple[U64s, U64s]:
        """See `provenance.index.postings.Source`."""
        first, last = low >> GRANULE_BITS, min(high >> GRANULE_BITS, self._granules)
        rng = np.random.default_rng(first)
        values = np.repeat(np.arange(first, last, dtype=np.uint64) << np.uint64(GRANULE_BITS), self._each)
        values |= rng.integers(0, 1 << GRANULE_BITS, values.size, dtype=np.uint64)
        np.minimum(values, np.uint64(self._most), out=values)
        return sort_postings(values, rng.integers(0, self._words, values.size, dtype=np.uint64))


def make_index(folder: Path, postings: int) -> None:
    """An index of one real book and of a book-shaped nothing that holds so many random postings."""
    core = folder.with_suffix(".core")
    write_index([Book("core", "core", "", "", make_text("English", 300_000), "core", "")], core, keep_texts=False)
    opened = Index(core)
    sketch = opened.sketch
    rows = opened.editions.to_pylist()
    words = postings * 4
    rows.append({**rows[0], "edition_id": "random", "title": "random", "words": words, "first_word": rows[0]["words"]})
    real = Table(core, opened.manifest)
    most = largest_value(sketch.max_kept)
    sources: list[Source] = [real, Uniform(postings, words, most)]
    folder.mkdir()
    nothing = [np.empty(0, dtype=np.uint64)] * 2
    for row in rows:
        row["identity_fingerprints"] = 0
    with ThreadPoolExecutor(2) as threads:
        editions = Editions(rows, nothing, ["", ""], rows[-1]["first_word"] + words, postings=sources)
        finish(folder, editions, Preparation(sketch, opened.key, False), Means(4 << 30, threads), [])
    shutil.rmtree(core)


def table_bytes(folder: Path) -> int:
    return sum((folder / name).stat().st_size for name in names.TABLES if (folder / name).is_file())


def read_documents(size: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Unrelated text in documents of about 4 kB."""
    if (CORPUS / "negatives.parquet").is_file():
        texts = pq.read_table(CORPUS / "negatives.parquet", columns=["text"])["text"].to_pylist()
        data = "\n".join(texts).encode()[:size]
    else:
        data = make_text("English", size, 7)
    edges = np.append(np.arange(0, len(data), 4000), len(data)).astype(np.int64)
    return np.frombuffer(data, dtype=np.uint8), edges


def scanner(index: Index, data: npt.NDArray[np.uint8], edges: npt.NDArray[np.int64]) -> Callable[[], None]:
    def work() -> None:
        for first in range(0, edges.size - 1, BATCH):
            index.find(index.sketch.sketch(data, edges[first : first + BATCH + 1], index.key.keys).fingerprints)

    return work


def multiply(source: Path, target: Path, copies: int) -> float:
    """Write that many times the books, each copy in a cipher of its own, so that no two are alike; returns MB."""
    letters, size = "abcdefghijklmnopqrstuvwxyz", 0
    schema = pa.schema([("id", pa.string()), ("title", pa.string()), ("text", pa.large_string())])
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for copy in range(copies):
            turned = letters[copy:] + letters[:copy]
            cipher = str.maketrans(letters + letters.upper(), turned + turned.upper())
            with pq.ParquetFile(source) as file:
                for batch in file.iter_batches(16, columns=["id", "text"]):
                    ids = [f"{copy} {book}" for book in batch["id"].to_pylist()]
                    texts = [text.translate(cipher) for text in batch["text"].to_pylist()]
                    size += sum(len(text.encode()) for text in texts)
                    writer.write_table(pa.table({"id": ids, "title": ids, "text": texts}, schema=schema))
    return size / 1e6


def measure_build(books: Path | None, folder: Path, rounds: int, copies: int) -> dict[str, Any]:
    """Seconds of the command that indexes books: these, with little memory too, and several times as many."""
    source = books or (CORPUS / "books.parquet" if CORPUS.is_dir() else None)
    if source is None:
        source = folder / "books.parquet"
        rows = [{"id": str(n), "title": str(n), "text": make_text("English", 500_000, n).decode()} for n in range(100)]
        pq.write_table(pa.Table.from_pylist(rows), source, compression="zstd")
    command = [sys.executable, "-m", "provenance", "index", "build", str(source), "--overwrite", "--json", "--out"]

    def build(*options: str) -> dict[str, Any]:
        return dict(json.loads(subprocess.check_output([*command, str(folder / "built"), *options])))

    report = build()
    text = multiply(source, folder / "many.parquet", copies) / copies
    many = [*command[:5], str(folder / "many.parquet"), *command[6:], str(folder / "built")]
    works = {
        "these books": lambda: build(),
        "with --memory 20MB": lambda: build("--memory", "20MB"),
        f"{copies} times as many": lambda: subprocess.run(many, check=True, stdout=subprocess.DEVNULL),
    }
    seconds = {name: median(taken) for name, taken in interleaved(works, rounds).items()}
    texts = dict(zip(works, (text, text, copies * text), strict=True))
    return {
        "text, MB": text,
        "seconds": seconds,
        "MB/s": {name: texts[name] / taken for name, taken in seconds.items()},
        "peak RSS of a build, MB": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3,
        "postings": report["postings"],
        "table bytes a posting": report["table_bytes"] / report["postings"],
        "index bytes / text bytes": report["index_bytes"] / text / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=float, default=[1e6, 1e7, 1e8, 5e8])
    parser.add_argument("--books", type=Path, help="Parquet of books to build from")
    parser.add_argument("--folder", type=Path, help="where the indexes go: some 10 bytes a posting")
    parser.add_argument("--short", action="store_true", help="up to 1e7 postings")
    arguments = parser.parse_args()
    sizes = [1e6, 1e7] if arguments.short else arguments.sizes
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        built = measure_build(arguments.books, folder, 1 if arguments.short else 3, 2 if arguments.short else 4)
        for path in (folder / "built", folder / "many.parquet"):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
        data, edges = read_documents(3_000_000 if arguments.short else 6_000_000)
        indexes, grown = {}, {}
        for size in sizes:
            started = time.perf_counter()
            make_index(folder / f"{size:.0e}", int(size))
            grown[size] = time.perf_counter() - started
            indexes[size] = Index(folder / f"{size:.0e}")
        opened = interleaved({str(s): lambda s=s: Index(folder / f"{s:.0e}") for s in sizes}, 5)
        scans = interleaved({str(s): scanner(index, data, edges) for s, index in indexes.items()}, 7)
        rows = []
        for size in sizes:
            tables, rate = table_bytes(folder / f"{size:.0e}"), data.size / 1e6 / median(scans[str(size)])
            against = median(scans[str(sizes[0])]) / median(scans[str(size)])
            rows.append([size, tables / indexes[size].manifest["counts"]["postings"], grown[size]])
            rows[-1] += [median(opened[str(size)]), rate, against]
        prefix = Index(folder / f"{sizes[-1]:.0e}", scale=32)
        coarse = interleaved({"32": scanner(prefix, data, edges)}, 5)["32"]
    header()
    print(f"build, {built['text, MB']:.0f} MB of books: ", end="")
    print(", ".join(f"{name} {rate:.0f} MB/s" for name, rate in built["MB/s"].items()), end="")
    print(f" (target 120), peak RSS {built['peak RSS of a build, MB']:.0f} MB, ", end="")
    print(f"{built['table bytes a posting']:.1f} bytes a posting (target 12)\n")
    columns = ["postings", "bytes a posting", "written in s", "open s", "sketch and look up MB/s", "/ first"]
    print(table(columns, [[f"{row[0]:.0e}", *(f"{value:.3g}" for value in row[1:])] for row in rows]))
    last = f"{sizes[-1]:.0e}"
    print(f"\nwith --scale 32 on {last}: {data.size / 1e6 / median(coarse):.0f} MB/s")
    keys = ("postings", "bytes a posting", "seconds to write", "seconds to open", "MB/s", "/ first")
    record = {"build": built, "sizes": [dict(zip(keys, row, strict=True)) for row in rows]}
    write_json("index_scale", {**record, f"MB/s at scale 32 of {last}": data.size / 1e6 / median(coarse)})


if __name__ == "__main__":
    main()
