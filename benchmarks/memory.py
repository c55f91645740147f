"""Peak memory of a scan, all its processes together: `python -m benchmarks.memory --gigabytes 2`.

Makes one uncompressed Parquet shard of that size (in row groups of half of it), with book passages among ordinary
rows, scans it by the public command, and samples the memory of the whole process tree. The index is small here, so
that what is mapped of it counts for little.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.common import header, table, write_json

WORDS = 20_000  # of vocabulary


def make_text(rng: np.random.Generator, vocabulary: np.ndarray, words: int) -> str:
    """Words drawn by rank as Zipf would have it."""
    ranks = np.minimum((WORDS ** rng.random(words)).astype(np.int64), WORDS - 1)
    return " ".join(vocabulary[ranks])


def make_inputs(folder: Path, gigabytes: float) -> tuple[Path, Path]:
    """A book as a text file, and a shard of about `gigabytes` with a passage of it in each hundredth row."""
    rng = np.random.default_rng(3)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    vocabulary = np.array(["".join(rng.choice(letters, size)) for size in rng.integers(2, 11, WORDS)])
    book = make_text(rng, vocabulary, 100_000)
    (folder / "book.txt").write_text(book)
    pool = [make_text(rng, vocabulary, 400) for _ in range(3000)]
    schema = pa.schema([("id", pa.string()), ("text", pa.large_string())])
    shard, size, row = folder / "shard.parquet", 0, 0
    with pq.ParquetWriter(shard, schema, compression="none", use_dictionary=False) as writer:
        for _ in range(2):
            ids, texts, group = [], [], 0
            while group < gigabytes * 5e8:
                text = " ".join([pool[k] for k in rng.integers(0, len(pool), 4)])
                if row % 100 == 0:
                    at = int(rng.integers(0, len(book) - 2000))
                    text = text[:3000] + " " + book[at : at + 2000] + " " + text[3000:]
                ids.append(str(row))
                texts.append(text)
                group, row = group + len(text), row + 1
            made = pa.table({"id": ids, "text": pa.array(texts, pa.large_string())}, schema=schema)
            del texts
            writer.write_table(made, row_group_size=made.num_rows)
            size += group
    return folder / "book.txt", shard


def sample(process: psutil.Process) -> tuple[int, int, int]:
    """Bytes of the process tree now: resident with shared pages once in each process, and once in all; private."""
    summed = shared_once = private = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            full = one.memory_full_info()
        except psutil.Error:  # it ended between two looks
            continue
        summed += full.rss
        shared_once += getattr(full, "pss", full.rss)  # only Linux counts it
        private += full.uss
    return summed, shared_once, private


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        book, shard = make_inputs(folder, arguments.gigabytes)
        tool = [sys.executable, "-m", "provenance"]
        quiet = {"check": True, "stdout": subprocess.DEVNULL}
        subprocess.run([*tool, "index", "build", str(book), "--out", str(folder / "index"), "--json"], **quiet)
        command = [*tool, "scan", str(shard), "--index", str(folder / "index"), "--db", str(folder / "run.duckdb")]
        run = subprocess.Popen([*command, "--workers", str(arguments.workers), "--json"], stdout=subprocess.PIPE)
        peaks = np.zeros(3, dtype=np.int64)
        while run.poll() is None:
            peaks = np.maximum(peaks, sample(psutil.Process(run.pid)))
            time.sleep(0.05)
        summary = json.loads(run.stdout.read()) if run.stdout else {}
        size = shard.stat().st_size
    header()
    print(f"shard of {size / 1e9:.1f} GB in two row groups, {arguments.workers} workers, ", end="")
    print(f"{summary['documents_scanned']:,} documents, {summary['documents_matched']:,} matched\n")
    names = ("resident, shared pages counted in each process", "resident, shared pages counted once", "private")
    megabytes = dict(zip(names, (peaks / 1e6).round().astype(int).tolist(), strict=True))
    targets = {names[1]: "600"}
    print(
        table(
            ["peak of all processes together", "MB", "target"],
            [[k, v, targets.get(k, "")] for k, v in megabytes.items()],
        )
    )
    write_json("memory", {"shard_bytes": size, "workers": arguments.workers, "peak MB": megabytes})


if __name__ == "__main__":
    main()
