"""What units, isolation and ledger cost, and planning: `python -m benchmarks.runs [--short]`.

*Plain* is one process that opens the index, scans the shards one after another with the unit function, takes their
digests and writes the database: a scan without units, worker processes and ledger, which a crash would lose whole.
*Command* is `provenance scan --workers 1` on the same files. Both are whole commands, from start to end, in turn.
*Once started* leaves out what each takes for a shard of one row.

*Tiny* shards have three short rows each: what each of them costs, once the command has started.

*Dense* is text of which every row is a piece of a book, and most rows of it come again: processor time of the command
and of its worker, each without what it takes for a shard of one row.

Planning lists real files, without content, whose sizes are those of shards.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.common import header, interleaved, table, write_json
from benchmarks.whole_scan import command, make_shard, read_texts
from provenance.files.digests import file_sha256
from provenance.index.opening import Index
from provenance.isolation.supervisor import ENVIRONMENT
from provenance.matching.matcher import Matcher
from provenance.process.lean import do_without
from provenance.shards.opening import open_shard
from provenance.shards.shard import Options
from provenance.store.database import RunWriter
from provenance.units.config import ScanConfig
from provenance.units.located import Source
from provenance.units.unit import scan_unit

SHARD_BYTES = 150_000_000  # of a file that is planned
SHARDS_A_FOLDER = 1000
TINY_WORDS = [
    f"{begin}{end}" for begin in ("ba", "ce", "di", "fo", "gu") for end in ("ter", "lin", "mar", "sop", "ned")
]
ROW = 1800  # characters of a dense row
CPU = """
import atexit, resource
from provenance.cli import main
def report():
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        print(usage.ru_utime + usage.ru_stime)
atexit.register(report)
main()
"""


def plain(folder: Path, shards: Path) -> None:
    """Scan without units, workers and ledger; run as a process of its own."""
    pa.set_memory_pool(pa.mimalloc_memory_pool())
    do_without("pandas", "dateutil")  # as in a worker
    index = Index(folder / "index")
    index.verify()
    matcher, options, config = Matcher(index), Options(), ScanConfig()
    writer = RunWriter(folder / "plain.duckdb", overwrite=True)
    for path in sorted(shards.iterdir()):
        with open_shard(str(path), path.name, options) as shard:
            columns = shard.choose_columns()
            parts = shard.parts(columns)
        writer.load("match", scan_unit(Source(path.name, str(path), columns, options), parts, matcher, config).matches)
        file_sha256(path)
    writer.finish()


def run_plain(folder: Path, shards: Path) -> None:
    """`plain` in a new process."""
    arguments = [sys.executable, "-m", "benchmarks.runs", "--plain", str(folder), str(shards)]
    subprocess.run(arguments, check=True, env=ENVIRONMENT | os.environ)


def overhead(folder: Path, kind: str, texts: Callable[[], list[str]], copies: int, rounds: int) -> dict[str, float]:
    """Seconds of both, medians, and their ratios."""
    shards = folder / kind
    shards.mkdir()
    make_shard(shards / "0.parquet", texts, 256, "zstd")
    for copy in range(1, copies):
        os.link(shards / "0.parquet", shards / f"{copy}.parquet")
    works: dict[str, Callable[[], object]] = {
        "plain": lambda: run_plain(folder, shards),
        "command": lambda: command(folder, shards, 1),
        "plain, start": lambda: run_plain(folder, folder / "start"),
        "command, start": lambda: command(folder, folder / "start", 1),
    }
    times = {name: statistics.median(seconds) for name, seconds in interleaved(works, rounds).items()}
    steady = (times["command"] - times["command, start"]) / (times["plain"] - times["plain, start"])
    return {**times, "ratio": times["command"] / times["plain"], "ratio once started": steady}


def tiny(folder: Path, shards: int, rounds: int) -> dict[str, float]:
    """Shards of three rows that a command with one worker does a second."""
    place, rng = folder / "tiny", random.Random(6)
    place.mkdir()
    for number in range(shards):
        rows = [{"id": f"{number}-{row}", "text": " ".join(rng.choices(TINY_WORDS, k=40))} for row in range(3)]
        (place / f"{number:06}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    works: dict[str, Callable[[], object]] = {
        "tiny": lambda: command(folder, place, 1),
        "start": lambda: command(folder, folder / "start", 1),
    }
    times = {name: statistics.median(seconds) for name, seconds in interleaved(works, rounds).items()}
    return {"shards": shards, "a second": shards / (times["tiny"] - times["start"])}


def dense(folder: Path, rows: int, rounds: int) -> dict[str, float]:
    """Seconds of processor time that the command and its worker take for shards full of matches."""
    texts = pq.read_table(folder / "books.parquet")["text"].to_pylist()
    pieces = [text[at : at + ROW] for text in texts for at in range(0, len(text) - ROW, ROW)]
    (folder / "dense").mkdir()
    text = pa.table({"text": (pieces * (rows // len(pieces) + 1))[:rows]})
    pq.write_table(text, folder / "dense" / "0.parquet", row_group_size=1000, compression="zstd")
    seconds = [
        [
            after - before
            for before, after in zip(cpu(folder, folder / "start"), cpu(folder, folder / "dense"), strict=True)
        ]
        for _ in range(rounds)
    ]
    command_s, worker_s = (statistics.median(each) for each in zip(*seconds, strict=True))
    return {"rows": rows, "megabytes": text.nbytes / 1e6, "command": command_s, "worker": worker_s}


def cpu(folder: Path, shards: Path) -> tuple[float, float]:
    """Processor time of a scan with one worker: of the command, and of its worker."""
    arguments = [sys.executable, "-c", CPU, "scan", str(shards), "--index", str(folder / "index"), "--workers", "1"]
    arguments += ["--db", str(folder / "run.duckdb"), "--overwrite"]
    done = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    own, worker = map(float, done.stdout.split()[-2:])
    return own, worker


def planning(folder: Path, shards: int, rounds: int) -> dict[str, float]:
    """Seconds of `scan --plan` over so many files."""
    for number in range(shards):
        place = folder / "plan" / f"{number // SHARDS_A_FOLDER:03}"
        if number % SHARDS_A_FOLDER == 0:
            place.mkdir(parents=True)
        with (place / f"{number:06}.parquet").open("wb") as file:
            file.truncate(SHARD_BYTES)
    arguments = ["scan", str(folder / "plan"), "--index", "none", "--plan", "--task", "1/64", "--json"]
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "provenance", *arguments], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - started)
    return {"shards": shards, "seconds": statistics.median(seconds)}


def measure(folder: Path, copies: int, rounds: int, planned: int) -> dict[str, Any]:
    indexed, _, documents, source = read_texts()
    pq.write_table(pa.Table.from_pylist(indexed), folder / "books.parquet")
    build = ["index", "build", str(folder / "books.parquet"), "--out", str(folder / "index"), "--json"]
    subprocess.run([sys.executable, "-m", "provenance", *build], check=True, stdout=subprocess.DEVNULL)
    (folder / "start").mkdir()
    pq.write_table(pa.table({"text": ["one short row"]}), folder / "start" / "0.parquet")
    rng = random.Random(5)
    clean = overhead(folder, "clean", lambda: rng.sample(documents, len(documents)), copies, rounds)
    return {
        "source": source,
        "gigabytes": copies * 0.256,
        "seconds": clean,
        "tiny": tiny(folder, planned // 20, rounds),
        "dense": dense(folder, 120_000, rounds),
        "planning": planning(folder, planned, rounds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="less text, fewer rounds, fewer shards to plan")
    parser.add_argument("--plain", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.plain:
        plain(*arguments.plain)
        return
    with tempfile.TemporaryDirectory() as name:
        short = arguments.short
        record = measure(Path(name), 2 if short else 8, 3 if short else 7, 10_000 if short else 100_000)
    header()
    seconds, plan, small, full = (record[name] for name in ("seconds", "planning", "tiny", "dense"))
    print(f"texts: {record['source']}; {record['gigabytes']:.1f} GB of clean text in zstd Parquet, one worker\n")
    rows = [
        ["whole", *(f"{seconds[name]:.2f}" for name in ("plain", "command")), f"{seconds['ratio']:.3f}", "1.05"],
        ["start", *(f"{seconds[f'{name}, start']:.2f}" for name in ("plain", "command")), "", ""],
        ["once started", "", "", f"{seconds['ratio once started']:.3f}", ""],
    ]
    print(table(["", "plain, s", "command, s", "command / plain", "target"], rows))
    print(f"\n{small['shards']:,} tiny shards: {small['a second']:.0f} a second (target: 500)")
    print(
        f"{full['rows']:,} rows that match, {full['megabytes']:.0f} MB: {full['command']:.1f} s of processor time in "
        f"the command, {full['worker']:.1f} s in its worker (target: less in the command)"
    )
    print(f"planning {plan['shards']:,} shards: {plan['seconds']:.1f} s (target for 100,000: 10 s)")
    write_json("runs", record)


if __name__ == "__main__":
    main()
