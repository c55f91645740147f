"""`provenance index`: build, extend, join, show and verify indexes of known books."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.describing import COLUMNS_HELP, METADATA_HELP, fact_options, parse_columns

if TYPE_CHECKING:
    from provenance.index.report import BuildReport

FILE = click.Path(path_type=Path)


@click.group("index", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Build, extend, join, show and verify indexes of known books.

    \b
    provenance index build books/ --out indexes/books
    provenance index info indexes/books
    """


@command.command("build", short_help="Index books: files, directories and archives.")
@click.argument("sources", nargs=-1, required=True, type=FILE, metavar="SOURCE...")
@click.option("--out", required=True, type=FILE, help="Directory of the index, for example indexes/books.")
@click.option(
    "--decoys",
    multiple=True,
    type=FILE,
    metavar="BOOKS",
    help="Books that cannot be in any data: a run says how many of them matched.",
)
@click.option("--metadata", type=FILE, help=METADATA_HELP)
@click.option("--columns", default="", callback=parse_columns, help=COLUMNS_HELP)
@click.option("--sketch", type=click.Choice(["frac", "banded"]), default="frac", show_default=True)
@click.option("--shingle", default=5, show_default=True, help="Words in a shingle.")
@click.option(
    "--scale",
    type=int,
    help="One fingerprint in SCALE is kept (frac); default: 1 up to 40 M words, 4 up to 250 M; 8 with --no-text.",
)
@click.option("--num-perm", default=128, show_default=True, help="Permutations (banded).")
@click.option("--threshold", default=0.5, show_default=True, help="Similarity the bands are tuned for (banded).")
@click.option("--no-text", is_flag=True, help="Leave the texts out: matches become estimates.")
@click.option("--key-file", type=FILE, help="Secret of at least 16 random bytes; scans need it too.")
@click.option(
    "--pseudonyms", is_flag=True, help="Of a sealed index (--no-text --key-file): opaque ids, and no titles or authors."
)
@click.option(
    "--private-record", type=FILE, help="Of a sealed index: write which edition is of which file, for you alone."
)
@click.option(
    "--memory", default="1GB", show_default=True, help="For postings while they are sorted; the rest on disk."
)
@click.option("--workers", type=int, help="Threads; default: one a core.")
@click.option("--overwrite", is_flag=True, help="Replace the index that is there.")
@click.option("--strict", is_flag=True, help="Stop at the first file that cannot be read, and leave no index.")
@fact_options
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def build(
    sources: tuple[Path, ...],
    out: Path,
    decoys: tuple[Path, ...],
    metadata: Path | None,
    columns: dict[str, str],
    sketch: str,
    shingle: int,
    scale: int | None,
    num_perm: int,
    threshold: float,
    no_text: bool,
    key_file: Path | None,
    pseudonyms: bool,
    private_record: Path | None,
    memory: str,
    workers: int | None,
    overwrite: bool,
    strict: bool,
    as_json: bool,
    **facts: str | None,
) -> None:
    """Index books from .txt, .html, .epub and .pdf files, from .jsonl and .parquet files with a book in each row,
    and from directories and archives (.zip, .tar) of books.

    \b
    provenance index build books/ --out indexes/books
    provenance index build book.epub --out indexes/one --author "A. Writer" --isbn 978-0-306-40615-7
    provenance index build books.parquet --out indexes/books --metadata works.csv
    provenance index build books/ --out indexes/sealed --no-text --key-file secret.key --private-record ours.json
    """
    from tqdm import tqdm

    from provenance.cli.options import parse_bytes, read_key
    from provenance.index.building import build_index, fitting_sketch
    from provenance.kernels.compiling import on_first_compile
    from provenance.readers.books import Book
    from provenance.readers.document import BookColumns
    from provenance.sketch import BandedMinHash, FracMinHash, Sketch
    from provenance.units.config import check_workers

    chosen: Sketch
    if sketch == "banded":
        chosen = BandedMinHash(shingle, num_perm=num_perm, threshold=threshold)
    elif scale is None:
        chosen = fitting_sketch([*sources, *decoys], not no_text, shingle)
    else:
        chosen = FracMinHash(shingle, scale)
    with tqdm(unit="B", unit_scale=True, desc="indexing", file=sys.stderr, disable=None) as bar:

        def on_book(book: Book) -> None:
            bar.update(len(book.text))

        on_first_compile(lambda: bar.set_description_str("indexing (first time here: compiling for this processor)"))

        report = build_index(
            sources,
            out,
            metadata=metadata,
            sketch=chosen,
            key=read_key(key_file),
            keep_texts=not no_text,
            overwrite=overwrite,
            columns=BookColumns(**columns),
            on_book=on_book,
            memory=parse_bytes(memory),
            workers=check_workers(workers),
            decoys=decoys,
            described={name: value for name, value in facts.items() if value is not None},
            strict=strict,
            pseudonyms=pseudonyms,
            private_record=private_record,
        )
    _tell(report, as_json)


