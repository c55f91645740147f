"""What an index without texts gives away, and to whom: `python -m benchmarks.dictionary_attack`.

The attacker has an index, this program and books of their own, of which half are in the index, and no key. Against an
index without a key they test guesses, and read it: word by word, with nothing but a vocabulary and common phrases.
Against a keyed one they can do neither; what is left to them is tried too: the number of words of each edition, the
places at which it repeats itself, and books that they recognised as a code book for the others.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.attacks import PASSAGES, Side, algebra, attacked, found, guesses, keyed, reading
from benchmarks.common import header, table, write_json
from benchmarks.passages import make_text
from benchmarks.quality.__main__ import CORPUS
from benchmarks.quality.plants import Book, read_books
from provenance.sketch import Key

SCALES = (1, 4, 8, 16, 32)  # at which the index without a key is read too
READ = 2  # books that are read out of the index


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--books", type=Path, default=CORPUS / "books.parquet")
    parser.add_argument("--works", type=int, default=60, help="in the index, and as many that are not")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true")
    arguments = parser.parse_args()
    works, most = (6, 20_000) if arguments.short else (arguments.works, sys.maxsize)
    header()
    inside, outside = choose(arguments.books, works, most, arguments.seed)
    record: dict[str, Any] = {"works": works, "words": sum(len(side.words) for side in inside), "scales": {}}
    print(f"{works} works of {record['words']:,} words in the index, {works} others\n")
    with tempfile.TemporaryDirectory() as folder:
        secret = random.Random(arguments.seed).randbytes(32)
        keys = {"no key": Key(), "secret key": Key.from_secret(secret)}
        opened = {name: attacked(Path(folder) / name, inside, key) for name, key in keys.items()}
        for name, index in opened.items():
            record[name] = {
                "guesses": guesses(index, inside, outside),
                "reading": reading(index, outside, READ),
            }
        for scale in SCALES:
            coarse = attacked(Path(folder) / f"scale {scale}", inside, keys["no key"], scale)
            record["scales"][scale] = {
                "reading": reading(coarse, outside, READ) if scale > 1 else record["no key"]["reading"],
                "found": found(coarse.index, inside, outside, arguments.seed),
            }
        record["keyed"] = keyed(opened["secret key"], inside, outside)
        record["algebra"] = algebra(keys["secret key"], inside)
    show(record)
    write_json("dictionary_attack", record)


def choose(path: Path, works: int, most: int, seed: int) -> tuple[list[Side], list[Side]]:
    """Books in the index and others, no work on both sides."""
    if path.is_file():
        books = list({book.work: book for book in read_books(path)}.values())
        random.Random(seed).shuffle(books)
    else:
        print("no corpus: books are made of the words of a passage at random; nothing of this is true of prose\n")
        books = [
            Book(f"b{n}", "", f"b{n}", f"w{n}", make_text("English", 200_000, n).decode()) for n in range(2 * works)
        ]
    sides = [Side(book, re.findall("[a-z0-9]+", book.text.lower())[:most]) for book in books[: 2 * works]]
    return sides[: len(sides) // 2], sides[len(sides) // 2 :]


def show(record: dict[str, Any]) -> None:
    print("Is this book in the index? By the shingles of an excerpt of it\n")
    rows = []
    for n, one in enumerate(record["no key"]["guesses"]):
        other = record["secret key"]["guesses"][n]
        cells = [f"{one['words']:,}" if one["words"] else "all"]
        for told in (one, other):
            cells += [f"{told['told']:.1%}", f"{told['wrongly']:.1%}", f"{told['auc']:.3f}"]
        rows.append([*cells, f"{one['ms']:.2f}"])
    print(table(["words", "no key: told", "wrongly", "AUC", "keyed: told", "wrongly", "AUC", "ms a guess"], rows))
    print("\nReading two books out of the index, with phrases and a vocabulary of other books\n")
    rows = [("secret key", record["secret key"]["reading"], {})]
    rows += [(f"no key, scale {scale}", one["reading"], one["found"]) for scale, one in record["scales"].items()]
    headings = ["index", "in known phrases", "read", "longest run", "words a second"]
    print(table([*headings, *(f"{length} words found" for length in PASSAGES)], [
        [name, f"{one['from_phrases']:.1%}", f"{one['read']:.1%}", f"{one['longest_run']:,}",
         f"{one['words_a_second']:,.0f}", *(f"{shares[length]:.1%}" if shares else "" for length in PASSAGES)]
        for name, one, shares in rows
    ]))  # fmt: skip
    left = record["keyed"]
    print("\nWhat a keyed index gives away to who has the same text, and not the key\n")
    lengths = left["lengths"]
    print(f"- by its exact number of words: {lengths['named']:.1%} of books named, {lengths['wrongly']:.1%} wrongly")
    for name, one in left["repetitions"].items():
        print(
            f"- by its repetitions, a text that is {name}: {one['right']:.1%} named, AUC {one['auc']:.3f} (half "
            f"of them have {one['share_inside']:.0%} of their distances, of others {one['share_outside']:.0%}), "
            f"{one['ms']:.0f} ms"
        )
    codes = left["codebook"]
    print(
        f"- with all other books as a code book: {codes['shingles']:.1%} of shingles are read, "
        f"{codes['most_of_one_book']:.1%} of one book"
    )
    one = record["algebra"]
    print(
        f"- of plain keyed fingerprints of one known book ({one['words']:,} words) the multiplier is "
        f"{'solved' if one['solved'] else 'not solved'} in {one['seconds']:.1f} s ({one['votes']:,} of {one['of']:,} "
        f"quotients); an index holds none of them ({one['hidden_equal_plain']} equal)"
    )


if __name__ == "__main__":
    main()
