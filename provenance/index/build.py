"""Builds an index directory from books, beside its final name, and renames it there when it is whole."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from provenance._version import __version__
from provenance.errors import BookError, OutputError, UsageError
from provenance.files import sync_directory
from provenance.index import format as names
from provenance.index.postings import Gatherer, Source, U64s
from provenance.index.prepare import MOST_POSITIONS, Options, prepare_all
from provenance.index.sealing import sealing
from provenance.index.tables import WIDE_WORDS, write_tables
from provenance.index.texts import TextWriter
from provenance.index.works import EditionIdentity, group_editions
from provenance.readers.books import Book, SourceOutcome
from provenance.sketch import FracMinHash, Key, Sketch, to_json
from provenance.text.tables import fold_table

MEMORY = 1 << 30  # bytes for postings while they are gathered and sorted
LEAST_MEMORY = 1 << 24
SHORT_WORDS = 100  # a book of fewer words is likely a cover, or was not read as it should be


@dataclass(frozen=True)
class BuildReport:
    """What was built: counts, and the works that have more than one edition."""

    folder: Path
    editions: int
    works: int  # decoys included
    decoys: int  # editions that cannot be in any data
    words: int
    postings: int
    index_bytes: int
    table_bytes: int  # of it what lookup needs: fingerprints, postings, buckets and filter
    dropped_repeats: int  # postings left out by MOST_POSITIONS
    empty_editions: list[str]
    short_editions: dict[str, int]  # edition id -> words, where there are some, but fewer than SHORT_WORDS
    cut_editions: dict[str, list[int]]  # edition id -> bytes of Project Gutenberg's cut off its front and back
    notes: dict[str, list[str]]  # edition id -> what was odd about reading it
    formats: dict[str, int]  # format -> editions
    invalid_utf8: dict[str, int]  # edition id -> invalid byte sequences
    grouped: dict[str, list[dict[str, str]]]  # work id -> its editions (id, title, grouped_by), where it has several
    sources: list[SourceOutcome]

    @property
    def outcomes(self) -> dict[str, int]:
        """How many files were read, skipped and failed."""
        ended = [source.outcome for source in self.sources]
        return {outcome: ended.count(outcome) for outcome in names.OUTCOMES}

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {**asdict(self), "folder": str(self.folder), "outcomes": self.outcomes}


def build_index(
    books: Iterable[Book],
    out: Path,
    sketch: Sketch | None = None,
    key: Key | None = None,
    keep_texts: bool = True,
    overwrite: bool = False,
    sources: list[SourceOutcome] | None = None,
    on_book: Callable[[Book], None] = lambda book: None,
    memory: int = MEMORY,
    workers: int = 2,
    wide_words: int = WIDE_WORDS,
    pseudonyms: bool = False,
    private_record: Path | None = None,
) -> BuildReport:
    """Build an index of `books` at `out`; what is written depends on neither `memory` nor `workers`.

    `sources` is the list that the reader of the books fills, for the report. With a secret key and without texts the
    index is sealed (see `sealing`): `pseudonyms` replace names, and `private_record` is written for its owner. Raises
    UsageError when `out` is taken or there is no book, BookError for two books of one id, OutputError when the disk
    refuses.
    """
    if memory < LEAST_MEMORY:
        raise UsageError(f"--memory is {memory} bytes; at least {LEAST_MEMORY >> 20} MB are needed")
    threading.Thread(target=import_module, args=["datasketch"], daemon=True).start()  # slow, and needed in the end only
    key = key or Key()
    options = Options(
        sketch or FracMinHash(), key, keep_texts, sealing(key, keep_texts, pseudonyms, private_record, out, overwrite)
    )
    with new_index(out, overwrite) as folder, ThreadPoolExecutor(workers) as threads:
        outcomes = [] if sources is None else sources
        report = _build(books, folder, options, outcomes, on_book, memory, workers, threads, wide_words)
    return replace(report, folder=out)


@contextlib.contextmanager
def new_index(out: Path, overwrite: bool) -> Iterator[Path]:
    """An empty directory that takes the name `out` in the end, or vanishes; raises UsageError where that is taken."""
    _check_free(out, overwrite)
    temporary = out.parent / f".{out.name}.building"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        old = out.parent / f".{out.name}.replaced"
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            out.replace(old)  # two renames: at any moment the old index or the new one is there whole
        temporary.replace(out)
        sync_directory(out.parent)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"cannot build the index at {out}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
    options: Options,
    sources: list[SourceOutcome],
    on_book: Callable[[Book], None],
    memory: int,
    workers: int,
    threads: ThreadPoolExecutor,
    wide_words: int,
) -> BuildReport:
    spilled = folder / "spilled"
    spilled.mkdir()
    gatherer, rows, identities = Gatherer(spilled, memory, threads), list[dict[str, Any]](), list[U64s]()
    given: list[str] = []
    first_word = dropped = 0
    with contextlib.ExitStack() as files:
        texts, words, spans = (
            files.enter_context((folder / name).open("wb")) for name in (names.TEXTS, names.WORDS, names.SPANS)
        )
        writer = TextWriter(texts)
        for edition in prepare_all(_distinct(books, on_book), options, workers, threads):
            gatherer.add(edition.values, edition.positions.astype(np.uint64) + np.uint64(first_word))
            if edition.text is not None:
                writer.add(len(rows), first_word, edition.text.frames)
                words.write(np.ascontiguousarray(edition.text.words, dtype="<u4").data)
                spans.write(edition.text.spans.data)
            rows.append({**edition.row, "first_word": first_word})
            identities.append(edition.identity)
            given.append(edition.given_work)
            dropped += edition.dropped
            first_word += edition.row["words"]
        block_table = writer.table()
    if not rows:
        raise UsageError("there is no book in the sources: nothing was indexed")
    if options.keep_texts:
        block_table.astype("<u8").tofile(folder / names.BLOCKS)
    else:
        for name in (names.TEXTS, names.WORDS, names.SPANS):
            (folder / name).unlink()
    postings = gatherer.sources()
    return finish(folder, rows, identities, given, postings, options, dropped, memory, threads, sources, wide_words)


def _distinct(books: Iterable[Book], on_book: Callable[[Book], None]) -> Iterator[Book]:
    seen: dict[str, str] = {}
    for book in books:
        on_book(book)
        if book.edition_id in seen:
            raise two_of_one_id(book.edition_id, seen[book.edition_id], book.source)
        seen[book.edition_id] = book.source
        yield book


def two_of_one_id(edition_id: str, one: str, other: str) -> BookError:
    """The error for two editions that cannot be told apart."""
    return BookError(f"two books have the id {edition_id}: {one} and {other}; edition ids must differ")


def finish(
    folder: Path,
    rows: list[dict[str, Any]],
    identities: list[U64s],
    given: list[str],
    tables: list[Source],
    options: Options,
    dropped: int,
    memory: int,
    threads: ThreadPoolExecutor,
    sources: Sequence[SourceOutcome],
    wide_words: int = WIDE_WORDS,
) -> BuildReport:
    """Group editions into works, write what is not written yet, and the manifest, which makes the index whole."""
    known = [
        EditionIdentity(row["edition_id"], row["title"], row["author"], work, identity)
        for row, work, identity in zip(rows, given, identities, strict=True)
    ]
    for row, work in zip(rows, group_editions(known), strict=True):
        row.update(work_id=work.work_id, grouped_by=work.grouped_by)
    _refuse_known_decoys(rows)
    words = rows[-1]["first_word"] + rows[-1]["words"]
    np.concatenate(identities).astype("<u8").tofile(folder / names.IDENTITIES)
    seal = options.sealing
    shown = rows if seal is None else [seal.sealed(row) for row in rows]
    table = pa.Table.from_pylist(shown, schema=names.EDITION_SCHEMA)
    pq.write_table(table, folder / names.EDITIONS, compression="zstd")
    written = write_tables(folder, tables, words, options.most_hidden, memory, threads, wide_words)
    shutil.rmtree(folder / "spilled", ignore_errors=True)
    works = editions_of_works(rows)
    counts = {
        "editions": len(rows),
        "works": len(works),
        "words": words,
        "postings": written.pop("postings"),
        "distinct_fingerprints": written.pop("distinct_fingerprints"),
        "dropped_repeats": dropped,
    }
    record = {
        "created_by": f"provenance {__version__}",
        "unicode": fold_table().unicode_version,
        "sketch": to_json(options.sketch),
        "key_id": options.key.key_id,
        "names": "pseudonyms" if seal is not None and seal.pseudonyms else "given",
        "texts": options.keep_texts,
        "most_positions": MOST_POSITIONS,
        "counts": counts,
        **written,
        "sources": by_outcome(sources if seal is None else ()),  # names of files are names of books
    }
    digest = names.write_manifest(folder, record, names.file_names(options.keep_texts, written["wide_postings"]))
    if seal is not None:
        seal.keep_record(rows, digest)
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    return BuildReport(
        folder=folder,
        editions=len(rows),
        works=len(works),
        decoys=sum(row["decoy"] for row in rows),
        words=words,
        postings=counts["postings"],
        index_bytes=sum(sizes.values()),
        table_bytes=sum(sizes.get(name, 0) for name in names.TABLES),
        dropped_repeats=dropped,
        empty_editions=[row["edition_id"] for row in rows if row["words"] == 0],
        invalid_utf8={row["edition_id"]: row["invalid_utf8"] for row in rows if row["invalid_utf8"]},
        grouped={work: editions for work, editions in works.items() if len(editions) > 1},
        short_editions={row["edition_id"]: row["words"] for row in rows if 0 < row["words"] < SHORT_WORDS},
        cut_editions={
            row["edition_id"]: [row["cut_front"], row["cut_back"]] for row in rows if row["cut_front"] + row["cut_back"]
        },
        notes={row["edition_id"]: row["notes"] for row in rows if row["notes"]},
        formats=dict(sorted(Counter(row["format"] for row in rows).items())),
        sources=list(sources),
    )


def by_outcome(sources: Iterable[SourceOutcome]) -> dict[str, dict[str, int | str]]:
    """The outcomes as the manifest has them: what was read with its number of books, the others with why not."""
    record: dict[str, dict[str, int | str]] = {outcome: {} for outcome in names.OUTCOMES}
    for source in sources:
        record[source.outcome][source.path] = source.books if source.outcome == "read" else source.reason
    return record


def from_record(record: dict[str, dict[str, int | str]]) -> list[SourceOutcome]:
    """What `by_outcome` made of them."""
    return [
        SourceOutcome(path, outcome, "" if outcome == "read" else str(told), int(told) if outcome == "read" else 0)
        for outcome, paths in record.items()
        for path, told in paths.items()
    ]


def _refuse_known_decoys(rows: list[dict[str, Any]]) -> None:
    known = {row["work_id"]: row for row in rows if not row["decoy"]}
    for row in rows:
        if row["decoy"] and (book := known.get(row["work_id"])):
            raise BookError(
                f"decoy {row['edition_id']} is an edition of the same work as {book['edition_id']} (by "
                f"{max(row['grouped_by'], book['grouped_by'])}): it may be in the data, so it is no decoy; leave it out"
            )


def editions_of_works(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, str]]]:
    """Works in order of their ids, each with its editions: id, title and why they are grouped."""
    works: dict[str, list[dict[str, str]]] = {}
    for row in sorted(rows, key=lambda row: (str(row["work_id"]), str(row["edition_id"]))):
        shown = {name: row[name] for name in ("edition_id", "title", "grouped_by")}
        works.setdefault(row["work_id"], []).append(shown)
    return works
