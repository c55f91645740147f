"""Text made to cost much: rows that hit all of an index, one shingle ten million times, boilerplate without end."""

from __future__ import annotations

import random
import resource
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.index.build import write_index
from provenance.readers.books import Book
from provenance.sketch import FracMinHash
from provenance.store.database import RunReader
from tests.threats.running import matched, outcomes, run_measured

BOOKS, WORDS, COMMON = 60, 2000, 300
SECONDS, MEMORY = 60, 2 << 30  # of processors for the scan, and bytes of the largest of its processes


def words(seed: int, count: int) -> list[str]:
    return random.Random(seed).choices([f"w{number}" for number in range(20_000)], k=count)


TEXTS = [words(seed, WORDS) for seed in range(BOOKS)]
BOILERPLATE = words(-1, COMMON)
REFRAIN = ["tick"] * 8


def flood() -> list[str]:
    """Two rows, each with all shingles of all books in pieces that are too short to be passages."""
    pieces = [text[at : at + 9] for text in TEXTS for at in range(0, WORDS, 5)]
    rows = []
    for seed in range(2):
        random.Random(seed).shuffle(pieces)
        rows.append(" ".join(f"{' '.join(piece)} x{number}" for number, piece in enumerate(pieces)))
    return rows


def boilerplate() -> list[str]:
    """Twenty thousand rows of what all books have, and at the end a passage of one beside it."""
    common = " ".join(BOILERPLATE)
    return [*[common] * 20_000, f"{common} {' '.join(TEXTS[7][200:300])} {common}"]


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scanned(tmp_path_factory) -> Path:
    folder, middle = tmp_path_factory.mktemp("floods"), WORDS // 2
    texts = [text[:middle] + BOILERPLATE + REFRAIN + text[middle:] for text in TEXTS]
    books = [Book(f"b{n:03}", f"t{n}", "", "", " ".join(text).encode(), "", "") for n, text in enumerate(texts)]
    write_index(books, folder / "i", sketch=FracMinHash(scale=1))
    shards = {
        "flood": flood(),
        "refrain": ["tick " * 10_000_004],
        "boilerplate": boilerplate(),
        "good": [" ".join(TEXTS[5][100:300])],
    }
    (folder / "shards").mkdir()
    for name, rows in shards.items():
        pq.write_table(pa.table({"text": rows}), folder / "shards" / f"{name}.parquet")
    before = cpu_of_children()
    command = ["scan", folder / "shards", "--index", folder / "i", "--db", folder / "r.duckdb", "--workers", 1]
    done, memory = run_measured(*command)
    assert done.returncode == 0, done.stderr
    assert cpu_of_children() - before < SECONDS
    assert memory < MEMORY
    assert set(outcomes(folder / "r.duckdb").values()) == {("scanned", "")}
    return folder / "r.duckdb"


def counted(db: Path, name: str) -> dict:
    with RunReader(db) as reader:
        [row] = reader.query(
            f"SELECT words, common_fingerprints, documents FROM shard WHERE shard LIKE '%{name}.parquet'"
        )
    return row


def test_a_row_that_hits_every_posting_accuses_nobody(scanned):
    assert counted(scanned, "flood")["words"] == sum(len(row.split()) for row in flood())
    assert not [name for name, _ in matched(scanned) if name == "flood.parquet"]


def test_one_shingle_ten_million_times_accuses_nobody_and_is_counted(scanned):
    assert counted(scanned, "refrain")["words"] == 10_000_004
    assert counted(scanned, "refrain")["common_fingerprints"] > 9_000_000
    assert not [name for name, _ in matched(scanned) if name == "refrain.parquet"]


def test_a_passage_beside_boilerplate_is_found_after_twenty_thousand_rows_of_it(scanned):
    assert counted(scanned, "boilerplate")["documents"] == 20_001
    assert counted(scanned, "boilerplate")["common_fingerprints"] > 20_000
    assert [row for name, row in matched(scanned) if name == "boilerplate.parquet"] == [20_000]
    assert ("good.parquet", 0) in matched(scanned)
