"""A copy in disguise is found: by one scan of a row for each disguise, against a clean book.

Measured elsewhere (`benchmarks.quality`) is how often, by length and share of words; here is that it is at all.
"""

from __future__ import annotations

import random
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.index.build import write_index
from provenance.readers.books import Book
from provenance.store.database import RunReader
from tests.threats.running import scan

LOOK_ALIKES = str.maketrans("aceopxyijs", "асеорхуіјѕ")  # Latin to Cyrillic
FULL_WIDTH = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
LEET = str.maketrans("aeiost", "431057")
SYLLABLES = "ba ce di fi flo gu la mi ne po ra se ti vu wa xe yo".split()
INVISIBLE = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"] + ["\u034f"]


def syllables(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(count)]


def every(step: int, change: Callable[[str], str]) -> Callable[[list[str]], str]:
    """Change one word in so many."""
    return lambda words: " ".join(change(word) if n % step == step - 1 else word for n, word in enumerate(words))


def inside(mark: str) -> Callable[[str], str]:
    return lambda word: word[: len(word) // 2] + mark + word[len(word) // 2 :]


def invisibles(words: list[str]) -> str:
    """In every word another of all the characters that are not seen."""
    return " ".join(inside(INVISIBLE[n % len(INVISIBLE)])(word) for n, word in enumerate(words))


DISGUISES: dict[str, Callable[[list[str]], str]] = {
    "case and punctuation": lambda words: "! ".join(word.upper() for word in words),
    "spaces and tabs": lambda words: "\t \u00a0\n ".join(words),
    "zero-width spaces": every(5, inside("\u200b")),
    "soft hyphens": every(5, inside("\u00ad")),
    "all invisible characters": invisibles,
    "look-alike letters": every(5, lambda word: word.translate(LOOK_ALIKES)),
    "look-alike letters everywhere": every(1, lambda word: word.translate(LOOK_ALIKES)),
    "full width": every(1, lambda word: word.translate(FULL_WIDTH)),
    "ligatures": every(1, lambda word: word.replace("fi", "ﬁ").replace("fl", "ﬂ")),
    "hyphens at ends of lines": every(12, inside("-\n")),
    "leet": every(5, lambda word: word.translate(LEET)),
    "marks": every(1, lambda word: word[0] + "\u0301\u0336" + word[1:]),
    "errors of OCR": every(20, lambda word: word.replace("m", "rn").replace("l", "1").replace("e", "c")),
    "one word in 20 replaced": every(20, lambda word: "another"),
    "one word in 10 replaced": every(10, lambda word: "another"),
    "one word in 15 dropped": lambda words: " ".join(word for n, word in enumerate(words) if n % 15),
}
EDITED = ("leet", "errors of OCR", "one word in 20 replaced", "one word in 10 replaced", "one word in 15 dropped")
"""Disguises that change words also for the text rules; the others change none."""


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, int]:
    """Matched words by disguise, of a passage of 213 words."""
    folder = tmp_path_factory.mktemp("evasion")
    book = syllables(1, 3000)
    write_index([Book("book", "", "", "", " ".join(book).encode(), "", "")], folder / "index")
    rows = [
        " ".join(syllables(n + 2, 50)) + "\n" + disguise(book[1000:1213])
        for n, disguise in enumerate(DISGUISES.values())
    ]
    clean = [" ".join(syllables(99, 300)), "another " * 300]
    pq.write_table(pa.table({"id": [*DISGUISES, "clean", "another"], "text": [*rows, *clean]}), folder / "s.parquet")
    scan(folder / "s.parquet", index=folder / "index", db=folder / "r.duckdb")
    with RunReader(Path(folder / "r.duckdb")) as reader:
        rows = reader.query("SELECT doc_id, sum(matched_words) AS words FROM match GROUP BY doc_id")
    return {row["doc_id"]: int(row["words"]) for row in rows}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_disguised_copy_is_found(disguise, found):
    assert found.get(disguise, 0) >= (150 if disguise in EDITED else 213)


def test_other_text_is_not_found(found):
    assert set(found) <= set(DISGUISES)


def test_digits_in_numbers_stay_digits(tmp_path):
    """What undoes leet would otherwise make one number of many."""
    book = [f"{number} of 1{number}4 were {number * 7}" for number in range(1000, 1200)]
    write_index([Book("book", "", "", "", " ".join(book).encode(), "", "")], tmp_path / "index")
    other = [text.translate(str.maketrans("0123456789", "1234567890")) for text in book]
    pq.write_table(pa.table({"text": [" ".join(book), " ".join(other)]}), tmp_path / "s.parquet")
    scan(tmp_path / "s.parquet", index=tmp_path / "index", db=tmp_path / "r.duckdb")
    with RunReader(tmp_path / "r.duckdb") as reader:
        assert [row["row"] for row in reader.query('SELECT "row" FROM v_documents')] == [0]
