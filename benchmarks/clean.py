"""What it costs to write shards anew, beside pyarrow reading and writing the same file: `python -m benchmarks.clean`.

One Parquet file (zstd) of rows of 3 kB, one in a hundred with a passage of an indexed book. The same file is copied,
read and written by pyarrow on one core, and cleaned by one worker, which hashes it before and after, without the scan
afterwards. The start of the worker, about a second, is in the figure.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

import provenance
from benchmarks.adapters import write_shard
from benchmarks.common import header, interleaved, median, table, write_json
from provenance.cleaning.edits import MODES


def rewrite(shard: Path, out: Path) -> None:
    """Read and write all row groups with pyarrow."""
    with pq.ParquetFile(shard) as file, pq.ParquetWriter(out, file.schema_arrow, compression="zstd") as writer:
        for group in range(file.metadata.num_row_groups):
            writer.write_table(file.read_row_group(group, use_threads=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a tenth of the text, one round")
    short = parser.parse_args().short
    megabytes, rounds = (50, 1) if short else (500, 3)
    header()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shard = write_shard(folder, megabytes)
        provenance.scan([shard], folder / "index", folder / "run.duckdb", workers=1)

        def cleaning(mode: str) -> Callable[[], object]:
            def work() -> None:
                shutil.rmtree(folder / mode, ignore_errors=True)
                provenance.clean(folder / "run.duckdb", folder / mode, mode, grade="quotation", check=False, workers=1)

            return work

        works: dict[str, Callable[[], object]] = {
            "copy": lambda: shutil.copyfile(shard, folder / "copy"),
            "pyarrow reads and writes": lambda: rewrite(shard, folder / "again"),
            **{f"clean --mode {mode}": cleaning(mode) for mode in MODES},
        }
        seconds = {name: median(times) for name, times in interleaved(works, rounds).items()}
    base = seconds["pyarrow reads and writes"]
    rows = [(name, f"{megabytes / took:.0f}", f"{took / base:.2f}") for name, took in seconds.items()]
    print(table(("", "MB/s of text", "times as long as pyarrow"), rows))
    write_json("clean", {"megabytes": megabytes, "seconds": seconds})


if __name__ == "__main__":
    main()
