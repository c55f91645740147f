"""Builds an index directory from books, beside its final name, and renames it there when it is whole."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from provenance._version import __version__
from provenance.errors import BookError, OutputError, UsageError
from provenance.files import sync_directory, text_digest
from provenance.index import format as names
from provenance.index.texts import TextWriter
from provenance.index.works import IDENTITY_SCALE, EditionIdentity, group_editions
from provenance.kernels.fingerprints import fingerprints_of
from provenance.kernels.probe import make_buckets, make_filter
from provenance.kernels.words import words_of
from provenance.readers import Book, SourceOutcome
from provenance.sketch import FracMinHash, Key, Sketch, to_json
from provenance.text import fold_table

MOST_POSITIONS = 16
"""A fingerprint is kept at this many places of one edition: a refrain must not fill the table."""


@dataclass(frozen=True)
class BuildReport:
    """What was built: counts, and the works that have more than one edition."""

    folder: Path
    editions: int
    works: int
    words: int
    postings: int
    index_bytes: int
    dropped_repeats: int  # postings left out by MOST_POSITIONS
    empty_editions: list[str]
    invalid_utf8: dict[str, int]  # edition id -> invalid byte sequences
    grouped: dict[str, list[dict[str, str]]]  # work id -> its editions (id, title, grouped_by), where it has several
    sources: list[SourceOutcome]

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {**asdict(self), "folder": str(self.folder)}


class _Postings:
    """Fingerprints and global word positions, gathered edition by edition."""

    def __init__(self) -> None:
        self.fingerprints: list[npt.NDArray[np.uint64]] = []
        self.places: list[npt.NDArray[np.uint64]] = []
        self.dropped = 0

    def add(self, fingerprints: npt.NDArray[np.uint64], positions: npt.NDArray[np.uint32], first_word: int) -> int:
        """Add one edition's sketch, at most MOST_POSITIONS places a fingerprint; returns how many postings it got."""
        order = np.argsort(fingerprints, kind="stable")
        ordered = fingerprints[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if ordered.size else order
        runs = np.diff(np.append(starts, ordered.size))
        rank = np.arange(ordered.size) - np.repeat(starts, runs)
        kept = rank < MOST_POSITIONS
        self.dropped += int(kept.size - kept.sum())
        self.fingerprints.append(ordered[kept])
        self.places.append(positions[order][kept].astype(np.uint64) + np.uint64(first_word))
        return int(kept.sum())

    def sorted(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """All postings by fingerprint, then place."""
        if not self.fingerprints:
            return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.uint64)
        fingerprints, places = np.concatenate(self.fingerprints), np.concatenate(self.places)
        order = np.lexsort((places, fingerprints))
        return fingerprints[order], places[order]


def build_index(
    books: Iterable[Book],
    out: Path,
    sketch: Sketch | None = None,
    key: Key | None = None,
    keep_texts: bool = True,
    overwrite: bool = False,
    sources: list[SourceOutcome] | None = None,
    on_book: Callable[[Book], None] = lambda book: None,
) -> BuildReport:
    """Build an index of `books` at `out`.

    `sources` is the list that the reader of the books fills, for the report. Raises UsageError when `out` is taken
    or there is no book, BookError for two books of one id, OutputError when the disk refuses.
    """
    _check_free(out, overwrite)
    temporary = out.parent / f".{out.name}.building"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        noted = [] if sources is None else sources
        report = _build(books, temporary, sketch or FracMinHash(), key or Key(), keep_texts, noted, on_book)
        if out.exists():
            shutil.rmtree(out)
        temporary.replace(out)
        sync_directory(out.parent)
    except OSError as error:
        raise OutputError(f"cannot build the index at {out}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return replace(report, folder=out)


def _check_free(out: Path, overwrite: bool) -> None:
    if not out.exists():
        return
    if not (out / names.MANIFEST).is_file():
        raise UsageError(f"{out} exists and is not an index: choose another --out")
    if not overwrite:
        raise UsageError(f"{out} holds an index already: choose another --out, or pass --overwrite to replace it")


def _build(
    books: Iterable[Book],
    folder: Path,
    sketch: Sketch,
    key: Key,
    keep_texts: bool,
    sources: list[SourceOutcome],
    on_book: Callable[[Book], None],
) -> BuildReport:
    postings, rows, identities = _Postings(), list[dict[str, Any]](), list[EditionIdentity]()
    seen: dict[str, str] = {}
    first_word = 0
    with (folder / names.TEXTS).open("wb") as texts:
        writer = TextWriter(texts)
        for book in books:
            on_book(book)
            if book.edition_id in seen:
                raise BookError(
                    f"two books have the id {book.edition_id}: {seen[book.edition_id]} and {book.source}; "
                    "edition ids must differ"
                )
            seen[book.edition_id] = book.source
            data = np.frombuffer(book.text, dtype=np.uint8)
            words = words_of(data, key.keys)
            kept = sketch.sketch(data, np.array([0, data.size], dtype=np.int64), key.keys)
            count = postings.add(kept.fingerprints, kept.positions, first_word)
            if keep_texts:
                writer.add(len(rows), first_word, book.text, words.begins)
            identities.append(_identity(book, words.hashes, key))
            rows.append(_edition_row(book, words.hashes.size, words.invalid, count, first_word))
            first_word += words.hashes.size
        block_table = writer.table()
    if not rows:
        raise UsageError("there is no book in the sources: nothing was indexed")
    for row, work in zip(rows, group_editions(identities), strict=True):
        row.update(work_id=work.work_id, grouped_by=work.grouped_by)
    counts = _write(folder, rows, postings, block_table, sketch, key, keep_texts)
    works = editions_of_works(rows)
    return BuildReport(
        folder=folder,
        editions=len(rows),
        works=len(works),
        words=first_word,
        postings=counts,
        index_bytes=sum(path.stat().st_size for path in folder.iterdir()),
        dropped_repeats=postings.dropped,
        empty_editions=[row["edition_id"] for row in rows if row["words"] == 0],
        invalid_utf8={row["edition_id"]: row["invalid_utf8"] for row in rows if row["invalid_utf8"]},
        grouped={work: editions for work, editions in works.items() if len(editions) > 1},
        sources=sources,
    )


def editions_of_works(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, str]]]:
    """Works in order of their ids, each with its editions: id, title and why they are grouped."""
    works: dict[str, list[dict[str, str]]] = {}
    for row in sorted(rows, key=lambda row: (str(row["work_id"]), str(row["edition_id"]))):
        shown = {name: row[name] for name in ("edition_id", "title", "grouped_by")}
        works.setdefault(row["work_id"], []).append(shown)
    return works


