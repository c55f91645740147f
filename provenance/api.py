"""Building an index in one call: sources are read, indexed and reported, and nothing is printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from provenance import index
from provenance.index import BuildReport
from provenance.readers import Book, BookColumns, SourceOutcome, read_books, read_metadata
from provenance.sketch import Key, Sketch


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
) -> BuildReport:
    """Index text files, directories of them and Parquet files of books, in this order, at `out`.

    `metadata` is a CSV with `id` or `file` and any of `title, author, work_id`. Raises UsageError, BookError,
    MetadataError or OutputError; then nothing is left at `out` that was not there before.
    """
    outcomes: list[SourceOutcome] = []
    known = read_metadata(None if metadata is None else Path(metadata))
    books = read_books([Path(source) for source in sources], known, columns or BookColumns(), outcomes)
    report = index.build_index(books, Path(out), sketch, key, keep_texts, overwrite, outcomes, on_book)
    outcomes += [
        SourceOutcome(str(metadata), "skipped", f"no book has the id or file name {key}", 0) for key in known.unused
    ]
    return report
