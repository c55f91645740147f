"""Building an index in one call: sources are read, indexed and reported, and nothing is printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from provenance.errors import BookError, UsageError
from provenance.index import build
from provenance.index.build import MEMORY, BuildReport
from provenance.index.merge import merge_indexes
from provenance.index.opening import Index
from provenance.readers.books import Book, Reading, read_books
from provenance.readers.document import FACTS, BookColumns
from provenance.readers.limits import Limits
from provenance.readers.metadata import checked_facts, read_metadata
from provenance.readers.walk import size_of
from provenance.sketch import TEXT_FREE_SCALE, FracMinHash, Key, Sketch, scale_for

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
    described: Mapping[str, str] | None = None,
    strict: bool = False,
    limits: Limits | None = None,
    known: Mapping[str, str] | None = None,
    seal: Callable[[str], str] = str,
    pseudonyms: bool = False,
    private_record: str | Path | None = None,
) -> BuildReport:
    """Index books, directories of them, collections and archives, in this order, at `out`.

    Without a `sketch` it is FracMinHash at the densest scale that suits the size of the sources (see `scale_for`), and
    of an index without texts not denser than TEXT_FREE_SCALE.
    `memory` bounds what postings take while they are gathered, in bytes. `metadata` is a CSV or Parquet file with
    `id`, `file` or `isbn` and any of FACTS. `described` are facts of the only book. `decoys` are sources of books that
    cannot be in any data. A file that cannot be read is told in the report, and the others are indexed; with `strict`,
    or where nothing can be read, it raises BookError. `known` are digests (SHA-256) of
    files that are indexed already, each with its name: they are skipped; `seal` makes of a digest what `known` has in
    its place. With a secret `key` and without `keep_texts` the index is sealed: it has no digest of a text that others
    could compare; `pseudonyms` replace names and titles, and `private_record` is where its owner's own record goes.
    Raises UsageError, MetadataError or
    OutputError too; then nothing is left at `out` that was not there before.
    """
    reading = Reading(
        metadata=read_metadata(Path(metadata) if metadata else None),
        columns=columns or BookColumns(),
        described=_checked(described or {}),
        strict=strict,
        limits=limits or Limits(),
        seen=dict(known or {}),
        seal=seal,
    )
    paths, not_in_data = [Path(source) for source in sources], [Path(source) for source in decoys]
    sketch = sketch or fitting_sketch(paths + not_in_data, keep_texts)
    books = _all_books(paths, not_in_data, reading, str(metadata))
    return build.build_index(
        books, Path(out), sketch, key, keep_texts, overwrite, reading.outcomes, on_book, memory, workers,
        pseudonyms=pseudonyms, private_record=Path(private_record) if private_record else None,
    )  # fmt: skip


def _all_books(sources: Sequence[Path], decoys: Sequence[Path], reading: Reading, metadata: str) -> Iterator[Book]:
    """Books, then decoys; then it is told which rows of the metadata fitted none."""
    count = 0
    apart = replace(reading, seen={})  # a decoy that is one of the books is refused in the end, not passed over
    decoys_read = (replace(book, decoy=True) for book in read_books(decoys, apart))
    for count, book in enumerate(chain(read_books(sources, reading), decoys_read), 1):
        if count > 1 and reading.described:
            raise UsageError(
                f"{', '.join(reading.described)} given for one book, but there are more: use a metadata file"
            )
        yield book
    if count == 0 and reading.outcomes:
        _refuse_nothing(reading)
    for key in reading.metadata.unused:
        reading.note(f"{metadata}#{key}", "skipped", f"no book has the id, file name or ISBN {key}")


def _refuse_nothing(reading: Reading) -> None:
    """Raise BookError, or UsageError where nothing failed, for sources that gave no book: the first says why."""
    told = reading.failed or reading.outcomes
    more = f" (and {len(told) - 1:,} more)" if len(told) > 1 else ""
    if reading.failed:
        raise BookError(f"cannot read book {told[0].path}: {told[0].reason}{more}")
    reason = told[0].reason or "it is empty"
    raise UsageError(f"there is no book in the sources: {told[0].path}: {reason}{more}")


def _checked(described: Mapping[str, str]) -> dict[str, str]:
    """Facts given by hand; raises UsageError for those that are none."""
    facts, problems = checked_facts(described)
    problems += [f"{name} is not known of books" for name in described if name not in FACTS]
    if problems:
        raise UsageError("; ".join(problems))
    return facts


def fitting_sketch(sources: Sequence[Path], keep_texts: bool = True, shingle: int = FracMinHash.shingle) -> FracMinHash:
    """The sketch for books of this size, which is measured without reading them."""
    scale = scale_for(size_of(sources) // BYTES_A_WORD)
    return FracMinHash(shingle, scale if keep_texts else max(scale, TEXT_FREE_SCALE))


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
    strict: bool = False,
) -> BuildReport:
    """Index more books behind those of an index: in its place, or at `out`.

    The result is what building all at once gives. Raises what `build_index` and `merge_indexes` raise; then the index
    is as it was.
    """
    opened = Index(Path(existing), key)
    if opened.manifest["names"] != "given":
        raise UsageError(f"{existing} has pseudonyms, by which works cannot be told: build it again from all books")
    known = zip(*(opened.editions[name].to_pylist() for name in ("source_sha256", "source", "edition_id")), strict=True)
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
            strict=strict,
            known={digest: source or f"edition {edition_id}" for digest, source, edition_id in known},
            seal=str if opened.has_texts else opened.key.seal,
        )
        new = Index(added.folder, key)
        report = merge_indexes(opened, new, target, overwrite or out is None, memory)
    return replace(report, sources=added.sources)
