"""The format page is enough: sixty lines of plain Python that import nothing of ours read what our reader reads."""

from __future__ import annotations

import ast
import random
import sys
from pathlib import Path

import numpy as np
import pytest

import provenance
from provenance.index.building import build_index
from provenance.sketch import FracMinHash, Key
from tests.index import second_reader, second_reader_keys

SECRET = bytes(range(32))
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def plain_text(seed: int, words: int) -> str:
    """Simple ASCII words, some of more than 16 bytes, with stretches that several texts have."""
    rng = random.Random(seed)
    common = random.Random(0)
    shared = ["".join(common.choices(LETTERS, k=common.randint(1, 40))) for _ in range(100)]
    own = ["".join(rng.choices(LETTERS, k=rng.randint(1, 24))) for _ in range(words)]
    return " ".join([*own[: words // 2], *shared, *own[words // 2 :], *["again"] * 50]).capitalize() + "."


def ours(index: provenance.Index, text: str) -> dict[int, list[tuple[str, int]]]:
    """What our reader finds of each shingle of a text that is kept."""
    data = np.frombuffer(text.encode(), np.uint8)
    sketches = index.sketch.sketch(data, np.array([0, data.size], np.int64), index.key.keys)
    found: dict[int, list[tuple[str, int]]] = {int(at): [] for at in sketches.positions}
    hits = index.hits(index.find(sketches.fingerprints))
    for query, edition, position in zip(*hits, strict=True):
        found[int(sketches.positions[query])].append((index.edition_ids[edition], int(position)))
    return found


def look_up(folder: Path, page: str, secret: bytes | None) -> dict[int, list[tuple[str, int]]]:
    if secret is None:
        return second_reader.look_up(folder, page, second_reader.public_keys())
    keys, hidden = second_reader_keys.keys_of(secret)
    return second_reader.look_up(folder, page, keys, lambda h: second_reader_keys.siphash(h, hidden))


@pytest.mark.parametrize(
    ("scale", "secret", "texts"),
    [(1, None, True), (1, SECRET, False), (3, SECRET, True)],
    ids=["unkeyed", "keyed, without texts", "keyed, of a coarser scale"],
)
def test_a_second_reader_finds_what_ours_finds(scale, secret, texts, tmp_path):
    (tmp_path / "books").mkdir()
    books = {f"book{n}": plain_text(n + 1, 400) for n in range(3)}
    for name, text in books.items():
        (tmp_path / "books" / f"{name}.txt").write_text(text)
    key = Key() if secret is None else Key.from_secret(secret)
    built = build_index(
        [tmp_path / "books"], tmp_path / "index", sketch=FracMinHash(5, scale), key=key, keep_texts=texts
    )
    index = provenance.Index(built.folder, key)
    page = books["book1"] + " " + plain_text(99, 300)
    found = look_up(tmp_path / "index", page, secret)
    assert found == ours(index, page)
    assert sum(map(bool, found.values())) > 400 // scale * 0.7
    assert any(not places for places in found.values())
    assert {name for places in found.values() for name, _ in places} == set(books)
    if scale == 1:
        assert found[0] == [("book1", 0)]


@pytest.mark.parametrize(("reader", "needs"), [(second_reader, {"pyarrow.parquet"}), (second_reader_keys, set())])
def test_it_is_short_and_imports_nothing_of_ours(reader, needs):
    source = Path(reader.__file__).read_text()
    assert len(source.splitlines()) <= 60
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names} == needs
