"""Indexes larger than memory, of several builds, looked up at a coarser scale: always what one plain build gives."""

from __future__ import annotations

import random
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import provenance
from provenance.errors import BookError, UsageError
from provenance.index.build import LEAST_MEMORY, write_index
from provenance.index.building import add_to_index
from provenance.index.merge import merge_indexes
from provenance.index.opening import Index
from provenance.index.postings import Gatherer, SortedRun, merged
from provenance.readers.books import Book
from provenance.sketch import BandedMinHash, FracMinHash, Key, Sketch

LINE = "now the cat sat on the mat and looked at me "


def book(name: str, seed: int, words: int, work: str = "") -> Book:
    rng = random.Random(seed)
    text = " ".join(f"{rng.choice('bdfglm')}{rng.choice('aeiou')}{rng.randrange(300)}" for _ in range(words))
    return Book(name, f"title {seed % 5}", f"author {seed % 3}", work, text.encode(), f"{name}.txt", "0" * 64)


BOOKS = [book(f"b{n}", n, 500 + 137 * n, "given" if n % 4 == 0 else "") for n in range(12)]
BOOKS += [Book("empty", "", "", "", b"", "empty.txt", ""), Book("line", "t", "a", "", LINE.encode() * 3000, "line", "")]


def same_files(one: Path, other: Path) -> None:
    assert {path.name for path in one.iterdir()} == {path.name for path in other.iterdir()}
    for path in one.iterdir():
        assert path.read_bytes() == (other / path.name).read_bytes(), path.name


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "index"
    write_index(BOOKS, out)
    return out


def test_what_is_written_depends_neither_on_memory_nor_on_threads(whole, tmp_path, monkeypatch):
    write_index(BOOKS, tmp_path / "threads", workers=5)
    same_files(whole, tmp_path / "threads")
    spills = []
    monkeypatch.setattr("provenance.index.build.LEAST_MEMORY", 1)
    monkeypatch.setattr(Gatherer, "_spill", lambda self, spill=Gatherer._spill: spills.append(1) or spill(self))
    write_index(BOOKS, tmp_path / "spilled", memory=25_000, workers=1)
    assert len(spills) >= 3
    same_files(whole, tmp_path / "spilled")
    monkeypatch.setattr("provenance.index.postings.CHUNK", 300)
    monkeypatch.setattr("provenance.index.postings.PIECE", 500)
    write_index(BOOKS, tmp_path / "small pieces", memory=50_000, workers=3)
    same_files(whole, tmp_path / "small pieces")


def test_too_little_memory_is_refused(tmp_path):
    with pytest.raises(UsageError, match="16 MB"):
        write_index(BOOKS, tmp_path / "index", memory=LEAST_MEMORY - 1)


def test_merged_runs_equal_one_sort_of_all():
    rng = np.random.default_rng(1)
    values = rng.integers(0, 1 << 48, 3000, dtype=np.uint64)
    values[::5] = values[0]
    places = np.arange(3000, dtype=np.uint64)
    runs = []
    for first in range(0, 3000, 1000):
        order = np.argsort(values[first : first + 1000], kind="stable") + first
        runs.append(SortedRun(values[order], places[order]))
    cuts = [0, 1 << 40, 1 << 46, 1 << 48]
    parts = [merged(runs, low, high) for low, high in pairwise(cuts)]
    order = np.argsort(values, kind="stable")
    assert np.array_equal(np.concatenate([found for found, _ in parts]), values[order])
    assert np.array_equal(np.concatenate([moved for _, moved in parts]), places[order])


@pytest.mark.parametrize("sketch", [FracMinHash(), FracMinHash(scale=3), BandedMinHash(num_perm=32)])
@pytest.mark.parametrize("keep_texts", [True, False])
def test_a_merge_is_the_build_of_all_books(tmp_path, sketch: Sketch, keep_texts):
    key = Key.from_secret(bytes(range(32)))
    for name, books in (("a", BOOKS[:5]), ("b", BOOKS[5:]), ("all", BOOKS)):
        write_index(books, tmp_path / name, sketch=sketch, key=key, keep_texts=keep_texts)
    merge_indexes(Index(tmp_path / "a", key), Index(tmp_path / "b", key), tmp_path / "merged")
    same_files(tmp_path / "all", tmp_path / "merged")


