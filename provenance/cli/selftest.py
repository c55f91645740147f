"""`provenance selftest`: passages planted in copies of one's own rows, and how many of them are found."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from tqdm import tqdm

from provenance.cli.compiling import tell_unusual_place
from provenance.cli.definitions.check import Selftest
from provenance.cli.tables import table
from provenance.cli.texts import say
from provenance.display.text import number, percent
from provenance.selftest.certificate import sentences_of
from provenance.selftest.certify import Certified, Watch, certify
from provenance.selftest.plants import ALL_NOISES, Wanted, parse_lengths, parse_noises
from provenance.selftest.settings import Asked
from provenance.sketch import Key
from provenance.store.journal import SELFTEST, Author, append
from provenance.units.config import check_workers

MOST_NAMED = 5  # shards and books that are named one by one
DOING = {"shards": "taking rows", "passages": "planting"}


def run(options: Selftest) -> None:
    """Plant passages, count those found, record it."""
    noises = ALL_NOISES if options.noise is None else parse_noises(options.noise)
    wanted = Wanted(options.plants, parse_lengths(options.lengths), noises, options.rows, options.seed)
    asked = Asked(
        options.db, (*options.shards, *options.more), options.index, Key.from_file(options.key_file), options.books,
        options.text_columns, options.tokenizer, options.end_of_text, options.scale, options.min_words,
        options.anonymous, check_workers(options.workers),
    )  # fmt: skip
    with watching() as watch:
        certified = certify(asked, wanted, watch)
    if options.as_json:
        click.echo(json.dumps(certified.entry, indent=1, sort_keys=True))
    else:
        show(certified.entry)
    if options.db is not None:
        last = append(options.db, Author.here(options.name), [(SELFTEST, certified.entry)])
        click.echo(f"1 entry added to the journal of the run; it has the SHA-256 {last}", err=True)
    complain(certified)


def show(entry: dict[str, Any]) -> None:
    """The table, and what it comes to."""
    lengths = sorted({cell["words"] for cell in entry["cells"]})
    shown: dict[tuple[str, float], dict[int, str]] = {}
    for cell in entry["cells"]:
        shown.setdefault((cell["noise"], cell["rate"]), {})[cell["words"]] = _recall(cell)
    headings = [("change", "fixed"), ("of words", "right"), *((f"{length} words", "right") for length in lengths)]
    rows = [
        [noise, f"{100 * rate:g} %" if rate else "", *(values.get(length, "") for length in lengths)]
        for (noise, rate), values in shown.items()
    ]
    title = f"Found of {number(entry['plants'], 'passage')} each, in brackets the interval of 95 % (Clopper-Pearson)"
    table(headings, rows, title)
    say("selftest", {**entry, "sentences": sentences_of(entry)})


def _recall(cell: dict[str, Any]) -> str:
    if cell["recall"] is None:
        return "no such text"
    return f"{percent(cell['recall'])} ({100 * cell['low']:.0f}-{100 * cell['high']:.0f})"


def complain(certified: Certified) -> None:
    """Name on stderr what could not be read, and exit with 3 where that is a shard."""
    facts = {"unknown": certified.unknown, "reasons": [*certified.unreadable.values()], "most": MOST_NAMED}
    say("selftest_complaints", facts, err=True)
    if certified.unreadable:
        sys.exit(3)


@contextmanager
def watching() -> Iterator[Watch]:
    """A progress bar on stderr: shards that rows are taken from, then passages."""
    with tqdm(desc="taking rows", unit=" shards", file=sys.stderr, disable=None) as bar:

        def on_begin(what: str, total: int) -> None:
            bar.reset(total)
            bar.unit = f" {what}"

        def on_step(count: int) -> None:
            bar.set_description_str(DOING[bar.unit.strip()], refresh=False)
            bar.update(count)

        def on_compiling() -> None:
            bar.set_description_str("compiling for this processor, once")
            tell_unusual_place()

        yield Watch(on_begin, on_step, on_compiling)
