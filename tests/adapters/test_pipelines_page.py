"""Every example of docs/pipelines.md runs as it stands there, on what the demo makes, and prints what the page says."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest

import provenance
from provenance.adapters.tables import Annotate
from provenance.matching.annotations import PROV_SCHEMA

PAGE = Path(__file__).parents[2] / "docs" / "pipelines.md"
NEEDS = {"Hugging Face datasets": "datasets", "Spark": "pyspark", "Ray Data": "ray"}  # else named as the section
pytestmark = [
    pytest.mark.slow,
    pytest.mark.waits,
    pytest.mark.skipif(find_spec("pythonbible") is None, reason="the demo's texts are the extra `demo`"),
]


class Example(NamedTuple):
    section: str
    code: str
    printed: str  # nothing where the page shows nothing


def examples() -> list[Example]:
    found = []
    for section in re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        blocks = re.findall(r"^```python\n(.*?)^```\n(?:^```\n(.*?)^```\n)?", section, re.MULTILINE | re.DOTALL)
        found += [Example(section.partition("\n")[0], *block) for block in blocks]
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A directory with `demo/shards` and `demo/index`, as `provenance demo` leaves them."""
    from provenance.demo.corpus import write_books, write_shards

    place = tmp_path_factory.mktemp("pipelines")
    (place / "demo").mkdir()
    provenance.build_index([write_books(place / "demo")], place / "demo" / "index")
    write_shards(place / "demo")
    return place


def test_the_page_has_an_example_for_every_library():
    assert [example.section for example in examples()] == [
        "Hugging Face datasets", "Hugging Face datasets", "datatrove", "Spark", "Ray Data", "DuckDB", "Polars",
    ]  # fmt: skip
    for example in examples():
        assert 10 <= len(example.code.splitlines()) <= 25


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.section)
def test_an_example_prints_what_the_page_says(example, place):
    if find_spec(NEEDS.get(example.section, example.section.lower())) is None:
        pytest.skip(f"{example.section} is not installed")
    if example.section == "Spark" and shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("Spark needs Java 17: there is none here")
    (place / "example.py").write_text(example.code, "utf-8")
    local = {"HF_HOME": str(place / "cache"), "RAY_USAGE_STATS_ENABLED": "0", "SPARK_LOCAL_IP": "127.0.0.1"}
    environment = {**os.environ, **local, "PYSPARK_PYTHON": sys.executable, "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=place, env=environment, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    if example.printed:
        assert done.stdout.decode().strip() == example.printed.strip()
    if example.section == "datatrove":
        check_datatrove(place / "demo")


def check_datatrove(demo: Path) -> None:
    """What the example wrote is what a table with the same rows gets."""
    told = {}
    for path in sorted((demo / "shards").glob("*.parquet")):
        annotated = Annotate(demo / "index")(pq.read_table(path))
        told |= {row["id"]: row for row in annotated.select(["id", *PROV_SCHEMA.names]).to_pylist()}
    for folder, dropped in (("clean", False), ("known", True)):
        lines = [line for path in (demo / folder).iterdir() for line in gzip.decompress(path.read_bytes()).splitlines()]
        documents = {row["id"]: row["metadata"] for row in map(json.loads, lines)}
        assert documents.keys() == {row["id"] for row in told.values() if (row["prov_coverage"] > 0.1) == dropped}
        assert all(
            metadata[name] == told[key][name] for key, metadata in documents.items() for name in PROV_SCHEMA.names
        )