def test_a_merge_regroups_works_across_both(tmp_path):
    again = Book("copy", "other title", "nobody", "", BOOKS[7].text, "copy.txt", "")
    write_index(BOOKS[:9], tmp_path / "a")
    write_index([again], tmp_path / "b")
    report = merge_indexes(Index(tmp_path / "a"), Index(tmp_path / "b"), tmp_path / "both")
    assert {"b7", "copy"} <= {edition["edition_id"] for editions in report.grouped.values() for edition in editions}


def test_postings_of_five_bytes_find_the_same(whole, tmp_path):
    write_index(BOOKS, tmp_path / "wide", wide_words=10)
    assert (tmp_path / "wide" / "postings_high.u8").is_file()
    plain, wide = Index(whole), Index(tmp_path / "wide")
    wide.verify()
    text = np.frombuffer(BOOKS[3].text, dtype=np.uint8)
    sketched = plain.sketch.sketch(text, np.array([0, text.size]), plain.key.keys)
    for one, other in zip(*(index.hits(index.find(sketched.fingerprints)) for index in (plain, wide)), strict=True):
        assert one.size
        assert np.array_equal(one, other)


def test_adding_books_is_building_with_them(whole, tmp_path):
    (tmp_path / "books").mkdir()
    for number in range(6):
        (tmp_path / "books" / f"{number}.txt").write_bytes(BOOKS[number].text)
    paths = sorted((tmp_path / "books").iterdir())
    provenance.build_index(paths, tmp_path / "all")
    provenance.build_index(paths[:4], tmp_path / "grown")
    shutil.copytree(tmp_path / "grown", tmp_path / "kept")
    add_to_index(tmp_path / "kept", paths[4:], tmp_path / "beside")
    same_files(tmp_path / "all", tmp_path / "beside")
    same_files(tmp_path / "grown", tmp_path / "kept")
    add_to_index(tmp_path / "grown", paths[4:])
    same_files(tmp_path / "all", tmp_path / "grown")
    with pytest.raises(UsageError, match=r"0.txt: same bytes as .*0\.txt"):
        add_to_index(tmp_path / "grown", paths[:1])
    (tmp_path / "0.txt").write_text("other words under the name of a book that is there")
    with pytest.raises(BookError, match="two books have the id 0"):
        add_to_index(tmp_path / "grown", [tmp_path / "0.txt"])
    same_files(tmp_path / "all", tmp_path / "grown")
    assert {path.name for path in tmp_path.iterdir()} == {"books", "all", "grown", "kept", "beside", "0.txt"}


def test_indexes_of_different_parameters_are_not_merged(whole, tmp_path):
    write_index(BOOKS[:2], tmp_path / "other", sketch=FracMinHash(scale=8))
    with pytest.raises(UsageError, match="cannot be merged: sketch"):
        merge_indexes(Index(whole), Index(tmp_path / "other"), tmp_path / "out")
    write_index(BOOKS[:2], tmp_path / "bare", keep_texts=False)
    with pytest.raises(UsageError, match="cannot be merged: texts"):
        merge_indexes(Index(whole), Index(tmp_path / "bare"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("scale", [4, 5, 16, 100])
def test_a_coarser_scale_finds_what_an_index_of_that_scale_finds(whole, tmp_path, scale):
    write_index(BOOKS, tmp_path / "coarse", sketch=FracMinHash(scale=scale))
    prefix, built = Index(whole, scale=scale), Index(tmp_path / "coarse")
    text = np.frombuffer(BOOKS[3].text + BOOKS[6].text, dtype=np.uint8)
    found = []
    for index in (prefix, built):
        sketched = index.sketch.sketch(text, np.array([0, text.size]), index.key.keys)
        hits = index.hits(index.find(sketched.fingerprints))
        found.append([column.tolist() for column in (sketched.positions[hits.queries], hits.editions, hits.positions)])
    assert found[0] == found[1]
    assert found[0][0]


def test_a_finer_scale_and_a_scale_for_bands_are_refused(whole, tmp_path):
    with pytest.raises(UsageError, match="finer than the 4"):
        Index(whole, scale=2)
    write_index(BOOKS[:2], tmp_path / "bands", sketch=BandedMinHash(num_perm=32))
    with pytest.raises(UsageError, match="FracMinHash"):
        Index(tmp_path / "bands", scale=8)


def test_a_book_of_one_repeated_line_gets_few_postings(whole):
    opened = Index(whole)
    line = opened.edition_ids.index("line")
    assert opened.editions["fingerprints"].to_pylist()[line] <= 16 * 10
    assert opened.edition_words[line] == 11 * 3000
