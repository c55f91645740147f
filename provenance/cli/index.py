"""`provenance index`: build, extend, join, show and verify indexes of known books.

Of an index that was built counts go to stdout, and what was odd or is missing to stderr.
"""

import json
import sys
from collections import Counter
from typing import Any

import click
from tqdm import tqdm

from provenance.cli.compiling import tell_unusual_place
from provenance.cli.definitions.know import Add, Build, Info, Merge, Verify
from provenance.cli.texts import say
from provenance.display.text import number, safe, size
from provenance.errors import UsageError
from provenance.index.building import add_to_index, build_index, fitting_sketch
from provenance.index.format import OUTCOMES, read_manifest
from provenance.index.merge import merge_indexes
from provenance.index.opening import Index
from provenance.index.report import BuildReport, editions_of_works
from provenance.index.sealing import check_record, read_record
from provenance.kernels.compiling import on_first_compile
from provenance.readers.books import Book
from provenance.readers.document import BookColumns
from provenance.sketch import PUBLIC, BandedMinHash, FracMinHash, Key, Sketch
from provenance.units.config import check_workers


def _sketch(options: Build) -> Sketch:
    if options.sketch == "banded":
        return BandedMinHash(options.shingle, num_perm=options.num_perm, threshold=options.threshold)
    if options.scale is None:
        return fitting_sketch([*options.sources, *options.decoys], not options.no_text, options.shingle)
    return FracMinHash(options.shingle, options.scale)


def build(options: Build) -> None:
    """Index books."""
    with tqdm(unit="B", unit_scale=True, desc="indexing", file=sys.stderr, disable=None) as bar:

        def on_book(book: Book) -> None:
            bar.update(len(book.text))

        def on_compiling() -> None:
            bar.set_description_str("indexing (first time here: compiling for this processor)")
            tell_unusual_place()

        on_first_compile(on_compiling)
        report = build_index(
            options.sources, options.out, sketch=_sketch(options), keep_texts=not options.no_text, on_book=on_book,
            described={name: value for name, value in vars(options.facts).items() if value is not None},
            pseudonyms=options.pseudonyms, private_record=options.private_record, **_for_both(options),
        )  # fmt: skip
    _tell(report, options.as_json)


def add(options: Add) -> None:
    """Index more books, behind those that an index has."""
    if not options.sources and not options.decoys:
        raise click.UsageError("nothing to add: name books, or --decoys")
    _tell(add_to_index(options.index, options.sources, options.out, **_for_both(options)), options.as_json)


def _for_both(options: Build | Add) -> dict[str, Any]:
    """What building and adding take alike."""
    alike = {name: getattr(options, name) for name in ("metadata", "overwrite", "memory", "decoys", "strict")}
    key, columns = Key.from_file(options.key_file), columns_of(options.columns)
    return {**alike, "key": key, "columns": columns, "workers": check_workers(options.workers)}


def merge(options: Merge) -> None:
    """Join two indexes."""
    one, other = (Index(folder, Key.from_file(options.key_file)) for folder in (options.one, options.other))
    _tell(merge_indexes(one, other, options.out, options.overwrite, options.memory), options.as_json)


def columns_of(text: str) -> BookColumns:
    """The value of --columns; raises UsageError for what is none."""
    pairs = [item.partition("=") for item in text.split(",") if item]
    if any(name not in ("id", "title", "author", "text") or not column for name, _, column in pairs):
        raise UsageError(f"--columns is {text!r}; give them as id=...,title=...,author=...,text=...")
    return BookColumns(**{name: column for name, _, column in pairs})


def _tell(report: BuildReport, as_json: bool) -> None:
    """Print the report; an index that lacks a book that was asked for ends with exit code 3."""
    if as_json:
        click.echo(json.dumps(report.to_json()))
    else:
        facts = {"report": report, "grouped": report.grouped, "formats": _named(report.formats)}
        say("index_built", facts)
        say("index_odd", facts, err=True)
    if report.outcomes["failed"]:
        sys.exit(3)


def info(options: Info) -> None:
    """Show what an index holds."""
    manifest = read_manifest(options.index)
    key = Key.from_file(options.key_file) if options.key_file else Key(key_id=manifest["key_id"])
    opened = Index(options.index, key)
    works = editions_of_works(opened.editions.to_pylist())
    grouped = {work: editions for work, editions in works.items() if len(editions) > 1}
    if options.as_json:
        click.echo(json.dumps({**manifest, "works": grouped}))
        return
    facts = {
        "manifest": manifest, "grouped": grouped, "folder": options.index,
        "bytes": sum(entry["bytes"] for entry in manifest["files"].values()),
        "decoys": sum(opened.editions["decoy"].to_pylist()),
        "sealed": not manifest["texts"] and manifest["key_id"] != PUBLIC,
        "files": {outcome: len(manifest["sources"][outcome]) for outcome in OUTCOMES},
        "formats": _named(dict(sorted(Counter(opened.editions["format"].to_pylist()).items()))),
    }  # fmt: skip
    say("index_info", facts)


def _named(formats: dict[str, int]) -> dict[str, int]:
    return {name or "given as text": editions for name, editions in formats.items()}


def verify(options: Verify) -> None:
    """Read all of an index and compare it with its digests."""
    manifest = read_manifest(options.index)
    with_key = options.key_file or options.private_record
    key = Key.from_file(options.key_file) if with_key else Key(key_id=manifest["key_id"])
    opened = Index(options.index, key)
    opened.verify()
    total = sum(entry["bytes"] for entry in manifest["files"].values())
    click.echo(f"{options.index}: {number(len(manifest['files']), 'file')}, {size(total)}, all as their digests say")
    if options.private_record is not None:
        count = check_record(read_record(options.private_record), opened.editions.to_pylist(), opened.digest, key)
        click.echo(f"{number(count, 'edition')} of the files that {safe(str(options.private_record))} names")
