"""A scan of something small whose answer is known: a passage of a book, in one row of a shard among others."""

import random
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from time import monotonic
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.doctor.checks import FAILED, OK, Diagnoses, Diagnosis
from provenance.index.building import build_index
from provenance.kernels.compiling import on_first_compile
from provenance.runs.engine import Watch
from provenance.runs.scan import scan
from provenance.store.database import RunReader

SEED = 1455
BOOK_WORDS, PASSAGE_WORDS, ROW_WORDS = 4000, 120, 150
ROWS, ROW_GROUP = 60, 25
PLANTED_ROW = 37  # neither in the first row group nor at the edge of one
REMEDY = "do not trust a scan of this machine; please report this with what 'provenance doctor --json' prints"


class Place(NamedTuple):
    """Where a match lies: on the side of the document, and on that of the book."""

    shard: str
    row: int
    doc_begin: int
    doc_end: int
    edition_id: str
    ref_begin: int
    ref_end: int
    matched_words: int


class Case(NamedTuple):
    """Two books, the rows of a shard, and the one match between them."""

    books: dict[str, str]
    rows: list[str]
    expected: Place


def self_test(folder: Path, on_compiling: Callable[[], None]) -> Diagnoses:
    """Build an index, scan a shard, compare; in a directory in `folder` that is gone in the end."""
    begun = monotonic()
    case = make_case()
    with TemporaryDirectory(prefix=".provenance-doctor-", dir=_writable(folder)) as place:
        places, scanned = _scanned(Path(place), case, on_compiling)
    problem = differs(places, case.expected)
    if not problem and scanned != ROWS:
        problem = f"{scanned} of {ROWS} rows were scanned"
    if problem:
        yield Diagnosis("self-test", FAILED, problem, REMEDY)
        return
    planted = f"{PASSAGE_WORDS} words of a book, planted in row {PLANTED_ROW} of {ROWS}"
    took = f"{monotonic() - begun:.1f} s"
    yield Diagnosis("self-test", OK, f"{planted}, were found at the right bytes, and nothing else; {took}")


def make_case() -> Case:
    """The same every time. Words of all texts are of one vocabulary: only their order tells the passage."""
    rng = random.Random(SEED)
    syllables = [first + second for first in "bdfgklmnprst" for second in "aeiou"]
    vocabulary = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(1500)]
    books = {name: rng.choices(vocabulary, k=BOOK_WORDS) for name in ("planted", "absent")}
    rows = [" ".join(rng.choices(vocabulary, k=ROW_WORDS)) for _ in range(ROWS)]
    first = rng.randrange(BOOK_WORDS - PASSAGE_WORDS)
    passage = " ".join(books["planted"][first : first + PASSAGE_WORDS])
    before = "\u201c\u00c9tude\u201d \u2013 \u66f8: "  # here bytes and characters part
    rows[PLANTED_ROW] = f"{before}{passage}. {rows[PLANTED_ROW]}"
    doc, ref, size = len(before.encode()), len(" ".join(books["planted"][:first])) + (first > 0), len(passage)
    expected = Place("shard.parquet", PLANTED_ROW, doc, doc + size, "planted", ref, ref + size, PASSAGE_WORDS)
    return Case({name: " ".join(words) for name, words in books.items()}, rows, expected)


def differs(places: list[Place], expected: Place) -> str:
    """How the matches that were found differ from the one that is there, in a sentence; empty if they do not."""
    if expected not in places:
        near = next((place for place in places if place.row == expected.row), None)
        return f"the planted passage was not found: {expected}" if near is None else f"found {near}, planted {expected}"
    others = [place for place in places if place != expected]
    return f"found what is not there: {others[0]}" if others else ""


def _scanned(place: Path, case: Case, on_compiling: Callable[[], None]) -> tuple[list[Place], int]:
    """Matches of a scan, and the number of rows it read."""
    on_first_compile(on_compiling)
    for name, text in case.books.items():
        (place / f"{name}.txt").write_text(text)
    shard = place / "shard.parquet"
    pq.write_table(pa.table({"text": case.rows}), shard, row_group_size=ROW_GROUP)
    build_index([place / f"{name}.txt" for name in case.books], place / "index")
    db = place / "run.duckdb"
    summary = scan([shard], place / "index", db, workers=1, watch=Watch(on_compiling=on_compiling))
    with RunReader(db) as run:
        places = [Place(*(row[name] for name in Place._fields)) for row in run.query("SELECT * FROM match")]
    places = [place._replace(shard=Path(place.shard).name) for place in places]
    return places, 0 if summary.exceptions else summary.documents_scanned


def _writable(folder: Path) -> Path:
    """The directory, or where that cannot be written to, which is told elsewhere, the system's for temporary files."""
    try:
        with TemporaryDirectory(prefix=".provenance-doctor-", dir=folder):
            return folder
    except OSError:
        return Path(gettempdir())
