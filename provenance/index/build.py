"""Builds an index directory from books, beside its final name, and renames it there when it is whole."""

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from provenance._version import __version__
from provenance.arrays import U64s
from provenance.errors import BookError, UsageError
from provenance.files.writing import check_free, output_errors, rename_folder
from provenance.index import format as names
from provenance.index.postings import WIDE_WORDS, Gatherer, Means, Source, write_tables
from provenance.index.prepare import MOST_POSITIONS, Preparation, Prepared, prepare_all
from provenance.index.report import BuildReport, by_outcome, report_of
from provenance.index.sealing import sealing
from provenance.index.texts import TextWriter
from provenance.index.works import group_editions
from provenance.readers.books import Book, SourceOutcome
from provenance.readers.document import BookColumns
from provenance.readers.limits import Limits
from provenance.sketch import FracMinHash, Key, Sketch
from provenance.text.tables import fold_table

MEMORY = 1 << 30  # bytes for postings while they are gathered and sorted
LEAST_MEMORY = 1 << 24


@dataclass(frozen=True)
class BuildOptions:
    """The options of `build_index`. Memory and workers change how long it takes, and nothing of what is written."""

    metadata: str | Path | None = None  # a CSV or Parquet file with `id`, `file` or `isbn`, and any of FACTS
    columns: BookColumns = field(default_factory=BookColumns)  # of collections
    described: Mapping[str, str] = field(default_factory=dict)  # facts of the only book
    decoys: Sequence[str | Path] = ()  # sources of books that cannot be in any data
    strict: bool = False  # the first file that cannot be read is an error
    limits: Limits = field(default_factory=Limits)
    sketch: Sketch | None = None  # by default the densest FracMinHash that suits the size of the sources
    key: Key = field(default_factory=Key)
    keep_texts: bool = True  # without them and with a secret key the index is sealed
    pseudonyms: bool = False  # instead of names and titles, in a sealed index
    private_record: str | Path | None = None  # where the owner's own record of a sealed index goes
    overwrite: bool = False
    memory: int = MEMORY
    workers: int = 2
    wide_words: int = WIDE_WORDS  # in an index of so many words postings take eight bytes

    def __post_init__(self) -> None:
        if self.memory < LEAST_MEMORY:
            raise UsageError(f"--memory is {self.memory} bytes; at least {LEAST_MEMORY >> 20} MB are needed")


def changed(options: BuildOptions | None, changes: Mapping[str, Any]) -> BuildOptions:
    """Options with some of them named by keyword; None is what is not said. Raises TypeError for what is none."""
    return replace(options or BuildOptions(), **{name: value for name, value in changes.items() if value is not None})


def write_index(
    books: Iterable[Book],
    out: Path,
    options: BuildOptions | None = None,
    *,
    sources: list[SourceOutcome] | None = None,
    on_book: Callable[[Book], None] = lambda book: None,
    **changes: Any,
) -> BuildReport:
    """Write an index of `books` at `out`; `changes` are fields of BuildOptions.

    `sources` is the list that the reader of the books fills, for the report. Raises UsageError when `out` is taken or
    there is no book, BookError for two books of one id, OutputError when the disk refuses.
    """
    options = changed(options, changes)
    threading.Thread(target=import_module, args=["datasketch"], daemon=True).start()  # slow, and needed in the end only
    record = Path(options.private_record) if options.private_record else None
    sealed = sealing(options.key, options.keep_texts, options.pseudonyms, record, out, options.overwrite)
    preparation = Preparation(options.sketch or FracMinHash(), options.key, options.keep_texts, sealed)
    with new_index(out, options.overwrite) as folder, ThreadPoolExecutor(options.workers) as threads:
        means = Means(options.memory, threads, options.workers, options.wide_words)
        editions = _gather(_distinct(books, on_book), folder, preparation, means)
        report = finish(folder, editions, preparation, means, [] if sources is None else sources)
    return replace(report, folder=out)


