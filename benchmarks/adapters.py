"""What matching costs inside other libraries: `python -m benchmarks.adapters`.

Each library reads the rows without the adapter and with it, in this process, on one core. Rows are of 3 kB; one in a
hundred has a passage of an indexed book. Seconds are those of the processor, so that neighbours count little. Libraries
that are not installed are left out, and so are those that work in other processes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import provenance
from benchmarks.common import header, median, table, write_json
from benchmarks.passages import make_text
from provenance.adapters.tables import Annotate

ROW = 3000  # bytes
BOOK = 600_000  # bytes
ROWS = 1000  # a batch
Works = dict[str, Callable[[], object]]


def write_shard(folder: Path, megabytes: int) -> Path:
    """One Parquet file of clean rows, with a passage of the book in one of a hundred; and the index of the book."""
    book, text = make_text("English", BOOK, 2), make_text("English", megabytes * 10**6, 3)
    (folder / "book.txt").write_bytes(book)
    provenance.build_index([folder / "book.txt"], folder / "index")
    rows = [text[at : at + ROW].decode("utf-8", "ignore") for at in range(0, len(text), ROW)]
    for number in range(0, len(rows), 100):
        at = number * 37 % (BOOK - 1000)
        rows[number] += book[at : at + 1000].decode("utf-8", "ignore")
    shard = folder / "rows.parquet"
    pq.write_table(pa.table({"text": rows}), shard, compression="zstd", row_group_size=ROWS)
    return shard


def arrow(shard: Path, index: Path, _: ExitStack) -> Works:
    """Only pyarrow, and the matcher without columns made of what it finds."""
    matcher, annotate = provenance.Matcher(provenance.Index(index)), Annotate(index)

    def batches() -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(shard) as file:
            yield from file.iter_batches(ROWS, use_threads=False)

    return {
        "pyarrow": lambda: [batch.num_rows for batch in batches()],
        "pyarrow, Matcher.match": lambda: [matcher.match(batch["text"]) for batch in batches()],
        "pyarrow, adapter": lambda: [annotate(batch) for batch in batches()],
    }


def huggingface(shard: Path, index: Path, stack: ExitStack) -> Works:
    """`map`, whose result is written, and a stream of lists."""
    from datasets import Dataset, disable_progress_bars, load_dataset

    from provenance.adapters.huggingface import Annotate

    disable_progress_bars()
    cache = stack.enter_context(tempfile.TemporaryDirectory())
    rows = Dataset.from_parquet(str(shard), cache_dir=cache)
    stream = load_dataset("parquet", data_files=str(shard), split="train", streaming=True, cache_dir=cache)
    annotate, options = Annotate(index), {"batched": True, "load_from_cache_file": False}
    return {
        "datasets": lambda: rows.with_format("arrow").map(lambda batch: batch, **options),
        "datasets, adapter": lambda: rows.map(annotate, **options),
        "datasets, stream of lists": lambda: [None for _ in stream.map(lambda batch: batch, batched=True)],
        "datasets, stream of lists, adapter": lambda: [None for _ in stream.map(annotate, batched=True)],
    }


def datatrove(shard: Path, index: Path, stack: ExitStack) -> Works:
    """A reader of Parquet, and the filter behind it."""
    from datatrove.pipeline.readers import ParquetReader
    from loguru import logger

    from provenance.adapters.trove import ProvenanceFilter

    logger.remove()
    step = ProvenanceFilter(index)

    def read() -> Iterator[object]:
        return ParquetReader(str(shard.parent), glob_pattern=shard.name).run()

    return {"datatrove": lambda: [None for _ in read()], "datatrove, adapter": lambda: [None for _ in step.run(read())]}


LIBRARIES = {"pyarrow": arrow, "datasets": huggingface, "datatrove": datatrove}


def processor_seconds(works: Works, rounds: int) -> dict[str, float]:
    """Median of what each work takes of a core, all works in turn, after a round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            started = time.process_time()
            work()
            if number:
                times[name].append(time.process_time() - started)
    return {name: median(taken) for name, taken in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="less text, fewer rounds")
    short = parser.parse_args().short
    megabytes, rounds = (30, 3) if short else (150, 5)
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        shard, index = write_shard(Path(name), megabytes), Path(name) / "index"
        seconds = {}
        for library, works in LIBRARIES.items():
            if find_spec(library):
                seconds |= processor_seconds(works(shard, index, stack), rounds)
        size = sum(len(text.encode()) for text in pq.read_table(shard)["text"].to_pylist())
    header()
    rows = []
    for name, taken in seconds.items():
        without = seconds[name.rpartition(", ")[0]] if name.endswith(("adapter", "match")) else taken
        more = "" if without == taken else f"{1e9 * (taken - without) / size:.1f}"
        rows.append([name, f"{1e9 * taken / size:.1f}", more])
    print(table(["", "core seconds a GB of text", "of them for matches"], rows))
    write_json("adapters", {"text_bytes": size, "core_seconds": seconds})


if __name__ == "__main__":
    main()
