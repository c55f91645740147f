"""From Parquet to matches, beside merely decoding the same files: `python -m benchmarks.whole_scan [--short]`.

Three kinds of rows are scanned for the same index of books: *clean* (unrelated documents), *books* (chapters of other
books, which share many phrases with those indexed) and *contaminated* (every row a piece of an indexed book). The index
is built with default settings; these books are few, so its sketch is denser than that of a large library, and clean
rows are also scanned at the coarser scales that larger libraries get.

*Steady rate*: one thread of one process, everything loaded, the unit function over a shard, and pyarrow decoding the
text column of that shard, in turn. *Command*: the public command as a user runs it, with one and two workers; its start
is that command over a shard of one row. *datasketch*: the script a user would write today, over a small part of the
same rows.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
from pyarrow import csv

from benchmarks.common import header, interleaved, table, write_json
from benchmarks.passages import make_text
from provenance.index.opening import Index
from provenance.isolation.supervisor import ENVIRONMENT
from provenance.matching.matcher import Matcher
from provenance.shards.opening import open_shard
from provenance.shards.shard import Options
from provenance.units.config import ScanConfig
from provenance.units.located import Source
from provenance.units.unit import scan_unit

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
COMPRESSIONS = ("zstd", "snappy", "none")
SCALES = (4, 8, 32)  # what larger libraries get by default; looked up in the same index
NUM_PERM, SHINGLE, WINDOW = 128, 5, 300  # of the datasketch script


def read_texts() -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[str], str]:
    """Books to index, other books, unrelated documents, and what they are."""
    if (CORPUS / "books.parquet").is_file():
        works: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in pq.read_table(CORPUS / "books.parquet").to_pylist():
            works.setdefault((row["author"], row["title"].split(":")[0].split(";")[0].lower()), []).append(row)
        halves = [
            [row for n, key in enumerate(sorted(works)) if n % 2 == half for row in works[key]] for half in (0, 1)
        ]
        others = pq.read_table(CORPUS / "negatives.parquet", columns=["text"])["text"].to_pylist()
        return halves[0], halves[1], others, "the development corpus"
    made = [
        {"id": f"b{n}", "author": "", "title": f"book {n}", "text": make_text("English", 500_000, n).decode()}
        for n in range(20)
    ]
    others = [make_text("English", 3_000, 1000 + n).decode() for n in range(2_000)]
    return made[:10], made[10:], others, "generated: words of one passage at random, so rates are not those of prose"


def pieces(books: list[dict[str, Any]], rng: random.Random) -> Iterator[str]:
    """Rows of a few hundred to some thousand characters, cut from books at blanks."""
    for book in books:
        text, at = book["text"], 0
        while at < len(text):
            end = text.find(" ", at + int(min(40_000, max(300, rng.lognormvariate(7.7, 0.9)))))
            end = len(text) if end < 0 else end
            yield text[at:end]
            at = end


def make_shard(path: Path, rows: Callable[[], list[str]], megabytes: float, compression: str) -> int:
    """Write about that much text, drawn again and again; returns its bytes."""
    texts: list[str] = []
    size = 0
    while size < megabytes * 1e6:
        for text in rows():
            texts.append(text)
            size += len(text.encode())
            if size >= megabytes * 1e6:
                break
    shard = pa.table({"id": [str(n) for n in range(len(texts))], "text": texts})
    pq.write_table(shard, path, compression=compression, row_group_size=20_000)
    return size


def decode(path: Path) -> None:
    """What pyarrow needs to decode the text column, in the way that measured best."""
    file = pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)
    for _ in file.iter_batches(1000, columns=["text"], use_threads=False):
        pass


def scan_shard(path: Path, matcher: Matcher) -> None:
    """The unit function over all parts."""
    with open_shard(str(path), path.name, Options()) as shard:
        columns = shard.choose_columns()
        parts = shard.parts(columns)
    scan_unit(Source(path.name, str(path), columns, Options()), parts, matcher, ScanConfig())


def other_formats(path: Path) -> dict[str, Path]:
    """The rows of a Parquet file in other formats, beside it."""
    rows = pq.read_table(path)
    made = {
        name: path.with_name(path.stem + name) for name in (".arrow", ".lz4.feather", ".jsonl", ".jsonl.zst", ".csv")
    }
    with pa.OSFile(str(made[".arrow"]), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows, max_chunksize=1000)
    feather.write_feather(rows, str(made[".lz4.feather"]), compression="lz4", chunksize=1000)
    lines = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows.to_pylist())
    made[".jsonl"].write_bytes(lines)
    with pa.OSFile(str(made[".jsonl.zst"]), "wb") as sink, pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(lines)
    csv.write_csv(rows, str(made[".csv"]))
    return made


@contextlib.contextmanager
def s3_server() -> Iterator[int]:
    """A real S3 server in a process of its own; its port."""
    code = (
        "import logging, os, sys; from moto.server import ThreadedMotoServer; logging.disable(logging.CRITICAL)\n"
        "s = ThreadedMotoServer('127.0.0.1', 0, verbose=False); s.start()\n"
        "print(s.get_host_and_port()[1], flush=True); sys.stdin.read(); os._exit(0)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.communicate()


def from_s3(folder: Path, path: Path, copies: int, rounds: int) -> dict[str, float]:
    """Seconds of the command over the same shards on disk and in a local S3 server."""
    local = folder / "s3_local"
    local.mkdir()
    with s3_server() as port:
        settings = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s",
        }  # fmt: skip
        os.environ.update(settings)
        client = boto3.client("s3", endpoint_url=settings["AWS_ENDPOINT_URL"], region_name="us-east-1")
        client.create_bucket(Bucket="shards")
        for copy in range(copies):
            os.link(path, local / f"{copy}.parquet")
            client.upload_file(str(path), "shards", f"data/{copy}.parquet")
        places = {"local": str(local), "S3": "s3://shards/data/"}
        works: dict[str, Callable[[], object]] = {
            f"{name}, {workers}": lambda place=place, workers=workers: command(folder, place, workers)
            for name, place in places.items()
            for workers in (1, 2)
        }
        times = interleaved(works, rounds)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    return {**medians, **{f"ratio, {n}": medians[f"S3, {n}"] / medians[f"local, {n}"] for n in (1, 2)}}


def command(folder: Path, shards: Path | str, workers: int) -> float:
    """Seconds of the public command."""
    db = folder / f"run{workers}.duckdb"
    arguments = ["scan", str(shards), "--index", str(folder / "index"), "--db", str(db), "--overwrite", "--json"]
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "provenance", *arguments, "--workers", str(workers)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def datasketch_script(path: Path, books: list[dict[str, Any]], megabytes: float) -> float:
    """MB/s of MinHash LSH over windows of the books, each row of a part of the shard looked up."""
    from datasketch import MinHash, MinHashLSH

    def signature(words: list[str]) -> MinHash:
        minhash = MinHash(num_perm=NUM_PERM, scheme="affine32")
        minhash.update_batch([" ".join(words[n : n + SHINGLE]).encode() for n in range(len(words) - SHINGLE + 1)])
        return minhash

    lsh = MinHashLSH(threshold=0.5, num_perm=NUM_PERM)
    for book in books[:5]:
        words = book["text"].lower().split()
        for at in range(0, len(words), WINDOW):
            lsh.insert((book["id"], at), signature(words[at : at + WINDOW]))
    size, started = 0, time.perf_counter()
    for batch in pq.ParquetFile(path).iter_batches(100, columns=["text"]):
        for text in batch["text"].to_pylist():
            words = text.lower().split()
            for at in range(0, len(words), WINDOW):
                lsh.query(signature(words[at : at + WINDOW]))
            size += len(text.encode())
        if size > megabytes * 1e6:
            break
    return size / 1e6 / (time.perf_counter() - started)


def rate(seconds: list[float], megabytes: float) -> float:
    return megabytes / statistics.median(seconds)


def measure(folder: Path, megabytes: float, copies: int, rounds: int) -> dict[str, Any]:
    indexed, other_books, documents, source = read_texts()
    pq.write_table(pa.Table.from_pylist(indexed), folder / "books.parquet")
    subprocess.run(
        [sys.executable, "-m", "provenance", "index", "build", str(folder / "books.parquet"), "--out"]
        + [str(folder / "index"), "--json"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    rng = random.Random(5)
    kinds: dict[str, Callable[[], list[str]]] = {
        "clean": lambda: rng.sample(documents, len(documents)),
        "books": lambda: list(pieces(other_books, rng)),
        "contaminated": lambda: rng.sample(rows := list(pieces(indexed, rng)), len(rows)),
    }
    pa.set_memory_pool(pa.mimalloc_memory_pool())
    index = Index(folder / "index")
    scale = index.manifest["sketch"]["scale"]
    cases = [("clean", compression) for compression in COMPRESSIONS] + [("books", "zstd"), ("contaminated", "zstd")]
    steady: dict[str, dict[str, float]] = {}
    for kind, compression in cases:
        path = folder / f"{kind}_{compression}.parquet"
        size = make_shard(path, kinds[kind], megabytes, compression) / 1e6
        works: dict[str, Callable[[], object]] = {"decode": lambda p=path: decode(p)}
        coarser = [at for at in SCALES if at > scale] if (kind, compression) == ("clean", "zstd") else []
        for at in [scale, *coarser]:
            matcher = Matcher(Index(index.folder, scale=at))
            works[f", scale {at}" if at != scale else ""] = lambda p=path, m=matcher: scan_shard(p, m)
        times = interleaved(works, rounds)
        decoded = rate(times.pop("decode"), size)
        for suffix, seconds in times.items():
            scanned = rate(seconds, size)
            steady[f"{kind}, {compression}{suffix}"] = {
                "decode": decoded, "scan": scanned, "ratio": scanned / decoded,
            }  # fmt: skip
    clean = folder / "clean_zstd.parquet"
    size = sum(len(text.encode()) for text in pq.read_table(clean, columns=["text"])["text"].to_pylist()) / 1e6
    matcher = Matcher(index)
    formats: dict[str, Callable[[], object]] = {"parquet, zstd": lambda: scan_shard(clean, matcher)}
    for suffix, made in other_formats(clean).items():
        formats[suffix] = lambda p=made: scan_shard(p, matcher)
    by_format = {name: rate(seconds, size) for name, seconds in interleaved(formats, rounds).items()}
    commands: dict[str, dict[str, float]] = {}
    (folder / "start").mkdir()
    pq.write_table(pa.table({"text": ["one short row"]}), folder / "start" / "0.parquet")
    starts = interleaved(
        {str(n): lambda n=n: command(folder, folder / "start", n) for n in (1, 2)}, max(1, rounds // 2)
    )
    start = {n: statistics.median(starts[n]) for n in ("1", "2")}
    for kind in ("clean", "contaminated"):
        shards = folder / f"{kind}_shards"
        shards.mkdir()
        for copy in range(copies):
            os.link(folder / f"{kind}_zstd.parquet", shards / f"{copy}.parquet")
        runs = interleaved({str(n): lambda n=n, s=shards: command(folder, s, n) for n in (1, 2)}, max(1, rounds // 2))
        one, two = (rate(runs[n], megabytes * copies) for n in ("1", "2"))
        started = [statistics.median(runs[n]) - start[n] for n in ("1", "2")]
        commands[kind] = {
            "one worker": one, "two workers": two, "ratio": two / one, "ratio once started": started[0] / started[1],
        }  # fmt: skip
    s3 = from_s3(folder, clean, max(4, copies // 2), max(1, rounds // 2))
    script = datasketch_script(folder / "clean_zstd.parquet", indexed, min(3.0, megabytes))
    return {
        "source": source,
        "megabytes": megabytes,
        "scale": scale,
        "start, s": start,
        "steady, MB/s of text, one core": steady,
        "contaminated / clean": steady["contaminated, zstd"]["scan"] / steady["clean, zstd"]["scan"],
        "formats, MB/s of text, one core": by_format,
        "shards on disk and in a local S3 server, s": s3,
        "command, MB/s of text": commands,
        "datasketch script, MB/s": script,
        "scan / datasketch script": steady["clean, zstd"]["scan"] / script,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="less text, fewer rounds")
    arguments = parser.parse_args()
    if not os.environ.keys() >= ENVIRONMENT.keys():  # what workers get is read when a process starts
        os.execve(
            sys.executable, [sys.executable, "-m", "benchmarks.whole_scan", *sys.argv[1:]], ENVIRONMENT | os.environ
        )
    with tempfile.TemporaryDirectory() as name:
        short = arguments.short
        record = measure(Path(name), 40 if short else 300, 2 if short else 12, 3 if short else 5)
    header()
    print(f"texts: {record['source']}; index of scale {record['scale']}\n")
    steady = record["steady, MB/s of text, one core"]
    rows = [[k, f"{v['decode']:.0f}", f"{v['scan']:.0f}", f"{v['ratio']:.2f}"] for k, v in steady.items()]
    print(table(["steady, one core", "decode MB/s", "scan MB/s", "scan / decode"], rows), "\n")
    rows = [
        [
            kind,
            f"{v['one worker']:.0f}",
            f"{v['two workers']:.0f}",
            f"{v['ratio']:.2f}",
            f"{v['ratio once started']:.2f}",
        ]
        for kind, v in record["command, MB/s of text"].items()
    ]
    print(table(["command", "1 worker MB/s", "2 workers MB/s", "2 / 1", "once started"], rows), "\n")
    formats = record["formats, MB/s of text, one core"]
    rows = [[name, f"{mbs:.0f}", f"{mbs / formats['parquet, zstd']:.2f}"] for name, mbs in formats.items()]
    print(table(["format, clean rows, one core", "scan MB/s", "of Parquet (target 0.50)"], rows), "\n")
    s3 = record["shards on disk and in a local S3 server, s"]
    rows = [[str(n), f"{s3[f'local, {n}']:.1f}", f"{s3[f'S3, {n}']:.1f}", f"{s3[f'ratio, {n}']:.2f}"] for n in (1, 2)]
    print(table(["workers", "from disk, s", "from S3, s", "S3 / disk (target 1.5)"], rows))
    print("The server is a Python program on the same cores: with as many workers as cores it takes time from them.\n")
    print("start of the command: {:.1f} s with one worker, {:.1f} s with two".format(*record["start, s"].values()))
    print(f"contaminated / clean: {record['contaminated / clean']:.2f} (target 0.30)")
    print(f"scan / datasketch script ({record['datasketch script, MB/s']:.1f} MB/s): ", end="")
    print(f"{record['scan / datasketch script']:.0f}x (target 60x)")
    write_json("whole_scan", record)


if __name__ == "__main__":
    main()
