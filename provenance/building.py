"""Building an index in one call: sources are read, indexed and reported, and nothing is printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from provenance import index
from provenance.index import BuildReport, Index, merge_indexes
from provenance.index.build import MEMORY
from provenance.readers import Book, BookColumns, SourceOutcome, read_books, read_metadata, size_of
from provenance.sketch import FracMinHash, Key, Sketch, scale_for

BYTES_A_WORD = 6  # of English prose, blanks included


def build_index(
    sources: Sequence[str | Path],
    out: str | Path,
    *,
    metadata: str | Path | None = None,
    sketch: Sketch | None = None,
    key: Key | None = None,
    keep_texts: bool = True,
    overwrite: bool = False,
    columns: BookColumns | None = None,
    on_book: Callable[[Book], None] = lambda book: None,
    memory: int = MEMORY,
    workers: int = 2,
    decoys: Sequence[str | Path] = (),
) -> BuildReport:
    """Index text files, directories of them and Parquet files of books, in this order, at `out`.

    Without a `sketch` it is FracMinHash at the densest scale that suits the size of the sources (see `scale_for`).
    `memory` bounds what postings take while they are gathered, in bytes. `metadata` is a CSV with `id` or `file` and
    any of `title, author, work_id`. `decoys` are sources of books that cannot be in any data. Raises UsageError,
    BookError, MetadataError or OutputError; then nothing is left at `out` that was not there before.
    """
    outcomes: list[SourceOutcome] = []
    known, columns = read_metadata(Path(metadata) if metadata else None), columns or BookColumns()
    paths, not_in_data = [Path(source) for source in sources], [Path(source) for source in decoys]
    sketch = sketch or fitting_sketch(paths + not_in_data, columns)
    books = chain(
        read_books(paths, known, columns, outcomes),
        (replace(book, decoy=True) for book in read_books(not_in_data, known, columns, outcomes)),
    )
    report = index.build_index(books, Path(out), sketch, key, keep_texts, overwrite, outcomes, on_book, memory, workers)
    outcomes += [
        SourceOutcome(str(metadata), "skipped", f"no book has the id or file name {key}", 0) for key in known.unused
    ]
    return report


def fitting_sketch(sources: Sequence[Path], columns: BookColumns, shingle: int = FracMinHash.shingle) -> FracMinHash:
    """The sketch for books of this size, which is measured without reading them."""
    return FracMinHash(shingle, scale_for(size_of(sources, columns) // BYTES_A_WORD))


def add_to_index(
    existing: str | Path,
    sources: Sequence[str | Path],
    out: str | Path | None = None,
    *,
    metadata: str | Path | None = None,
    key: Key | None = None,
    overwrite: bool = False,
    columns: BookColumns | None = None,
    on_book: Callable[[Book], None] = lambda book: None,
    memory: int = MEMORY,
    workers: int = 2,
    decoys: Sequence[str | Path] = (),
) -> BuildReport:
    """Index more books behind those of an index: in its place, or at `out`.

    The result is what building all at once gives. Raises what `build_index` and `merge_indexes` raise; then the index
    is as it was.
    """
    opened = Index(Path(existing), key)
    target = Path(existing if out is None else out)
    with TemporaryDirectory(prefix=f".{target.name}.", suffix=".adding", dir=target.parent) as folder:
        added = build_index(
            sources,
            Path(folder) / "added",
            metadata=metadata,
            sketch=opened.sketch,
            key=key,
            keep_texts=opened.has_texts,
            columns=columns,
            on_book=on_book,
            memory=memory,
            workers=workers,
            decoys=decoys,
        )
        new = Index(added.folder, key)
        report = merge_indexes(opened, new, target, overwrite or out is None, memory)
    return replace(report, sources=added.sources)
