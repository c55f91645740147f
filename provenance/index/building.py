"""Building an index in one call: sources are read, indexed and reported, and nothing is printed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from provenance.errors import BookError, UsageError
from provenance.index.build import BuildOptions, changed, write_index
from provenance.index.merge import merge_indexes
from provenance.index.opening import Index
from provenance.index.report import BuildReport
from provenance.readers.books import Book, Reading, read_books
from provenance.readers.document import FACTS
from provenance.readers.formats import size_of
from provenance.readers.metadata import checked_facts, read_metadata
from provenance.sketch import TEXT_FREE_SCALE, FracMinHash, scale_for

BYTES_A_WORD = 6  # of English prose, blanks included


@dataclass(frozen=True)
class Indexed:
    """Files that are indexed already, and are passed over: digests (SHA-256) of them, each with its name."""

    names: Mapping[str, str] = field(default_factory=dict)
    digest_as: Callable[[str], str] = str  # makes of a SHA-256 what `names` has in its place


def build_index(
    sources: Sequence[str | Path],
    out: str | Path,
    options: BuildOptions | None = None,
    *,
    indexed: Indexed | None = None,
    on_book: Callable[[Book], None] = lambda book: None,
    **changes: Any,
) -> BuildReport:
    """Index books, directories of them, collections and archives, in this order, at `out`.

    `changes` are fields of BuildOptions. Without a `sketch` it is FracMinHash at the densest scale that suits the size
    of the sources (see `scale_for`), and of an index without texts not denser than TEXT_FREE_SCALE. A file that cannot
    be read is told in the report, and the others are indexed; with `strict`, or where nothing can be read, it raises
    BookError. Raises UsageError, MetadataError or OutputError too; then nothing is left at `out` that was not there
    before.
    """
    options, indexed = changed(options, changes), indexed or Indexed()
    reading = Reading(
        metadata=read_metadata(Path(options.metadata) if options.metadata else None),
        columns=options.columns,
        described=_checked(options.described),
        strict=options.strict,
        limits=options.limits,
        seen=dict(indexed.names),
        digest_as=indexed.digest_as,
    )
    paths, decoys = [Path(source) for source in sources], [Path(source) for source in options.decoys]
    sketch = options.sketch or fitting_sketch(paths + decoys, options.keep_texts)
    books = _all_books(paths, decoys, reading, str(options.metadata))
    return write_index(books, Path(out), options, sketch=sketch, sources=reading.outcomes, on_book=on_book)


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
    outcomes = reading.failed or reading.outcomes
    more = f" (and {len(outcomes) - 1:,} more)" if len(outcomes) > 1 else ""
    if reading.failed:
        raise BookError(f"cannot read book {outcomes[0].path}: {outcomes[0].reason}{more}")
    reason = outcomes[0].reason or "it is empty"
    raise UsageError(f"there is no book in the sources: {outcomes[0].path}: {reason}{more}")


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
    options: BuildOptions | None = None,
    *,
    on_book: Callable[[Book], None] = lambda book: None,
    **changes: Any,
) -> BuildReport:
    """Index more books behind those of an index: in its place, or at `out`; `changes` are fields of BuildOptions.

    Its sketch, and whether it keeps texts, are the index's own. The result is what building all at once gives. Raises
    what `build_index` and `merge_indexes` raise; then the index is as it was.
    """
    options = changed(options, changes)
    opened = Index(Path(existing), options.key)
    if opened.manifest["names"] != "given":
        raise UsageError(f"{existing} has pseudonyms, by which works cannot be told: build it again from all books")
    columns = (opened.editions[name].to_pylist() for name in ("source_sha256", "source", "edition_id"))
    names = {digest: source or f"edition {edition_id}" for digest, source, edition_id in zip(*columns, strict=True)}
    indexed = Indexed(names, str if opened.has_texts else opened.key.keyed_digest)
    target = Path(existing if out is None else out)
    with TemporaryDirectory(prefix=f".{target.name}.", suffix=".adding", dir=target.parent) as folder:
        alike = replace(options, sketch=opened.sketch, keep_texts=opened.has_texts)
        added = build_index(sources, Path(folder) / "added", alike, indexed=indexed, on_book=on_book)
        new = Index(added.folder, options.key)
        report = merge_indexes(opened, new, target, options.overwrite or out is None, options.memory)
    return replace(report, sources=added.sources)