@contextlib.contextmanager
def new_index(out: Path, overwrite: bool) -> Iterator[Path]:
    """An empty directory that takes the name `out` in the end, or vanishes; raises UsageError where that is taken."""
    check_free(out, "--out", "index", overwrite, (out / names.MANIFEST).is_file)
    temporary = out.parent / f".{out.name}.building"
    try:
        with output_errors(out, "build the index at"):
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            yield temporary
            rename_folder(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@dataclass
class Editions:
    """What an index is made of: in the first lists an item an edition, in their order."""

    rows: list[dict[str, Any]] = field(default_factory=list)  # of EDITION_SCHEMA, without their works
    identities: list[U64s] = field(default_factory=list)  # fingerprints by which editions of a work are told
    given_works: list[str] = field(default_factory=list)  # works that metadata name, or nothing
    words: int = 0
    dropped_repeats: int = 0
    postings: list[Source] = field(default_factory=list)

    def add(self, edition: Prepared) -> None:
        """Put an edition behind the others."""
        self.rows.append({**edition.row, "first_word": self.words})
        self.identities.append(edition.identity)
        self.given_works.append(edition.given_work)
        self.dropped_repeats += edition.dropped
        self.words += edition.row["words"]


def _gather(books: Iterable[Book], folder: Path, preparation: Preparation, means: Means) -> Editions:
    """Prepare all books: their texts are written to `folder`, their postings gathered."""
    spilled = folder / "spilled"
    spilled.mkdir()
    gatherer, editions = Gatherer(spilled, means.memory, means.threads), Editions()
    with contextlib.ExitStack() as files:
        texts, words, spans = (
            files.enter_context((folder / name).open("wb")) for name in (names.TEXTS, names.WORDS, names.SPANS)
        )
        writer = TextWriter(texts)
        for edition in prepare_all(books, preparation, means.workers, means.threads):
            gatherer.add(edition.values, edition.positions.astype(np.uint64) + np.uint64(editions.words))
            if edition.text is not None:
                writer.add(len(editions.rows), editions.words, edition.text.frames)
                words.write(np.ascontiguousarray(edition.text.words, dtype="<u4").data)
                spans.write(edition.text.spans.data)
            editions.add(edition)
        block_table = writer.table()
    if not editions.rows:
        raise UsageError("there is no book in the sources: nothing was indexed")
    if preparation.keep_texts:
        block_table.astype("<u8").tofile(folder / names.BLOCKS)
    else:
        for name in (names.TEXTS, names.WORDS, names.SPANS):
            (folder / name).unlink()
    editions.postings = gatherer.sources()
    return editions


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
    folder: Path, editions: Editions, preparation: Preparation, means: Means, sources: Sequence[SourceOutcome]
) -> BuildReport:
    """Group editions into works, write what is not written yet, and the manifest, which makes the index whole."""
    rows = editions.rows
    works = group_editions(rows, editions.given_works, editions.identities)
    for row, (work_id, grouped_by) in zip(rows, works, strict=True):
        row.update(work_id=work_id, grouped_by=grouped_by)
    _refuse_known_decoys(rows)
    np.concatenate(editions.identities).astype("<u8").tofile(folder / names.IDENTITIES)
    seal = preparation.sealing
    public_rows = rows if seal is None else [seal.sealed(row) for row in rows]
    table = pa.Table.from_pylist(public_rows, schema=names.EDITION_SCHEMA)
    pq.write_table(table, folder / names.EDITIONS, compression="zstd")
    written = write_tables(folder, editions.postings, editions.words, preparation.most_hidden, means)
    shutil.rmtree(folder / "spilled", ignore_errors=True)
    counts = {
        "editions": len(rows),
        "works": len({row["work_id"] for row in rows}),
        "words": editions.words,
        "postings": written.pop("postings"),
        "distinct_fingerprints": written.pop("distinct_fingerprints"),
        "dropped_repeats": editions.dropped_repeats,
    }
    record = {
        "created_by": f"provenance {__version__}",
        "unicode": fold_table().unicode_version,
        "sketch": asdict(preparation.sketch),
        "key_id": preparation.key.key_id,
        "names": "pseudonyms" if seal is not None and seal.pseudonyms else "given",
        "texts": preparation.keep_texts,
        "most_positions": MOST_POSITIONS,
        "counts": counts,
        **written,
        "sources": by_outcome(sources if seal is None else ()),  # names of files are names of books
    }
    digest = names.write_manifest(folder, record, names.file_names(preparation.keep_texts, written["wide_postings"]))
    if seal is not None:
        seal.keep_record(rows, digest)
    return report_of(folder, rows, counts, sources)


def _refuse_known_decoys(rows: list[dict[str, Any]]) -> None:
    books = {row["work_id"]: row for row in rows if not row["decoy"]}
    for row in rows:
        if row["decoy"] and (book := books.get(row["work_id"])):
            raise BookError(
                f"decoy {row['edition_id']} is an edition of the same work as {book['edition_id']} (by "
                f"{max(row['grouped_by'], book['grouped_by'])}): it may be in the data, so it is no decoy; leave it out"
            )
