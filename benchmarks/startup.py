"""What a start costs, as whole processes: `python -m benchmarks.startup`.

`--help`, the import of the package, and building an index of a short book and a scan of one row, each with an empty
kernel cache of its own (everything is compiled) and with a full one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.common import header, interleaved, median, table, write_json
from benchmarks.passages import make_text

TOOL = [sys.executable, "-m", "provenance"]


def run(command: list[str], cache: Path | None = None) -> float:
    """Seconds of a process, with its own kernel cache if one is given."""
    environment = {**os.environ, **({"NUMBA_CACHE_DIR": str(cache)} if cache else {})}
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer rounds")
    rounds = 3 if parser.parse_args().short else 10
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "book.txt").write_bytes(make_text("English", 50_000))
        pq.write_table(pa.table({"text": [make_text("English", 5_000, 2).decode()]}), folder / "shard.parquet")
        cache = folder / "cache"
        build = [*TOOL, "index", "build", str(folder / "book.txt"), "--out", str(folder / "index"), "--overwrite"]
        scan = [*TOOL, "scan", str(folder / "shard.parquet"), "--index", str(folder / "index"), "--overwrite"]
        scan += ["--db", str(folder / "run.duckdb"), "--workers", "1"]
        cold = {"index build, cold": run(build, cache), "scan, cold": run(scan, folder / "another cache")}
        run(scan, cache)
        times = interleaved(
            {
                "--help": lambda: run([*TOOL, "--help"]),
                "import provenance": lambda: run([sys.executable, "-c", "import provenance"]),
                "index build, warm": lambda: run(build, cache),
                "scan, warm": lambda: run(scan, cache),
            },
            rounds,
        )
    seconds = {name: median(taken) for name, taken in times.items()} | cold
    header()
    targets = {"--help": "0.3 (beyond: 0.15)"}
    print(table(["", "seconds", "target"], [[k, f"{v:.2f}", targets.get(k, "")] for k, v in seconds.items()]))
    write_json("startup", {"seconds": seconds})


if __name__ == "__main__":
    main()
