"""The parts of the study. Each scans through the public command and reads the run database it leaves."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.quality.exact import Holdings, sharing_runs, words_in_order
from benchmarks.quality.plants import Book, rows_of, write_rows
from benchmarks.quality.truth import Claim, wilson
from provenance.selftest.disturb import substitute

HELD_OUT = 0.1  # of the works
WHOLE_ROW, NEGATIVE_ROW, EDITION_ROW = 2000, 300, 300  # words
LEAST_EDITION = 5000  # words of a book that takes part in the table of editions
RUN = 25  # words in a row that two texts share, and no chance


@dataclass(frozen=True)
class Library:
    """Books for the index and books held out of it; unrelated documents."""

    indexed: Sequence[Book]
    held_out: Sequence[Book]
    documents: Sequence[tuple[str, str]]  # id, text


def split(books: Sequence[Book], documents: Sequence[tuple[str, str]], seed: int) -> Library:
    """Hold some works out, all editions of each."""
    works = sorted({book.work for book in books})
    out = set(random.Random(seed).sample(works, max(1, round(HELD_OUT * len(works)))))
    return Library([b for b in books if b.work not in out], [b for b in books if b.work in out], documents)


def one_each(books: Sequence[Book], number: int, seed: int) -> list[Book]:
    """Some books of different works, so that no two hold the same text."""
    works = {book.work: book for book in books if len(book.text.split()) > LEAST_EDITION}
    return random.Random(seed).sample([works[work] for work in sorted(works)], min(number, len(works)))


def provenance(*arguments: object) -> dict[str, Any]:
    """Run the command and read what it prints as JSON."""
    command = [sys.executable, "-m", "provenance", *map(str, arguments), "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return dict(json.loads(done.stdout))


def build(folder: Path, name: str, books: Sequence[Book], *options: object) -> Path:
    """Index books under their works; returns the index."""
    path, out = folder / f"{name}_books.parquet", folder / name
    columns = {field: [getattr(book, field) for book in books] for field in ("id", "author", "title", "text")}
    pq.write_table(pa.table(columns), path)
    provenance("index", "build", path, "--out", out, "--overwrite", *options)
    return out


def scan(folder: Path, index: Path, shard: Path, *options: object) -> tuple[duckdb.DuckDBPyConnection, float]:
    """Scan a shard; returns the run database, and the seconds it took."""
    db = folder / f"{index.name}_{shard.stem}.duckdb"
    started = time.perf_counter()
    provenance("scan", shard, "--index", index, "--db", db, "--overwrite", *options)
    return duckdb.connect(str(db), read_only=True), time.perf_counter() - started


def claims_of(run: duckdb.DuckDBPyConnection, books: Iterable[Book]) -> dict[str, list[Claim]]:
    """What a run says of each document."""
    works, claims = {book.id: book.work for book in books}, defaultdict(list)
    rows = run.execute("SELECT doc_id, doc_begin, doc_end, edition_id, matched_words FROM match").fetchall()
    for name, begin, end, edition, matched in rows:
        claims[name].append(Claim(begin, end, works[edition], matched))
    return dict(claims)


def holdings(books: Iterable[Book]) -> Holdings:
    texts: dict[str, list[str]] = defaultdict(list)
    for book in books:
        texts[book.work].append(book.text)
    return Holdings(texts)


def false_documents(
    folder: Path, index: Path, library: Library, rows: Sequence[tuple[str, str]], name: str, *options: object
) -> dict[str, Any]:
    """Documents that hold no planted passage: which are flagged, and which of those share no run of 25 words.

    Of the latter, how many words stand in the same order in the book named, judged by difflib.
    """
    write_rows(folder / f"{name}.parquet", rows)
    run, _ = scan(folder, index, folder / f"{name}.parquet", *options)
    texts = dict(rows)
    flagged = run.execute(
        "SELECT doc_id, max(matched_words), arg_max(identity, matched_words), max(longest_run), "
        "arg_max(edition_id, matched_words), arg_max(doc_begin, matched_words), arg_max(doc_end, matched_words), "
        "min(expectation) FROM v_matches GROUP BY doc_id ORDER BY doc_id"
    ).fetchall()
    sharing = sharing_runs({row[0]: texts[row[0]] for row in flagged}, (book.text for book in library.indexed))
    columns = ("id", "matched_words", "identity", "longest_run", "edition", "begin", "end", "expectation")
    false = [dict(zip(columns, row, strict=True)) for row in flagged if row[0] not in sharing]
    books = {book.id: book.text for book in library.indexed}
    for row in false:
        passage = texts[row["id"]].encode()[row["begin"] : row["end"]].decode("utf-8", "replace")
        row.update(excerpt=passage, in_order=words_in_order(passage, books[row["edition"]]))
    unconfirmed = sum(row["in_order"] < RUN for row in false)
    return {
        "documents": len(rows),
        "flagged": len(flagged),
        "without_a_shared_run": len(false),
        "wilson95": wilson(len(false), len(rows)),
        "unconfirmed": unconfirmed,
        "unconfirmed_wilson95": wilson(unconfirmed, len(rows)),
        "which": false,
    }


def decoys(folder: Path, index: Path, library: Library) -> dict[str, Any]:
    """What the command says of the books held out when it scans the unrelated documents with these as decoys."""
    columns = {
        field: [getattr(book, field) for book in library.held_out] for field in ("id", "author", "title", "text")
    }
    pq.write_table(pa.table(columns), folder / "decoys.parquet")
    write_rows(folder / "unrelated.parquet", library.documents)
    run, _ = scan(folder, index, folder / "unrelated.parquet", "--decoys", folder / "decoys.parquet")
    return dict(json.loads(run.execute("SELECT decoys FROM run").fetchall()[0][0]))


def held_out_rows(library: Library) -> list[tuple[str, str]]:
    return [
        (f"{book.id}/{n}", text) for book in library.held_out for n, text in enumerate(rows_of(book.text, NEGATIVE_ROW))
    ]


def coverage_errors(
    folder: Path, index: Path, books: Sequence[Book], rates: Sequence[float], seed: int
) -> list[dict[str, Any]]:
    """Whole books in rows of 2,000 words: coverage said, less the share of words left as they were.

    Of a text-free index also how many of the intervals hold that share, to a thousandth.
    """
    results = []
    for rate in rates:
        rng, rows, kept = random.Random(seed), list[tuple[str, str]](), dict[str, float]()
        vocabulary = [word for book in books for word in rng.sample(book.text.split(), 1000) if word.isalpha()]
        for book in books:
            words = book.text.split()
            changed = substitute(words, rate, rng, vocabulary)
            counted = [a == b for a, b in zip(words, changed, strict=True) if any(c.isalnum() for c in a)]
            kept[book.id] = sum(counted) / len(counted)
            pieces = [" ".join(changed[at : at + WHOLE_ROW]) for at in range(0, len(changed), WHOLE_ROW)]
            rows += [(f"{book.id}/{n}", piece) for n, piece in enumerate(pieces)]
        path = folder / f"whole_{round(100 * rate)}.parquet"
        write_rows(path, rows)
        run, _ = scan(folder, index, path)
        said = {
            name: values
            for name, *values in run.execute(
                "SELECT best_edition, coverage, coalesce(coverage_low, coverage), coalesce(coverage_high, coverage) "
                "FROM v_works"
            ).fetchall()
        }
        run.close()
        errors = {name: 100 * (said[name][0] - share) if name in said else -100 * share for name, share in kept.items()}
        held = sum(
            said[name][1] - 0.001 <= share <= said[name][2] + 0.001 for name, share in kept.items() if name in said
        )
        worst = max(errors, key=lambda name: abs(errors[name]))
        mean = sum(map(abs, errors.values())) / len(errors)
        results.append(
            {
                "rate": rate,
                "books": len(books),
                "mean_pp": mean,
                "worst_pp": errors[worst],
                "worst": worst,
                "held": held,
            }
        )
    return results


def whole_rows(folder: Path, index: Path, books: Sequence[Book]) -> list[dict[str, Any]]:
    """Each book in a row of its own: matches, and identity and coverage of the longest."""
    path = folder / "one_row.parquet"
    write_rows(path, [(book.id, book.text) for book in books])
    run, _ = scan(folder, index, path)
    rows = run.execute(
        "SELECT doc_id, count(*), max_by(identity, matched_words), max(matched_words) FROM match "
        "GROUP BY doc_id ORDER BY doc_id"
    ).fetchall()
    words = dict(run.execute("SELECT edition_id, words FROM edition").fetchall())
    return [{"id": r[0], "matches": r[1], "identity": r[2], "coverage": r[3] / words[r[0]]} for r in rows]


def editions(folder: Path, books: Sequence[Book]) -> list[dict[str, Any]]:
    """Works of two editions: the first of each indexed, the other scanned in rows of 300 words."""
    works: dict[str, list[Book]] = defaultdict(list)
    for book in books:
        if len(book.text.split()) >= LEAST_EDITION:
            works[book.work].append(book)
    pairs = {work: (one[0], one[1]) for work, one in sorted(works.items()) if len(one) > 1}
    if not pairs:
        return []
    index = build(folder, "first_editions", [first for first, _ in pairs.values()])
    rows = [
        (f"{work}/{n}", text)
        for work, (_, second) in pairs.items()
        for n, text in enumerate(rows_of(second.text, EDITION_ROW))
    ]
    write_rows(folder / "editions.parquet", rows)
    run, _ = scan(folder, index, folder / "editions.parquet")
    shared = {
        work: sharing_runs({name: text for name, text in rows if name.rpartition("/")[0] == work}, [first.text], RUN)
        for work, (first, _) in pairs.items()
    }
    named: dict[str, set[str]] = defaultdict(set)
    for name, made in claims_of(run, books).items():
        named[name] |= {claim.work for claim in made}
    results = []
    for work, (first, second) in pairs.items():
        own = [name for name, _ in rows if name.rpartition("/")[0] == work]
        results.append(
            {
                "work": work,
                "indexed": first.title,
                "scanned": second.title,
                "rows": len(own),
                "sharing": len(shared[work]),
                "named_of_sharing": sum(work in named[name] for name in shared[work]),
                "named": sum(work in named[name] for name in own),
                "others_only": sum(bool(named[name]) and work not in named[name] for name in own),
            }
        )
    return results
