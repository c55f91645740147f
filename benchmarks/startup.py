"""What a start costs, as whole processes: `python -m benchmarks.startup`.

`--help`, the import of the package, a question, a report and a look at the shards of the demo, with their peak memory;
and building an index of a short book and a scan of one row, each with an empty kernel cache of its own (everything is
compiled) and with a full one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.common import header, interleaved, median, table, write_json
from benchmarks.passages import make_text

TOOL = [sys.executable, "-m", "provenance"]


TARGETS = {  # seconds, and MB where memory matters
    "--help": "0.3 (beyond: 0.15)", "scan --help": "0.3", "query": "0.30, 140 MB", "report": "1.0", "inspect": "0.5",
}  # fmt: skip


def run(command: list[str], cache: Path | None = None) -> float:
    """Seconds of a process, with its own kernel cache if one is given."""
    return measured(command, cache)[0]


def measured(command: list[str], cache: Path | None = None) -> tuple[float, float]:
    """Seconds of a process, and the peak memory in MB of it or the largest of its children."""
    environment = {**os.environ, **({"NUMBA_CACHE_DIR": str(cache)} if cache else {})}
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return seconds, usage.ru_maxrss / 1e3


def commands_of_demo(folder: Path) -> dict[str, list[str]]:
    """What people do with a run first, on that of the demo, which is made here."""
    demo = folder / "demo"
    run([*TOOL, "demo", "--dir", str(demo)])
    db = str(demo / "run.duckdb")
    return {
        "query": [*TOOL, "query", db, "SELECT 1"],
        "report": [*TOOL, "report", db, "--out", str(folder / "report.html")],
        "inspect": [*TOOL, "inspect", str(demo / "shards")],
    }


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
        looks = commands_of_demo(folder)
        memory = {name: measured(command)[1] for name, command in looks.items()}
        times = interleaved(
            {
                **{name: partial(run, command) for name, command in looks.items()},
                "scan --help": lambda: run([*TOOL, "scan", "--help"]),
                "--help": lambda: run([*TOOL, "--help"]),
                "import provenance": lambda: run([sys.executable, "-c", "import provenance"]),
                "index build, warm": lambda: run(build, cache),
                "scan, warm": lambda: run(scan, cache),
            },
            rounds,
        )
    seconds = {name: median(taken) for name, taken in times.items()} | cold
    header()
    rows = [
        [name, f"{value:.2f}", f"{memory[name]:.0f}" if name in memory else "", TARGETS.get(name, "")]
        for name, value in seconds.items()
    ]
    print(table(["", "seconds", "MB at most", "target"], rows))
    write_json("startup", {"seconds": seconds, "megabytes": memory})


if __name__ == "__main__":
    main()
