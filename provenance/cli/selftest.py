"""`provenance selftest`: passages planted in copies of one's own rows, and how many of them are found."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from provenance.selftest.certify import Certified, Watch

FILE = click.Path(path_type=Path)
MOST_NAMED = 5  # shards and books that are named one by one


@click.command("selftest", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("more", nargs=-1, metavar="[SHARD]...")
@click.option("--shards", multiple=True, metavar="SHARD", help="Shards to take rows from; more may follow it.")
@click.option("--index", help="Index of the known books, also s3://...")
@click.option("--db", type=FILE, metavar="RUN.duckdb", help="Run to certify: all is as it had it, and it is recorded.")
@click.option("--books", multiple=True, type=FILE, metavar="BOOKS", help="Copies of the books, for an index without.")
@click.option("--plants", default=50, show_default=True, help="Passages of each length and kind of change.")
@click.option("--lengths", default="25,50,100,200,400", show_default=True, help="Words of a passage.")
@click.option("--noise", metavar="KINDS", help="Such as verbatim,homoglyphs,ocr:0.2; by default all of the study.")
@click.option("--rows", default=400, show_default=True, help="Rows of the shards to take.")
@click.option("--seed", default=0, show_default=True, help="Of all that is taken at random.")
@click.option("--text-column", "text_columns", multiple=True, metavar="NAME", help="Column to take texts from.")
@click.option("--tokenizer", type=FILE, metavar="JSON", help="tokenizer.json that token ids are decoded with.")
@click.option("--end-of-text", type=int, metavar="ID", help="Token id that ends a document; by default as it is named.")
@click.option("--scale", type=int, help="Look up one fingerprint in SCALE, as the scan did.")
@click.option("--min-words", type=int, help="Shortest match that is reported; by default 25.")
@click.option("--key-file", type=FILE, help="Key that the index was built with.")
@click.option("--anonymous", is_flag=True, help="Read objects without credentials.")
@click.option("--workers", type=int, help="Processes that read shards; by default one a core.")
@click.option("--name", default="", help="Who says so in the journal; by default the account.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    more: tuple[str, ...],
    shards: tuple[str, ...],
    index: str | None,
    db: Path | None,
    books: tuple[Path, ...],
    plants: int,
    lengths: str,
    noise: str | None,
    rows: int,
    seed: int,
    text_columns: tuple[str, ...],
    tokenizer: Path | None,
    end_of_text: int | None,
    scale: int | None,
    min_words: int | None,
    key_file: Path | None,
    anonymous: bool,
    workers: int | None,
    name: str,
    as_json: bool,
) -> None:
    """Say how many passages of the known books a scan of these very shards finds: a certificate of recall.

    Rows of the shards are taken at random, passages of the books are changed as the quality study changes them and
    planted in copies of these rows in memory, and all is matched as a scan would. With --db it is done as the run was
    made, and recorded in it for the report. Shards and index stay as they are; docs/method.md says what it means.

    \b
    provenance selftest --db run.duckdb
    provenance selftest --shards 'data/train-*.parquet' --index indexes/books
    provenance selftest --db sealed.duckdb --key-file secret.key --books books/
    """
    from provenance.cli.options import read_key
    from provenance.selftest.certify import certify
    from provenance.selftest.plants import ALL_NOISES
    from provenance.selftest.settings import Asked
    from provenance.selftest.wanted import Wanted, parse_lengths, parse_noises
    from provenance.units.config import check_workers

    wanted = Wanted(plants, parse_lengths(lengths), ALL_NOISES if noise is None else parse_noises(noise), rows, seed)
    asked = Asked(
        db, (*shards, *more), index, read_key(key_file), books, text_columns,
        None if tokenizer is None else str(tokenizer), end_of_text, scale, min_words, anonymous, check_workers(workers),
    )  # fmt: skip
    with watching() as watch:
        certified = certify(asked, wanted, watch)
    if as_json:
        click.echo(json.dumps(certified.entry, indent=1, sort_keys=True))
    else:
        show(certified.entry)
    if db is not None:
        record(db, name, certified.entry)
    complain(certified)


def record(db: Path, name: str, entry: dict[str, Any]) -> None:
    """Add the entry to the journal of the run."""
    from provenance.store.journal import SELFTEST, Author, append

    last = append(db, Author.here(name), [(SELFTEST, entry)])
    click.echo(f"1 entry added to the journal of the run; it has the SHA-256 {last}", err=True)


def show(entry: dict[str, Any]) -> None:
    """The table, and what it comes to."""
    from provenance.cli.printing import number, size, table
    from provenance.selftest.certificate import sentences_of

    lengths = sorted({cell["words"] for cell in entry["cells"]})
    shown: dict[tuple[str, float], dict[int, str]] = {}
    for cell in entry["cells"]:
        shown.setdefault((cell["noise"], cell["rate"]), {})[cell["words"]] = _recall(cell)
    headings = [("change", "fixed"), ("of words", "right"), *((f"{length} words", "right") for length in lengths)]
    rows = [
        [noise, f"{100 * rate:g} %" if rate else "", *(told.get(length, "") for length in lengths)]
        for (noise, rate), told in shown.items()
    ]
    title = f"Found of {number(entry['plants'], 'passage')} each, in brackets the interval of 95 % (Clopper-Pearson)"
    table(headings, rows, title)
    used, shards = number(entry["rows_used"], "row"), number(len(entry["shards_sampled"]), "shard")
    click.echo(
        f"\nPlanted in copies of {used} of {shards}. {number(entry['rows_sampled'], 'row')} were sampled; nothing was "
        f"planted in the {entry['rows_matched']:,} that had a match before. Of {number(entry['rows_cut'], 'row')} "
        f"longer than {size(entry['row_bytes'])} only a stretch was taken."
    )
    for sentence in sentences_of(entry):
        click.echo(sentence)


def _recall(cell: dict[str, Any]) -> str:
    from provenance.cli.printing import percent

    if cell["recall"] is None:
        return "no such text"
    return f"{percent(cell['recall'])} ({100 * cell['low']:.0f}-{100 * cell['high']:.0f})"


def complain(certified: Certified) -> None:
    """Name on stderr what could not be read, and exit with 3 where that is a shard."""
    from provenance.cli.printing import safe

    for path, reason in [*certified.unknown][:MOST_NAMED]:
        click.echo(f"nothing of {safe(path)} was planted: {safe(reason)}", err=True)
    for reason in [*certified.unreadable.values()][:MOST_NAMED]:
        click.echo(f"provenance: {safe(reason)}", err=True)
    for what, found in (("books", certified.unknown), ("shards", certified.unreadable)):
        if len(found) > MOST_NAMED:
            click.echo(f"{len(found) - MOST_NAMED:,} more {what}", err=True)
    if certified.unreadable:
        sys.exit(3)


@contextmanager
def watching() -> Iterator[Watch]:
    """A progress bar on stderr: shards that rows are taken from, then passages."""
    from tqdm import tqdm

    from provenance.selftest.certify import Watch

    with tqdm(desc="taking rows", unit=" shards", file=sys.stderr, disable=None) as bar:

        def on_planned(plants: int) -> None:
            bar.reset(plants)
            bar.unit = " passages"
            bar.set_description_str("planting")

        def on_plants(plants: int) -> None:
            bar.set_description_str("planting", refresh=False)
            bar.update(plants)

        def on_compiling() -> None:
            bar.set_description_str("compiling for this processor, once")

        yield Watch(bar.reset, lambda: bar.update() and None, on_planned, on_plants, on_compiling)
