"""What chance makes: `python -m benchmarks.chance`.

Rows of books, and unrelated documents, are scanned for books that they do not come from; every shared passage, however
short, is counted by its score. The fit of lambda and K (see `provenance/statistics/chance.py`) is made on one set of
books and shown against others. Left out, because what they share is no chance: books whose author is in the index, the
first and last rows of a book, where publishers speak, and rows that share 25 words in a row with an indexed book.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

import provenance
from benchmarks.common import header, table, write_json
from benchmarks.quality.__main__ import CORPUS
from benchmarks.quality.exact import sharing_runs
from benchmarks.quality.plants import Book, read_books, rows_of
from provenance import FracMinHash, MatchConfig, Matcher
from provenance.documents import documents_of
from provenance.statistics.chance import LAMBDA, LOG_K

Scores = npt.NDArray[np.float64]

SPLITS = 4
SHORTEST = 8  # matched words of a passage that is counted; a shingle has 5, and 3 around it must agree
FIT = (8, 10)  # scores: what is above them is rare, and among it are quotations, which fall more slowly
SHOWN = (8, 10, 12, 14, 16, 20, 25)
FRONT = 3  # rows at either end of a book, of 300 words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--books", type=Path, default=CORPUS / "books.parquet")
    parser.add_argument("--documents", type=Path, default=CORPUS / "negatives.parquet")
    parser.add_argument("--short", action="store_true", help="one split instead of four")
    arguments = parser.parse_args()
    if not arguments.books.is_file() or not arguments.documents.is_file():
        print(f"skipped: {arguments.books} or {arguments.documents} is not there; pass --books and --documents")
        sys.exit(0)
    header()
    documents = pq.read_table(arguments.documents, columns=["text"])["text"].to_pylist()
    runs = [
        run
        for seed in range(1 if arguments.short else SPLITS)
        for run in null_runs(read_books(arguments.books), documents, seed)
    ]
    fits = [fit(run) for run in runs if run["what"] == "other books"]
    print("fitted to books: " + "; ".join(f"lambda {slope:.2f} a point, log K {level:.1f}" for slope, level in fits))
    print(f"shipped, above what is seen: lambda {LAMBDA:.2f}, log K {LOG_K:.1f}\n")
    print("passages seen / expected, of at least this score\n")
    print(table(["null run", "words", "of editions", *map(str, SHOWN)], [shown(run) for run in runs]))
    for run in runs:
        run["scores"] = run["scores"].tolist()
    write_json("chance", {"fits": fits, "lambda": LAMBDA, "log_k": LOG_K, "runs": runs})


def null_runs(books: Sequence[Book], documents: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """Half of the authors are indexed; rows of the other half, and the documents, are scanned."""
    authors = sorted({book.author for book in books})
    known = set(random.Random(seed).sample(authors, len(authors) // 2))
    indexed = [book for book in books if book.author in known]
    others = [row for book in books if book.author not in known for row in rows_of(book.text, 300)[FRONT:-FRONT]]
    with tempfile.TemporaryDirectory() as folder:
        columns = {name: [getattr(book, name) for book in indexed] for name in ("id", "author", "title", "text")}
        pq.write_table(pa.table(columns), Path(folder) / "books.parquet")
        provenance.build_index([Path(folder) / "books.parquet"], Path(folder) / "index", sketch=FracMinHash(scale=1))
        matcher = Matcher(provenance.Index(Path(folder) / "index"), MatchConfig(min_words=SHORTEST, noisy=1.0))
        return [
            {"what": what, "seed": seed, **scores_of(matcher, rows, indexed)}
            for what, rows in (("other books", others), ("documents", documents))
        ]


def scores_of(matcher: Matcher, rows: Sequence[str], indexed: Sequence[Book]) -> dict[str, Any]:
    """Scores of all passages that rows share with editions, but for rows that have a whole run of words from one."""
    matches, counts = matcher.find(documents_of(pa.array(rows, pa.large_string())))
    passages = matches.credited.passages
    suspects = {str(row): rows[row] for row in set(passages.documents[passages.matched >= 20].tolist())}
    copies = {int(row) for row in sharing_runs(suspects, (book.text for book in indexed))}
    chance = np.array([row not in copies for row in passages.documents.tolist()], dtype=np.bool_)
    edition_words = int(matcher.index.edition_words.sum())
    return {"words": counts.words, "edition_words": edition_words, "scores": np.sort(passages.score[chance])}


def fit(run: dict[str, Any]) -> tuple[float, float]:
    """Lambda, and log K, by which the passages seen fall from the lower score of FIT to the upper one."""
    low, high = FIT
    many, few = ((run["scores"] >= score).sum() for score in FIT)
    slope = math.log(many / few) / (high - low)
    return slope, math.log(many) + slope * low - math.log(run["words"]) - math.log(run["edition_words"])


def shown(run: dict[str, Any]) -> list[str]:
    expected = [math.exp(LOG_K - LAMBDA * score) * run["words"] * run["edition_words"] for score in SHOWN]
    seen = [int((run["scores"] >= score).sum()) for score in SHOWN]
    return [
        f"{run['what']}, {run['seed']}",
        f"{run['words']:,}",
        f"{run['edition_words']:,}",
        *(f"{a} / {b:.1f}" if b >= 0.1 else f"{a} / {b:.0e}" for a, b in zip(seen, expected, strict=True)),
    ]


if __name__ == "__main__":
    main()
