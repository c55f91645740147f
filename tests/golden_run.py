"""The golden run: two checkouts of the project do the same work, and what they export is compared column by column.

`python -m tests.golden_run OTHER_CHECKOUT` runs demo, corpus, every format, objects, Ray, tasks, clean, bundle and a
sealed index with both, in the same places one after the other, and prints what differs; exit code 1 if anything does.
Columns that were renamed are named in RENAMED. It takes some minutes, so it is no test: run it before and after a
change that should change no result.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import boto3
import pyarrow as pa
import pyarrow.parquet as pq

from tests.shards.fixtures import prose, train
from tests.shards.formats import TEXT, TOKENS

ROOT = Path(__file__).parents[1]
CORPUS = ROOT.parent / "shared" / "corpus"
WHAT = (
    "matches", "works", "documents", "shards", "passages", "coverage", "own-coverage", "editions", "origins",
    "exceptions",
)  # fmt: skip
RENAMED = {"finding": "match_id", "fingerprint": "match_key"}
"""Columns of exports: the name they had before, and now."""

Results = dict[str, str]  # what was made, and the SHA-256 of it


class World(NamedTuple):
    """Where a checkout does its work: the same folder and the same inputs for both."""

    folder: Path
    checkout: Path
    results: Results

    def do(self, *words: str, allowed: tuple[int, ...] = (0,)) -> str:
        """Run a command of the checkout; returns what it printed."""
        environment = {**os.environ, "PYTHONPATH": str(self.checkout)}
        command = [sys.executable, "-P", "-m", "provenance", *words]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        if done.returncode not in allowed:
            raise SystemExit(f"{self.checkout}: {' '.join(words)} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    def export(self, name: str, db: str) -> None:
        """Note every export of a run: the columns of its tables, and its CSV and JSON lines as they lie there."""
        for what in WHAT:
            self.do("export", db, "--what", what, "--format", "parquet", "--out", "x.parquet")
            table = pq.read_table(self.folder / "x.parquet")
            for column in table.column_names:
                new = RENAMED.get(column, column)
                self.results[f"{name}/{what}/{new}"] = digest_of_column(table[column])
            (self.folder / "x.parquet").unlink()
        for file_format in ("csv", "jsonl"):
            self.do("export", db, "--what", "matches", "--format", file_format, "--out", "x.text")
            text = (self.folder / "x.text").read_bytes()
            for old, new in RENAMED.items():
                named = (f"{old},", f"{new},") if file_format == "csv" else (f'"{old}":', f'"{new}":')
                text = text.replace(*map(str.encode, named), 1 if file_format == "csv" else -1)
            self.results[f"{name}/matches.{file_format}"] = hashlib.sha256(text).hexdigest()
            (self.folder / "x.text").unlink()

    def files(self, name: str, folder: str) -> None:
        """Note every file below a folder that people see; hidden ones have times in them."""
        for path in sorted((self.folder / folder).rglob("*")):
            place = path.relative_to(self.folder / folder)
            if path.is_file() and not any(part.startswith(".") for part in place.parts):
                self.results[f"{name}/{place}"] = hashlib.sha256(path.read_bytes()).hexdigest()


def digest_of_column(column: pa.ChunkedArray) -> str:
    """Of its type and values, however it is cut into chunks."""
    sink = pa.BufferOutputStream()
    table = pa.table({"column": pa.concat_arrays([pa.array([], column.type), *column.chunks])})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def make_inputs(folder: Path) -> None:
    """Books, and shards of every format with passages of them; of the corpus some if it is there."""
    books = {f"book{n}": prose(n, 3000) for n in range(3)}
    (folder / "books").mkdir()
    for name, text in books.items():
        (folder / "books" / f"{name}.txt").write_text(text)
    rows = []
    for n in range(20):
        at, clean = 100 + 700 * (n % 5), prose(1000 + n, 60)
        passage = books[f"book{n % 3}"][at : at + 900]
        rows.append((f"doc{n:03}", (clean, passage, f"{clean}\n{passage}\n{clean}", f"{passage} {clean}")[n % 4]))
    for name, write in TEXT.items():
        place = folder / "formats" / name.replace(" ", "-")
        place.mkdir(parents=True)
        write(place, rows)
    tokenizer = train(books.values(), folder / "tokenizer.json")
    for name, write in TOKENS.items():
        place = folder / "tokens" / name.replace(" ", "-")
        place.mkdir(parents=True)
        write(place, rows, tokenizer)
    (folder / "secret.key").write_bytes(bytes(range(32)))
    if CORPUS.is_dir():
        make_corpus(folder)


def make_corpus(folder: Path) -> None:
    """Sixty books of the corpus, its unrelated documents, and pieces of every other book."""
    books = pq.read_table(CORPUS / "books.parquet").slice(0, 60)
    (folder / "corpus-books").mkdir()
    pq.write_table(books, folder / "corpus-books" / "books.parquet")
    (folder / "corpus").mkdir()
    shutil.copy(CORPUS / "negatives.parquet", folder / "corpus" / "negatives.parquet")
    pieces = []
    for row in books.to_pylist()[::2]:
        words = row["text"].split(" ")
        pieces += [
            {"id": f"{row['id']}:{at}", "text": " ".join(words[at : at + 700]), "url": f"http://{at % 7}.example.org/"}
            for at in range(0, min(len(words), 20_000), 1500)
        ]
    pq.write_table(pa.Table.from_pylist(pieces), folder / "corpus" / "pieces.parquet", row_group_size=100)


def demo(world: World) -> None:
    world.do("demo", "--dir", "demo", allowed=(0, 1, 3))
    world.export("demo", "demo/run.duckdb")


def corpus(world: World) -> None:
    if not (world.folder / "corpus").is_dir():
        return
    world.do("index", "build", "corpus-books", "--out", "corpus-index")
    world.files("corpus-index", "corpus-index")
    world.do("scan", "corpus", "--index", "corpus-index", "--db", "corpus.duckdb", "--unit-size", "2MB")
    world.export("corpus", "corpus.duckdb")


def formats(world: World) -> None:
    world.do("index", "build", "books", "--out", "index")
    world.do("scan", "formats", "--index", "index", "--db", "formats.duckdb", allowed=(0, 3))
    world.export("formats", "formats.duckdb")
    tokens = ("tokens", "--index", "index", "--tokenizer", "tokenizer.json")
    world.do("scan", *tokens, "--db", "tokens.duckdb", allowed=(0, 3))
    world.export("tokens", "tokens.duckdb")


def tasks(world: World) -> None:
    for task in (2, 3, 1):
        world.do("scan", "formats", "--index", "index", "--out", "units", "--task", f"{task}/3", allowed=(0, 3))
    world.do("collect", "units", "--db", "tasks.duckdb", allowed=(0, 3))
    world.export("tasks", "tasks.duckdb")


def on_ray(world: World) -> None:
    engine = ("--engine", "ray", "--workers", "2")
    world.do("scan", "formats", "--index", "index", "--db", "ray.duckdb", *engine, allowed=(0, 3))
    world.export("ray", "ray.duckdb")


def objects(world: World) -> None:
    with store(world.folder / "formats" / "parquet" / "shard.parquet"):
        out = ("--out", "s3://golden/units", "--scratch", "scratch")
        world.do("scan", "s3://golden/shards/", "--index", "index", "--db", "objects.duckdb", *out)
        world.export("objects", "objects.duckdb")


@contextmanager
def store(shard: Path) -> Iterator[None]:
    """A local S3 server with one shard under two keys; the environment names it."""
    names = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "us-east-1"}
    command = [sys.executable, str(ROOT / "tests" / "storage" / "servers.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        os.environ |= {**names, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{json.loads(server.stdout.readline())['s3']}"}
        client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
        client.create_bucket(Bucket="golden")
        for key in ("shards/a.parquet", "shards/b.parquet"):
            client.put_object(Bucket="golden", Key=key, Body=shard.read_bytes())
        try:
            yield
        finally:
            server.communicate()
            for name in (*names, "AWS_ENDPOINT_URL"):
                os.environ.pop(name)


def clean(world: World) -> None:
    for mode in ("drop", "mask", "annotate"):
        world.do("clean", "formats.duckdb", "--out", f"clean-{mode}", "--mode", mode, allowed=(0, 1, 3))
        world.files(f"clean/{mode}", f"clean-{mode}")


def handed_over(world: World) -> None:
    """A bundle, of which only tables that have no times in them are compared, and a run with a sealed index."""
    world.do("bundle", "tokens.duckdb", "--out", "bundle")
    kept = [path for path in (world.folder / "bundle").rglob("*.parquet") if path.stem in WHAT]
    for path in sorted(kept):
        table = pq.read_table(path)
        for column in table.column_names:
            world.results[f"bundle/{path.name}/{RENAMED.get(column, column)}"] = digest_of_column(table[column])
    key = ("--key-file", "secret.key")
    world.do("index", "build", "books", "--out", "sealed", "--no-text", *key)
    world.files("sealed", "sealed")
    world.do("scan", "formats/parquet", "--index", "sealed", "--db", "sealed.duckdb", *key)
    world.export("sealed", "sealed.duckdb")


SCENES: tuple[Callable[[World], None], ...] = (
    demo, corpus, formats, tasks, on_ray, objects, clean, handed_over
)  # fmt: skip


def golden(folder: Path, inputs: Path, checkout: Path, chosen: list[str]) -> Results:
    """What a checkout makes of the inputs, in a folder that is empty before and after."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(inputs, folder)
    world = World(folder, checkout.absolute(), {})
    for scene in SCENES:
        if not chosen or scene.__name__ in chosen or scene is formats:
            sys.stderr.write(f"{checkout}: {scene.__name__}\n")
            scene(world)
    return world.results


def main() -> None:
    """Compare this checkout with another one."""
    other, chosen = Path(sys.argv[1]), sys.argv[2:]
    with TemporaryDirectory(prefix="golden-") as place:
        inputs, folder = Path(place) / "inputs", Path(place) / "world"
        inputs.mkdir()
        make_inputs(inputs)
        before = golden(folder, inputs, other, chosen)
        after = golden(folder, inputs, ROOT, chosen)
    both = before.keys() & after.keys()
    different = sorted(name for name in both if before[name] != after[name])
    for name in different:
        sys.stdout.write(f"different: {name}\n")
    for name in sorted(before.keys() ^ after.keys()):
        sys.stdout.write(f"only {'before' if name in before else 'now'}: {name}\n")
    sys.stdout.write(f"{len(both) - len(different):,} equal, {len(different):,} different\n")
    sys.exit(before != after)


if __name__ == "__main__":
    main()
