"""What a command loads before it does anything: help nothing, questions little, and nobody what nobody needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance

HEAVY = (
    "asyncio", "charset_normalizer", "datasketch", "duckdb", "fastwarc", "huggingface_hub", "jinja2", "lxml",
    "multiprocessing", "numba", "numpy", "obstore", "pandas", "pyarrow", "pyarrow.compute", "pyarrow.dataset",
    "pyarrow.fs", "pyarrow.parquet", "pypdfium2", "ray", "rich", "scipy", "selectolax", "ssl", "tokenizers", "tqdm",
)  # fmt: skip
CODE = """
import json, sys
sys.argv = ['provenance', *{words!r}]
from provenance.cli import main
code = 0
try: main()
except SystemExit as stop: code = stop.code
print(json.dumps([code or 0, [name for name in {heavy!r} if name in sys.modules]]), file=sys.stderr)
"""
TABLES = {"numpy", "pyarrow", "duckdb"}
FILES = TABLES | {"pyarrow.parquet", "pyarrow.fs", "ssl"}
MAY = {  # what each command may load of them
    "--help": set(),
    "scan --help": set(),
    "index build --help": set(),
    "verify --help": set(),
    "no-such-command": set(),
    "completion bash": set(),
    "query run.duckdb SELECT": {"duckdb", "rich"},
    "export run.duckdb --what works --format jsonl --out works.jsonl": FILES | {"pyarrow.compute"},
    "report run.duckdb --out report.html": TABLES | {"jinja2"},
    "allow run.duckdb": TABLES | {"rich"},
    "inspect shard.parquet": {"numpy", "pyarrow", "pyarrow.compute", "rich"},
}


@pytest.fixture(scope="module")
def folder(index, rows, tmp_path_factory) -> Path:
    """A shard, and a run of it."""
    folder = tmp_path_factory.mktemp("started")
    pq.write_table(pa.table({"text": [text for _, text in rows][:50]}), folder / "shard.parquet")
    provenance.scan([folder / "shard.parquet"], index, folder / "run.duckdb", workers=1)
    return folder


@pytest.mark.parametrize("command", MAY)
def test_a_command_loads_no_more_than_it_needs(command, folder):
    words = ["SELECT 1" if word == "SELECT" else word for word in command.split()]
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(words=words, heavy=HEAVY)], cwd=folder, env=os.environ | {"COLUMNS": "80"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    code, loaded = json.loads(done.stderr.splitlines()[-1])
    assert code == (2 if command == "no-such-command" else 0), done.stderr
    assert set(loaded) <= MAY[command]
