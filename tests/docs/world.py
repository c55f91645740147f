"""The folder that the commands of the docs are run in: everything that they name and do not make themselves."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.docs.pages import ROOT
from tests.shards.fixtures import prose, train
from tests.tools.shell import bash, bin_folder

MADE = (  # in this order, by these commands, unless a page makes it
    ("indexes/books", "provenance index build books/ --out indexes/books"),
    ("indexes/new", "provenance index build newbooks/ --out indexes/new"),
    ("indexes/sealed", "provenance index build books/ --out indexes/sealed --no-text --key-file secret.key"),
    ("run.duckdb", "provenance scan 'data/train-*.parquet' --index indexes/books --db run.duckdb"),
    ("last.duckdb", "cp run.duckdb last.duckdb"),
    ("old.duckdb", "cp run.duckdb old.duckdb"),
    ("new.duckdb", "cp run.duckdb new.duckdb"),
    ("units", "provenance scan 'data/train-*.parquet' --index indexes/books --out units/"),
    ("evidence.zip", "provenance bundle run.duckdb --out evidence.zip"),
    ("evidence", "provenance bundle run.duckdb --out evidence/"),
)


def environment(folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Variables of a shell in which `provenance` and `python` are those under test."""
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SLURM_", "PROVENANCE_"))
    }
    return {**plain, "PATH": f"{bin_folder(folder)}{os.pathsep}{os.environ['PATH']}", **extra}


def make_world(folder: Path, variables: Mapping[str, str]) -> None:
    """Make all of it from what `provenance demo` makes, and a few files more."""
    folder.mkdir()
    _must(bash("provenance demo", folder, variables))
    for name in ("books", "data", "shards", "more", "newbooks", "unpublished", "unpublished-books", "runs", "indexes"):
        (folder / name).mkdir()
    shutil.copy(folder / "demo/books.parquet", folder / "books/books.parquet")
    for number, shard in enumerate(sorted((folder / "demo/shards").iterdir())):
        shutil.copy(shard, folder / f"data/train-{number:05d}.parquet")
        shutil.copy(shard, folder / "shards" / shard.name)
    for seed, name in enumerate(("more", "newbooks", "unpublished", "unpublished-books")):
        (folder / name / f"{name} book.txt").write_text(prose(seed, 2000), "utf-8")
    for seed, name in ((1611, "secret.key"), (1881, "salt")):
        (folder / name).write_bytes(random.Random(seed).randbytes(32))
    (folder / "allowed.toml").write_text(
        '[[allow]]\nwork = "kjv-ruth"\nstatus = "public domain"\nreason = "published 1611"\n', "utf-8"
    )
    _write_texts(folder)
    for name, command in MADE:
        if not (folder / name).exists():
            _must(bash(command, folder, variables))


def furnish(folder: Path, world: Path, commands: Iterable[str], files: Mapping[str, str]) -> None:
    """Make the folder of a page: all of the world but what its own commands write, and the files that it gives."""
    written = {Path(name).as_posix() for command in commands for name in _outputs(command)}
    left_out = {world / name for name in written} | {world / f"{name}.units" for name in written}

    def ignore(parent: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(parent) / name in left_out]

    shutil.copytree(world, folder, ignore=ignore)  # with the times of files, by which runs know them
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")


def run_program(program: str, folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program in Python; what it makes is removed before, because commands above it have made the same."""
    for name in {first or second for first, second in re.findall(r'build_index\(.*, "(.+?)"\)|\bdb="(.+?)"', program)}:
        shutil.rmtree(folder / f"{name}.units", ignore_errors=True)
        shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink(missing_ok=True)
    (folder / "program.py").write_text(program, "utf-8")
    return bash("python program.py", folder, {**variables, "PYTHONPATH": str(ROOT)})


def _outputs(command: str) -> list[str]:
    """What a command writes: behind --out, --db and --dir, where a shell sends it, and what copies make."""
    if command.startswith("provenance selftest"):  # which adds to a run that is there
        return []
    return [name.rstrip("/") for name in re.findall(r"(?:--out|--db|--dir|>|ln -s \S+|mkdir -p|mkdir) (\S+)", command)]


def _write_texts(folder: Path) -> None:
    """A page, ordinary text, and token ids with their tokenizer."""
    books = pq.read_table(folder / "books/books.parquet").to_pylist()
    ruth = next(book["text"] for book in books if book["id"] == "kjv-ruth")
    (folder / "page.txt").write_text(f"A page of somebody's.\n\n{ruth[:2000]}\n\nAnd so on.\n", "utf-8")
    rows = [row["text"] for row in pq.read_table(folder / "data/train-00000.parquet").to_pylist()]
    ordinary = [prose(100 + number, 200) for number in range(50)]
    for name in ("ordinary-text.parquet", "news.parquet"):
        pq.write_table(pa.table({"text": ordinary}), folder / name)
    tokenizer = train(rows[:100], folder / "tokenizer.json")
    end = tokenizer.token_to_id("<|endoftext|>")
    ids = [number for text in [ruth[:5000], *ordinary[:3]] for number in [*tokenizer.encode(text).ids, end]]
    np.save(folder / "tokens.npy", np.array(ids, np.uint16))


def _must(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
