"""Prints what the study found: a table for each question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.common import table
from provenance.selftest.disturb import CUT, RATED, RATES, UNRATED

Record = Mapping[str, Any]


def print_record(record: Record) -> None:
    print_recall(record["cells"])
    print_planted(record)
    for name in ("negatives", "held_out", "held_out_background"):
        print_false(name, record[name])
    decoys = record["decoys"]
    print(f"\nbooks held out as decoys: {decoys['matched']} of {decoys['works']} matched ", end="")
    print(f"(95 %: at most {decoys['upper95']:.3f})")
    print_coverage(record)
    print_editions(record["editions"])
    if "baselines" in record:
        print_baselines(record["baselines"])


def print_recall(cells: Iterable[Record]) -> None:
    recall = {(cell["noise"], cell["rate"], cell["length"]): cell["recall"] for cell in cells}
    lengths = sorted({length for _, _, length in recall})
    rows = []
    for noise in (*UNRATED, CUT, *RATED):
        for rate in RATES if noise in RATED else (0.0,):
            found = [recall.get((noise, rate, length)) for length in lengths]
            rows.append([name_of(noise, rate), *("" if r is None else f"{r:.3f}" for r in found)])
    print("recall by passage length in words\n")
    print(table(["", *map(str, lengths)], rows))


def name_of(noise: str, rate: float) -> str:
    return f"{noise} {rate:.0%}" if noise in RATED else noise


def print_planted(record: Record) -> None:
    verbatim = [cell for cell in record["cells"] if cell["noise"] == "verbatim"]
    print(
        "\nboundary error on verbatim plants, words: median", max(cell["boundary_median"] for cell in verbatim), end=""
    )
    print(", 95th percentile", max(cell["boundary_p95"] for cell in verbatim), "(the worst length)")
    print("matches a plant, verbatim:", ", ".join(f"{cell['pieces']:.2f}" for cell in verbatim))
    right, low = record["right"], record["right"]["wilson95"][0]
    print(f"right work named: {right['right']} of {right['found']} found (95 %: at least {low:.5f}); ", end="")
    print(f"{right['elsewhere']} times another that holds the passage too")
    print(
        f"matches on no plant: {record['off_plant']} of {record['claims']}, in documents that quote a book themselves"
    )
    print(f"{record['seconds']:.1f} s for {record['rows']} documents")


def print_false(name: str, found: Record) -> None:
    print(f"\n{name}: {found['documents']} documents, {found['flagged']} flagged;")
    low, high = found["wilson95"]
    print(f"  {found['without_a_shared_run']} share no run of 25 words with any book (95 %: {low:.5f} to {high:.5f}),")
    most = found["unconfirmed_wilson95"][1]
    print(
        f"  {found['unconfirmed']} do not have 25 words in the same order as the book named (95 %: at most {most:.5f})"
    )
    if name == "held_out_background":
        return  # those of `held_out` again
    for row in found["which"][:20]:
        print(
            f"  {row['matched_words']} words ({row['in_order']} by difflib), identity {row['identity']:.2f}, ", end=""
        )
        print(f"expected by chance {row['expectation']:.0e}: {' '.join(row['excerpt'].split())[:160]}")


def print_coverage(record: Record) -> None:
    print("\nwhole books in rows of 2,000 words: coverage said, less share of words unchanged, in percentage points\n")
    print(
        table(
            ["index", "substituted", "books", "mean error", "worst", "intervals that hold"],
            [
                [
                    name, f"{r['rate']:.0%}", r["books"], f"{r['mean_pp']:.3f}", f"{r['worst_pp']:+.3f}",
                    "" if name == "with texts" else f"{r['held']} of {r['books']}",
                ]
                for name in ("with texts", "text-free", "text-free, scale 32")
                for r in record["coverage"][name]
            ],
        )
    )  # fmt: skip
    matches = ", ".join(f"{r['matches']} ({r['identity']:.4f}, {r['coverage']:.4f})" for r in record["one_row"])
    print(f"\nwhole book in one row, matches (identity, coverage): {matches}")


def print_editions(editions: Iterable[Record]) -> None:
    editions = list(editions)
    if not editions:
        print("\nno two books of one author and title: no second editions")
        return
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
                for r in editions
            ],
        )
    )


def print_baselines(results: Iterable[Record]) -> None:
    recall = {(r["tool"], (r["noise"], r["rate"], r["length"])): r["recall"] for r in results}
    tools, cells = (list(dict.fromkeys(key[side] for key in recall)) for side in (0, 1))
    print("\nrecall of other ways, same plants\n")
    print(
        table(
            ["passages", *tools],
            [
                [f"{name_of(noise, rate)}, {length} words", *(f"{recall[t, (noise, rate, length)]:.3f}" for t in tools)]
                for noise, rate, length in cells
            ],
        )
    )
