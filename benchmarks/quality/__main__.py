"""The error-rate study: `python -m benchmarks.quality`, or with other books and documents.

Any Parquet of books (columns id, author, title, text) and of unrelated documents (id, text) will do. Some works are
held out of the index; passages of others are planted in unrelated documents, disturbed, and scanned for with the public
command and its default settings. Prints tables and writes JSON and plots to `benchmarks/results`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.common import RESULTS, header, write_json
from benchmarks.quality import study
from benchmarks.quality.baselines import datasketch_claims
from benchmarks.quality.plants import LENGTHS, Book, plant_all, read_books, write_rows
from benchmarks.quality.publish import PLANTS, SEED, publish
from benchmarks.quality.report import print_record
from benchmarks.quality.truth import judge, wilson
from provenance.selftest.disturb import RATES
from provenance.selftest.plants import ALL_NOISES, Cell, cells_of

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
SOURCES = 40  # works that passages come from
WHOLE = 12  # books scanned whole
TEXT_FREE_RATES = (0.0, 0.02, 0.1, 0.2)
BASELINE_CELLS = [Cell("verbatim", 0.0, length) for length in (25, 50, 100, 200, 500)] + [
    Cell(noise, rate, length) for noise in ("substitution", "OCR") for rate in (0.1, 0.2) for length in (50, 200)
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--books", type=Path, default=CORPUS / "books.parquet")
    parser.add_argument("--documents", type=Path, default=CORPUS / "negatives.parquet")
    parser.add_argument("--plants", type=int, default=PLANTS, help="of each cell")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--short", action="store_true", help="20 plants a cell, no baselines")
    parser.add_argument("--publish", action="store_true", help="write the error rates that reports print")
    arguments = parser.parse_args()
    if arguments.publish and arguments.short:
        parser.error("--publish takes the whole study: leave --short out")
    if not arguments.books.is_file() or not arguments.documents.is_file():
        print(f"skipped: {arguments.books} or {arguments.documents} is not there; pass --books and --documents")
        sys.exit(0)
    plants = 20 if arguments.short else arguments.plants
    header()
    known = read_books(arguments.books)
    others = pq.read_table(arguments.documents, columns=["id", "text"]).to_pylist()
    library = study.split(known, [(str(row["id"]), row["text"]) for row in others], arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        record = measure(Path(folder), known, library, plants, arguments.seed, arguments.short)
    print_record(record)
    write_json("quality_short" if arguments.short else "quality", record)
    if arguments.publish:
        publish(record, {"books": arguments.books, "documents": arguments.documents})
    if not arguments.short:
        from benchmarks.quality.plots import plot_recall

        try:
            print(f"written: {plot_recall(record, RESULTS).relative_to(RESULTS.parents[1])}")
        except ImportError:
            print("no plots: they need matplotlib, which `pip install .[bench]` brings")


def measure(
    folder: Path, known: Sequence[Book], library: study.Library, plants: int, seed: int, short: bool
) -> dict[str, Any]:
    """All parts of the study, as they are written to JSON."""
    works = sorted({book.work for book in library.indexed})
    chosen = set(random.Random(seed).sample(works, min(SOURCES, len(works))))
    sources = [book for book in library.indexed if book.work in chosen]
    whole = study.one_each(sources, WHOLE, seed)
    index = study.build(folder, "default", library.indexed)
    sketch = json.loads((index / "index.json").read_text())["sketch"]
    counts = f"{len(library.indexed)} books indexed, {len(library.held_out)} held out"
    print(f"{counts}; {sketch}; {plants} plants a cell, seed {seed}\n")

    def sealed(*options: object) -> Path:
        return study.build(folder, "sealed", library.indexed, "--no-text", *options)

    held_out = study.held_out_rows(library)
    background = ("--background", folder / "negatives.parquet")  # written for the part before
    record = {
        "plants": plants,
        "seed": seed,
        "sketch": sketch,
        "indexed": len(library.indexed),
        "held_out_books": len(library.held_out),
        "held_out_works": len({book.work for book in library.held_out}),
        **planted(folder, index, sources, library, plants, seed, known),
        "negatives": study.false_documents(folder, index, library, library.documents, "negatives"),
        "held_out": study.false_documents(folder, index, library, held_out, "held_out"),
        "held_out_background": study.false_documents(folder, index, library, held_out, "with_background", *background),
        "decoys": study.decoys(folder, index, library),
        "coverage": {
            "with texts": study.coverage_errors(folder, index, whole, (0.0, *RATES[:3]), seed),
            "text-free": study.coverage_errors(
                folder, sealed("--scale", sketch["scale"]), whole, TEXT_FREE_RATES, seed
            ),
            "text-free, scale 32": study.coverage_errors(folder, sealed("--scale", 32), whole, TEXT_FREE_RATES, seed),
        },
        "one_row": study.whole_rows(folder, index, whole),
        "editions": study.editions(folder, known),
    }
    if not short:
        record["baselines"] = baselines(folder, sources, library, max(1, plants // 3), seed, known)
    return record


def planted(
    folder: Path, index: Path, sources: Sequence[Book], library: study.Library, plants: int, seed: int,
    known: Sequence[Book],
) -> dict[str, Any]:  # fmt: skip
    """Passages planted, scanned for and judged, by cell and in all."""
    cells = cells_of(ALL_NOISES, LENGTHS)
    rows, places = plant_all(sources, [text for _, text in library.documents], cells, plants, seed)
    write_rows(folder / "plants.parquet", rows)
    run, seconds = study.scan(folder, index, folder / "plants.parquet")
    outcomes = judge(dict(rows), places, study.claims_of(run, known), study.holdings(library.indexed))
    right, elsewhere, found, claims, off_plant = (
        sum(getattr(outcome, name) for outcome in outcomes.values())
        for name in ("right", "elsewhere", "found", "claims", "false_claims")
    )
    return {
        "rows": len(rows),
        "seconds": seconds,
        "cells": [{**cell._asdict(), **outcome.to_json()} for cell, outcome in outcomes.items()],
        "right": {"right": right, "found": found, "elsewhere": elsewhere, "wilson95": wilson(right, found)},
        "claims": claims,
        "off_plant": off_plant,
    }


def baselines(
    folder: Path, sources: Sequence[Book], library: study.Library, plants: int, seed: int, known: Sequence[Book]
) -> list[dict[str, Any]]:
    """The same plants for three tools; the index has only the works that passages come from, for datasketch's sake."""
    hosts = [text for _, text in library.documents]
    rows, places = plant_all(sources, hosts, BASELINE_CELLS, plants, seed + 1)
    write_rows(folder / "few.parquet", rows)
    results, holds = {}, study.holdings(sources)
    for name, options in (("default", ()), ("banded MinHash", ("--sketch", "banded"))):
        index = study.build(folder, f"few_{name.split()[0]}", sources, *options)
        run, _ = study.scan(folder, index, folder / "few.parquet")
        results[name] = judge(dict(rows), places, study.claims_of(run, known), holds)
    results["datasketch script"] = judge(dict(rows), places, datasketch_claims(sources, rows), holds)
    return [
        {"tool": name, **cell._asdict(), **outcome.to_json()}
        for name, cells in results.items()
        for cell, outcome in cells.items()
    ]


if __name__ == "__main__":
    main()
