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

from benchmarks.common import RESULTS, header, table, write_json
from benchmarks.quality import study
from benchmarks.quality.baselines import datasketch_claims
from benchmarks.quality.disturb import RATED, RATES, UNRATED
from benchmarks.quality.plants import Book, Cell, all_cells, plant_all, read_books, write_rows
from benchmarks.quality.truth import Outcome, judge, wilson

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
SOURCES = 40  # works that passages come from
WHOLE = 12  # books scanned whole
BASELINE_CELLS = [Cell("verbatim", 0.0, length) for length in (25, 50, 100, 200, 500)] + [
    Cell(noise, rate, length) for noise in ("substitution", "OCR") for rate in (0.1, 0.2) for length in (50, 200)
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--books", type=Path, default=CORPUS / "books.parquet")
    parser.add_argument("--documents", type=Path, default=CORPUS / "negatives.parquet")
    parser.add_argument("--plants", type=int, default=300, help="of each cell")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="20 plants a cell, no baselines")
    arguments = parser.parse_args()
    if not arguments.books.is_file() or not arguments.documents.is_file():
        print(f"skipped: {arguments.books} or {arguments.documents} is not there; pass --books and --documents")
        sys.exit(0)
    plants = 20 if arguments.short else arguments.plants
    header()
    with tempfile.TemporaryDirectory() as folder:
        record = measure(Path(folder), arguments.books, arguments.documents, plants, arguments.seed, arguments.short)
    write_json("quality_short" if arguments.short else "quality", record)
    if not arguments.short:
        from benchmarks.quality.plots import plot_recall

        try:
            print(f"written: {plot_recall(record, RESULTS).relative_to(RESULTS.parents[1])}")
        except ImportError:
            print("no plots: they need matplotlib, which `pip install .[bench]` brings")