@command.command("add", short_help="Index more books, behind those that an index has.")
@click.argument("index", type=FILE)
@click.argument("sources", nargs=-1, type=FILE, metavar="[SOURCE...]")
@click.option("--decoys", multiple=True, type=FILE, metavar="BOOKS", help="Books that cannot be in any data.")
@click.option("--out", type=FILE, help="Write the larger index here; default: replace INDEX when it is whole.")
@click.option("--metadata", type=FILE, help=METADATA_HELP)
@click.option("--columns", default="", callback=parse_columns, help=COLUMNS_HELP)
@click.option("--key-file", type=FILE, help="The key the index was built with.")
@click.option(
    "--memory", default="1GB", show_default=True, help="For postings while they are sorted; the rest on disk."
)
@click.option("--workers", type=int, help="Threads; default: one a core.")
@click.option("--overwrite", is_flag=True, help="Replace the index at --out.")
@click.option("--strict", is_flag=True, help="Stop at the first file that cannot be read, and add nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def add(
    index: Path,
    sources: tuple[Path, ...],
    decoys: tuple[Path, ...],
    out: Path | None,
    metadata: Path | None,
    columns: dict[str, str],
    key_file: Path | None,
    memory: str,
    workers: int | None,
    overwrite: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Index more books, with the parameters of an index, behind those it has.

    \b
    provenance index add indexes/books newbooks/
    """
    from provenance.cli.options import parse_bytes, read_key
    from provenance.index.building import add_to_index
    from provenance.readers.document import BookColumns
    from provenance.units.config import check_workers

    if not sources and not decoys:
        raise click.UsageError("nothing to add: name books, or --decoys")
    report = add_to_index(
        index,
        sources,
        out,
        metadata=metadata,
        key=read_key(key_file),
        overwrite=overwrite,
        columns=BookColumns(**columns),
        memory=parse_bytes(memory),
        workers=check_workers(workers),
        decoys=decoys,
        strict=strict,
    )
    _tell(report, as_json)


@command.command("merge")
@click.argument("one", type=FILE)
@click.argument("other", type=FILE)
@click.option("--out", required=True, type=FILE, help="Directory of the joined index.")
@click.option("--key-file", type=FILE, help="The key both were built with.")
@click.option(
    "--memory", default="1GB", show_default=True, help="For postings while they are sorted; the rest on disk."
)
@click.option("--overwrite", is_flag=True, help="Replace the index at --out.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def merge(
    one: Path, other: Path, out: Path, key_file: Path | None, memory: str, overwrite: bool, as_json: bool
) -> None:
    """Join two indexes of the same parameters.

    \b
    provenance index merge indexes/a indexes/b --out indexes/both
    """
    from provenance.cli.options import parse_bytes, read_key
    from provenance.index.merge import merge_indexes
    from provenance.index.opening import Index

    key = read_key(key_file)
    _tell(merge_indexes(Index(one, key), Index(other, key), out, overwrite, parse_bytes(memory)), as_json)


def _tell(report: BuildReport, as_json: bool) -> None:
    """Print the report; an index that lacks a book that was asked for ends with exit code 3."""
    from provenance.cli.built import print_report

    if as_json:
        click.echo(json.dumps(report.to_json()))
    else:
        print_report(report)
    if report.outcomes["failed"]:
        sys.exit(3)


@command.command("info")
@click.argument("index", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print the manifest and the works as one JSON object.")
@click.option("--key-file", type=FILE, help="Not needed to look; checked when given.")
def info(index: Path, as_json: bool, key_file: Path | None) -> None:
    """Show what an index holds.

    \b
    provenance index info indexes/books
    """
    from provenance.cli.built import counts_of, print_works
    from provenance.cli.options import read_key
    from provenance.cli.printing import number, safe, size
    from provenance.index.format import OUTCOMES, read_manifest
    from provenance.index.opening import Index
    from provenance.index.report import editions_of_works
    from provenance.sketch import PUBLIC, Key

    manifest = read_manifest(index)
    key = read_key(key_file) if key_file else Key(key_id=manifest["key_id"])
    opened = Index(index, key)
    works = editions_of_works(opened.editions.to_pylist())
    grouped = {work: editions for work, editions in works.items() if len(editions) > 1}
    if as_json:
        click.echo(json.dumps({**manifest, "works": grouped}))
        return
    counts, sketch = manifest["counts"], manifest["sketch"]
    total = sum(entry["bytes"] for entry in manifest["files"].values())
    click.echo(f"{index}: {number(counts['editions'], 'edition')} of {number(counts['works'], 'work')}, {size(total)}")
    click.echo(f"  decoys     {sum(opened.editions['decoy'].to_pylist()):,}")
    if not manifest["texts"] and manifest["key_id"] != PUBLIC:
        click.echo("  sealed     no names, sizes or digests of files that others could compare")
    else:
        click.echo(f"  files      {counts_of({outcome: len(manifest['sources'][outcome]) for outcome in OUTCOMES})}")
        click.echo(f"  formats    {counts_of(dict(sorted(Counter(opened.editions['format'].to_pylist()).items())))}")
    for path, reason in manifest["sources"]["failed"].items():
        click.echo(f"  failed     {safe(path)}: {safe(reason)}")
    click.echo(f"  words      {counts['words']:,}")
    click.echo(f"  postings   {counts['postings']:,} ({counts['distinct_fingerprints']:,} distinct fingerprints)")
    click.echo("  sketch     " + ", ".join(f"{name} {value}" for name, value in sketch.items()))
    click.echo(f"  key        {manifest['key_id']}")
    if manifest["names"] != "given":
        click.echo("  names      pseudonyms: the private record of who built it has the others")
    click.echo(f"  texts      {'stored' if manifest['texts'] else 'not stored: matches are estimates'}")
    click.echo(
        f"  text rules {manifest['text_rules']}, Unicode {manifest['unicode']}, format {manifest['format_version']}"
    )
    click.echo(f"  digest     {manifest['digest']}")
    print_works(grouped)


@command.command("verify")
@click.argument("index", type=FILE)
@click.option("--private-record", type=FILE, help="Compare also with this record of a sealed index; needs its key.")
@click.option("--key-file", type=FILE, help="The key the index was built with.")
def verify(index: Path, private_record: Path | None, key_file: Path | None) -> None:
    """Read all of an index and compare it with its digests.

    With --private-record also that the keyed digests in it are those of the files that the record names.

    \b
    provenance index verify indexes/books
    provenance index verify indexes/sealed --private-record ours.json --key-file secret.key
    """
    from provenance.cli.options import read_key
    from provenance.cli.printing import number, safe, size
    from provenance.index.format import read_manifest
    from provenance.index.opening import Index
    from provenance.index.sealing import check_record, read_record
    from provenance.sketch import Key

    manifest = read_manifest(index)
    key = read_key(key_file) if key_file or private_record else Key(key_id=manifest["key_id"])
    opened = Index(index, key)
    opened.verify()
    total = sum(entry["bytes"] for entry in manifest["files"].values())
    click.echo(f"{index}: {number(len(manifest['files']), 'file')}, {size(total)}, all as their digests say")
    if private_record is not None:
        count = check_record(read_record(private_record), opened.editions.to_pylist(), opened.digest, key)
        click.echo(f"{number(count, 'edition')} of the files that {safe(str(private_record))} names")