def _identity(book: Book, hashes: npt.NDArray[np.uint64], key: Key) -> EditionIdentity:
    every = fingerprints_of(hashes, 5, key.keys)
    sketch = np.unique(every[every <= np.uint64(FracMinHash(scale=IDENTITY_SCALE).max_kept)])
    return EditionIdentity(book.edition_id, book.title, book.author, book.work_id, sketch)


def _edition_row(book: Book, words: int, invalid: int, postings: int, first_word: int) -> dict[str, Any]:
    return {
        "edition_id": book.edition_id,
        "title": book.title,
        "author": book.author,
        "source": book.source,
        "source_sha256": book.source_sha256,
        "text_sha256": hashlib.sha256(book.text).hexdigest(),
        "text_xxh3": text_digest(book.text),
        "text_bytes": len(book.text),
        "words": words,
        "first_word": first_word,
        "fingerprints": postings,
        "invalid_utf8": invalid,
    }


def _write(
    folder: Path,
    rows: list[dict[str, Any]],
    postings: _Postings,
    blocks: npt.NDArray[np.uint64],
    sketch: Sketch,
    key: Key,
    keep_texts: bool,
) -> int:
    fingerprints, places = postings.sorted()
    buckets, shift = make_buckets(fingerprints, sketch.max_kept)
    words = rows[-1]["first_word"] + rows[-1]["words"]
    posting_dtype = "<u4" if words < 1 << 32 else "<u8"
    distinct = np.unique(fingerprints)
    pq.write_table(pa.Table.from_pylist(rows, schema=names.EDITION_SCHEMA), folder / names.EDITIONS, compression="zstd")
    fingerprints.astype("<u8").tofile(folder / names.FINGERPRINTS)
    places.astype(posting_dtype).tofile(folder / names.POSTINGS)
    buckets.astype("<u8").tofile(folder / names.BUCKETS)
    make_filter(distinct).astype("<u8").tofile(folder / names.FILTER)
    files = [names.EDITIONS, names.FINGERPRINTS, names.POSTINGS, names.BUCKETS, names.FILTER]
    if keep_texts:
        blocks.astype("<u8").tofile(folder / names.BLOCKS)
        files += [names.TEXTS, names.BLOCKS]
    else:
        (folder / names.TEXTS).unlink()
    record = {
        "created_by": f"provenance {__version__}",
        "unicode": fold_table().unicode_version,
        "sketch": to_json(sketch),
        "key_id": key.key_id,
        "texts": keep_texts,
        "posting_dtype": posting_dtype,
        "bucket_shift": shift,
        "most_positions": MOST_POSITIONS,
        "counts": {
            "editions": len(rows),
            "works": len({row["work_id"] for row in rows}),
            "words": words,
            "postings": int(fingerprints.size),
            "distinct_fingerprints": int(distinct.size),
            "dropped_repeats": postings.dropped,
        },
    }
    names.write_manifest(folder, record, files)
    return int(fingerprints.size)