def measure(folder: Path, books: Path, documents: Path, plants: int, seed: int, short: bool) -> dict[str, Any]:
    known = read_books(books)
    others = pq.read_table(documents, columns=["id", "text"]).to_pylist()
    library = study.split(known, [(str(row["id"]), row["text"]) for row in others], seed)
    works = sorted({book.work for book in library.indexed})
    chosen = set(random.Random(seed).sample(works, min(SOURCES, len(works))))
    sources = [book for book in library.indexed if book.work in chosen]
    index = study.build(folder, "default", library.indexed)
    sketch = json.loads((index / "index.json").read_text())["sketch"]
    print(
        f"{len(library.indexed)} books indexed ({sketch}), {len(library.held_out)} held out; {plants} plants a cell\n"
    )
    record: dict[str, Any] = {"plants": plants, "seed": seed, "sketch": sketch, "indexed": len(library.indexed)}

    hosts = [text for _, text in library.documents]
    rows, planted = plant_all(sources, hosts, all_cells(), plants, seed)
    write_rows(folder / "plants.parquet", rows)
    run, seconds = study.scan(folder, index, folder / "plants.parquet")
    found = judge(dict(rows), planted, study.claims_of(run, known))
    print_recall(found)
    totals = Outcome()
    for outcome in found.values():
        for name in ("plants", "found", "right", "claims", "false_claims"):
            setattr(totals, name, getattr(totals, name) + getattr(outcome, name))
    low, high = wilson(totals.right, totals.found)
    print(f"\nright work named, of {totals.found} found: {totals.right / totals.found:.5f} ({low:.5f} to {high:.5f})")
    print(f"matches on no plant: {totals.false_claims} of {totals.claims}; {seconds:.1f} s for {len(rows)} documents")
    record["cells"] = [{**cell._asdict(), **outcome.to_json()} for cell, outcome in found.items()]
    record["right"] = {"right": totals.right, "found": totals.found, "wilson95": [low, high]}

    record["negatives"] = study.false_documents(folder, index, library, library.documents, "negatives")
    held_out = study.held_out_rows(library)
    record["held_out"] = study.false_documents(folder, index, library, held_out, "held_out")
    record["held_out_background"] = study.false_documents(
        folder, index, library, held_out, "held_out_background", "--background", folder / "negatives.parquet"
    )
    for name in ("negatives", "held_out", "held_out_background"):
        r = record[name]
        print(
            f"\n{name}: {r['documents']} documents, {r['flagged']} flagged, {r['without_a_shared_run']} of them ",
            end="",
        )
        print(
            f"without a run of 25 words shared with any book (95 %: {r['wilson95'][0]:.5f} to {r['wilson95'][1]:.5f}), "
            f"{r['unconfirmed']} without 25 words in the same order ({r['unconfirmed_wilson95'][1]:.5f} at most)"
        )
        for row in r["which"][:20]:
            print(
                f"  {row['id']} in {row['edition']}: {row['matched_words']} words ({row['in_order']} by difflib), "
                f"identity {row['identity']:.2f}, expected by chance {row['expectation']:.0e}: ",
                end="",
            )
            print(" ".join(row["excerpt"].split())[:160])

    record["decoys"] = study.decoys(folder, index, library)
    d = record["decoys"]
    print(f"\nbooks held out as decoys: {d['matched']} of {d['works']} matched (95 %: at most {d['upper95']:.3f})")

    whole = study.one_each(sources, WHOLE, seed)
    record["coverage"] = study.coverage_errors(folder, index, whole, (0.0, *RATES[:3]), seed)
    print("\nwhole books in rows of 2,000 words: coverage said, less share of words unchanged\n")
    print(
        table(
            ["substituted", "books", "mean error, pp", "worst, pp"],
            [
                [f"{r['rate']:.0%}", r["books"], f"{r['mean_pp']:.3f}", f"{r['worst_pp']:+.3f}"]
                for r in record["coverage"]
            ],
        )
    )
    record["one_row"] = study.whole_rows(folder, index, whole)
    print(
        "\nwhole book in one row:",
        ", ".join(
            f"{r['matches']} match{'es' if r['matches'] > 1 else ''} ({r['identity']:.4f}, {r['coverage']:.4f})"
            for r in record["one_row"]
        ),
    )

    record["editions"] = study.editions(folder, known)
    print("\nsecond editions: one indexed, the other in rows of 300 words\n")
    print(
        table(
            ["work", "rows", "with 25 equal words", "of them named", "rows named", "only others named"],
            [
                [
                    r["work"].split("|")[1],
                    r["rows"],
                    r["sharing"],
                    f"{r['named_of_sharing'] / r['sharing']:.1%}" if r["sharing"] else "",
                    f"{r['named'] / r['rows']:.1%}",
                    r["others_only"],
                ]
                for r in record["editions"]
            ],
        )
    )
    if not short:
        record["baselines"] = baselines(folder, sources, hosts, plants // 3, seed, known)
    return record


def baselines(
    folder: Path, sources: Sequence[Book], hosts: Sequence[str], plants: int, seed: int, known: Sequence[Book]
) -> list[dict[str, Any]]:
    """The same plants for three tools; the index has only the works that passages come from, for datasketch's sake."""
    rows, planted = plant_all(sources, hosts, BASELINE_CELLS, plants, seed + 1)
    write_rows(folder / "few.parquet", rows)
    results = {}
    for name, options in (("default", ()), ("banded MinHash", ("--sketch", "banded"))):
        index = study.build(folder, f"few_{name.split()[0]}", sources, *options)
        run, _ = study.scan(folder, index, folder / "few.parquet")
        results[name] = judge(dict(rows), planted, study.claims_of(run, known))
    results["datasketch script"] = judge(dict(rows), planted, datasketch_claims(sources, rows))
    print("\nrecall of other ways, same plants\n")
    print(
        table(
            ["passages", *results],
            [
                [label(cell), *(f"{results[name][cell].found / plants:.3f}" for name in results)]
                for cell in BASELINE_CELLS
            ],
        )
    )
    return [
        {"tool": name, **cell._asdict(), **outcome.to_json()}
        for name, cells in results.items()
        for cell, outcome in cells.items()
    ]


def label(cell: Cell) -> str:
    return f"{cell.noise} {cell.rate:.0%}, {cell.length} words" if cell.rate else f"{cell.noise}, {cell.length} words"


def print_recall(found: dict[Cell, Outcome]) -> None:
    lengths = sorted({cell.length for cell in found})
    rows = []
    for noise in study.summary_noises():
        for rate in RATES if noise in RATED else (0.0,):
            outcomes = [found.get(Cell(noise, rate, length)) for length in lengths]
            name = f"{noise} {rate:.0%}" if noise in RATED else noise
            rows.append([name, *(f"{o.found / o.plants:.3f}" if o else "" for o in outcomes)])
    print("recall by passage length in words\n")
    print(table(["", *map(str, lengths)], rows))
    errors = [found[Cell(noise, 0.0, length)].to_json() for noise in list(UNRATED)[:1] for length in lengths]
    print(
        "\nboundary error on verbatim plants, words: median ",
        max(float(str(e["boundary_median"])) for e in errors),
        end="",
    )
    print(", 95th percentile ", max(float(str(e["boundary_p95"])) for e in errors), "(the worst length)")
    print("matches a plant, verbatim: ", ", ".join(f"{e['pieces']:.2f}" for e in errors))


if __name__ == "__main__":
    main()
