"""The self-test from arguments to a table: rows are taken, passages planted in copies of them, matched, and counted."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from provenance.errors import ShardError, UsageError
from provenance.isolation.supervisor import Children
from provenance.kernels.compiling import on_first_compile
from provenance.kernels.words import words_of
from provenance.readers.books import SourceOutcome
from provenance.runs.sampling import Sample, SampledRow, sample_rows
from provenance.selftest.certificate import entry_of
from provenance.selftest.judge import Planted, judge, matched_rows
from provenance.selftest.passages import Library, indexed_library, owned_library
from provenance.selftest.plants import Wanted, parts_of, plant
from provenance.selftest.settings import Asked, Settings, settings_of
from provenance.sketch import Key

SPARE = 2  # times as many rows are read as are taken: some of them have no words
VOCABULARY = 2000  # words that are put in the place of others, of as many passages
FEW = ("other", "another")  # so that a word always has one to be replaced by


@dataclass(frozen=True)
class Watch:
    """Called as the test goes on."""

    on_begin: Callable[[str, int], None] = lambda what, total: None  # `shards` that rows are taken from; `passages`
    on_step: Callable[[int], None] = lambda count: None
    on_compiling: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Certified:
    """What the test came to: the entry for a journal, which has no text in it, and what could not be read."""

    entry: dict[str, Any]
    unreadable: dict[str, str] = field(default_factory=dict)  # reasons, by shard
    unknown: list[SourceOutcome] = field(default_factory=list)  # books of which nothing was planted


def certify(asked: Asked, wanted: Wanted, watch: Watch | None = None) -> Certified:
    """Plant, match and count; equal inputs and seeds give equal entries.

    Raises UsageError for what is asked for and cannot be, OtherRunError for what is not as the run had it, ShardError
    where no row can be planted in, and what opening an index and reading books raise.
    """
    watch = watch or Watch()
    on_first_compile(watch.on_compiling)
    with Children() as children, settings_of(asked, wanted.seed, children) as settings:
        library, unknown = library_of(settings, asked, wanted.seed)
        watch.on_begin("shards", len(settings.listed))
        sample = sample_rows(
            settings.listed, settings.config, SPARE * wanted.rows, wanted.seed, children, asked.workers,
            asked.anonymous, partial(watch.on_step, 1),
        )  # fmt: skip
        rows, counts = choose_rows(sample, settings, wanted)
        watch.on_begin("passages", len(wanted.cells) * wanted.plants)
        plants = planted(library, rows, wanted, settings.index.key)
        tallies = judge(settings.matcher, plants, len(wanted.cells), watch.on_step)
        facts = {
            "index": settings.index.digest, "settings": settings.digest, "texts": library.texts,
            "owner_copies": not settings.index.has_texts, "shards": settings.shards, "shards_sampled": sample.shards,
            "shards_unreadable": sorted(sample.unreadable), **counts, "rows_unscanned": sample.unscanned,
        }  # fmt: skip
        return Certified(entry_of(wanted, facts, tallies), sample.unreadable, unknown)


def library_of(settings: Settings, asked: Asked, seed: int) -> tuple[Library, list[SourceOutcome]]:
    """Where passages come from; raises UsageError where there is nothing."""
    index = settings.index
    if index.has_texts:
        if asked.books:
            raise UsageError(f"the index {index.folder} has the texts of its books: leave out --books")
        return indexed_library(index), []
    if not asked.books:
        remedy = "give --books, the copies that it was built of, or some of them"
        raise UsageError(f"the index {index.folder} has no texts to take passages from: {remedy}")
    return owned_library(index, asked.books, seed)


def choose_rows(sample: Sample, settings: Settings, wanted: Wanted) -> tuple[list[SampledRow], dict[str, int]]:
    """Rows to plant in: of those that have words as many as are wanted, without those that have a match. And counts.

    Raises ShardError where there is none.
    """
    keys = settings.index.key.keys
    worded = [row for row in sample.rows if words_of(np.frombuffer(row.text, dtype=np.uint8), keys).hashes.size]
    chosen = worded
    if len(worded) > wanted.rows:
        chosen = sorted(random.Random(f"{wanted.seed}/rows").sample(worded, wanted.rows))
    matched_before = matched_rows(settings.matcher, [row.text for row in chosen])
    clean = [row for row, matched in zip(chosen, matched_before, strict=True) if not matched]
    if not clean:
        reasons = "; ".join(sample.unreadable.values())[:500]
        why = f"all {len(chosen):,} that were sampled have matches" if chosen else "none that was read has words"
        why += f"; {reasons}" if reasons else ""
        raise ShardError(f"there is no row to plant passages in: {why}: give --shards with other text, or more --rows")
    return clean, {
        "rows_sampled": len(chosen), "rows_matched": len(chosen) - len(clean), "rows_used": len(clean),
        "rows_cut": sum(row.bytes > len(row.text) for row in clean),
        "rows_without_words": sample.empty + len(sample.rows) - len(worded),
    }  # fmt: skip


def planted(library: Library, rows: Sequence[SampledRow], wanted: Wanted, key: Key) -> Iterator[Planted]:
    """All plants, cell by cell. What a cell gets does not depend on which others there are."""
    vocabulary = vocabulary_of(library, wanted.seed)
    for number, cell in enumerate(wanted.cells):
        dice = random.Random(f"{wanted.seed}/{'/'.join(map(str, cell))}")
        hosts = _in_turn(rows, dice)
        for _ in range(wanted.plants):
            if (passage := library.draw(cell.length, dice)) is None:
                break
            parts = parts_of(passage.text, cell, dice, vocabulary)
            pieces = plant(parts, [next(hosts).text for _ in parts], key, dice)
            yield Planted(number, passage.work, pieces)


def _in_turn(rows: Sequence[SampledRow], dice: random.Random) -> Iterator[SampledRow]:
    """The rows in a random order, and again in another: none is used twice before all are."""
    while True:
        yield from dice.sample(rows, len(rows))


def vocabulary_of(library: Library, seed: int) -> list[str]:
    """Words of the books at random, as many times as they are drawn."""
    dice, vocabulary = random.Random(f"{seed}/vocabulary"), list(FEW)
    for _ in range(VOCABULARY):
        passage = library.draw(1, dice)
        vocabulary += [passage.text.decode("utf-8", "replace")] if passage else []
    return [word for word in vocabulary if word.isalpha()]
