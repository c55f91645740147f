"""Compiles all kernels, once, before processes that share tests begin: each of them would take the same minute."""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pyarrow as pa
import pyarrow.parquet as pq

import provenance.kernels
from provenance.kernels import compiling
from tests.tools.command import run
from tests.tools.prose import prose

SKETCHES: tuple[tuple[object, ...], ...] = ((), ("--no-text",), ("--sketch", "banded"))


def missing() -> int:
    """How many kernels have no machine code for this processor."""
    for module in iter_modules(provenance.kernels.__path__):
        import_module(f"provenance.kernels.{module.name}")
    kept = compiling.compiled_code()
    return kept.kernels - kept.compiled


def compile_all(folder: Path) -> None:
    """Build an index of each kind, and scan a shard with each: commands use every kernel there is."""
    (folder / "books").mkdir()
    for seed in range(2):
        (folder / "books" / f"{seed}.txt").write_text(prose(seed, 2000))
    text = prose(0, 2000)
    pq.write_table(pa.table({"text": [text[500:3000], prose(9, 300)]}), folder / "shard.parquet")
    for number, options in enumerate(SKETCHES):
        index = folder / f"index{number}"
        done = run("index", "build", folder / "books", "--out", index, *options)
        assert done.returncode == 0, done.stderr
        done = run("scan", folder / "shard.parquet", "--index", index, "--db", folder / f"{number}.duckdb")
        assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    before = missing()
    if before:
        print(f"Compiling kernels: {before} have no machine code yet", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            compile_all(Path(folder))
        print(f"Kernels: {missing()} are left, for those that use them", file=sys.stderr)
