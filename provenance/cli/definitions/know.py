"""Knowing one's books: indexes are built, extended, joined, shown and verified."""

from dataclasses import MISSING, dataclass, make_dataclass
from pathlib import Path
from typing import ClassVar

from provenance.options.field import argument, flag, group, like, option

METADATA = "CSV or Parquet with id, file or isbn, and title, author, isbn, year, publisher, ..., work_id."
COLUMNS = "Columns of Parquet books, keys of JSON lines: id=...,title=...,author=...,text=..."
OVERWRITE = "Replace the index at --out."
FACTS = {
    "title": "Title", "author": "Author", "isbn": "ISBN", "year": "Year", "publisher": "Publisher",
    "language": "Language", "rights_holder": "Rights holder", "registration": "Registration number",
    "licence": "Licence", "work_id": "Work",
}  # fmt: skip
Facts = make_dataclass(
    "Facts",
    [
        (name, str, option(f"--{name.replace('_', '-')}", f"{noun} of the book, if there is only one.", metavar="TEXT"))
        for name, noun in FACTS.items()
    ],
)


@dataclass(frozen=True)
class Build:
    """Index books from .txt, .html, .epub and .pdf files, from .jsonl and .parquet files with a book in each row,
    and from directories and archives (.zip, .tar) of books.

    \b
    provenance index build books/ --out indexes/books
    provenance index build book.epub --out indexes/one --author "A. Writer" --isbn 978-0-306-40615-7
    provenance index build books.parquet --out indexes/books --metadata works.csv
    provenance index build books/ --out indexes/sealed --no-text --key-file secret.key --private-record ours.json
    """

    SHORT: ClassVar = "Index books: files, directories and archives."

    sources: tuple[Path, ...] = argument("SOURCE...")
    out: Path = option("--out", "Directory of the index, for example indexes/books.", MISSING)
    decoys: tuple[Path, ...] = option(
        "--decoys", "Books that cannot be in any data: a run says how many of them matched.", (), metavar="BOOKS"
    )
    metadata: Path | None = option("--metadata", METADATA)
    columns: str = option("--columns", COLUMNS, "", unnamed=True)
    sketch: str = option("--sketch", "How texts are sampled.", "frac", choices=("frac", "banded"))
    shingle: int = option("--shingle", "Words in a shingle.", 5)
    scale: int | None = option(
        "--scale",
        "One fingerprint in SCALE is kept (frac); default: 1 up to 40 M words, 4 up to 250 M; 8 with --no-text.",
    )
    num_perm: int = option("--num-perm", "Permutations (banded).", 128)
    threshold: float = option("--threshold", "Similarity the bands are tuned for (banded).", 0.5)
    no_text: bool = flag("--no-text", "Leave the texts out: matches become estimates.")
    key_file: Path | None = option("--key-file", "Secret of at least 16 random bytes; scans need it too.")
    pseudonyms: bool = flag(
        "--pseudonyms", "Of a sealed index (--no-text --key-file): opaque ids, and no titles or authors."
    )
    private_record: Path | None = option(
        "--private-record", "Of a sealed index: write which edition is of which file, for you alone."
    )
    memory: int = option(
        "--memory", "For postings while they are sorted; the rest on disk.", 10**9, "size", unnamed=True
    )
    workers: int | None = option("--workers", "Threads; default: one a core.", unnamed=True)
    overwrite: bool = flag("--overwrite", "Replace the index that is there.")
    strict: bool = flag("--strict", "Stop at the first file that cannot be read, and leave no index.")
    facts: Facts = group(Facts)  # type: ignore[valid-type]
    as_json: bool = flag("--json", "Print the report as one JSON object.", unnamed=True)


@dataclass(frozen=True)
class Add:
    """Index more books, with the parameters of an index, behind those it has.

    \b
    provenance index add indexes/books newbooks/
    """

    SHORT: ClassVar = "Index more books, behind those that an index has."

    index: Path = argument("INDEX")
    sources: tuple[Path, ...] = argument("[SOURCE...]", ())
    decoys: tuple[Path, ...] = like(Build, "decoys", help="Books that cannot be in any data.")
    out: Path | None = option("--out", "Write the larger index here; default: replace INDEX when it is whole.")
    metadata: Path | None = like(Build, "metadata")
    columns: str = like(Build, "columns")
    key_file: Path | None = like(Build, "key_file", help="The key the index was built with.")
    memory: int = like(Build, "memory")
    workers: int | None = like(Build, "workers")
    overwrite: bool = like(Build, "overwrite", help=OVERWRITE)
    strict: bool = like(Build, "strict", help="Stop at the first file that cannot be read, and add nothing.")
    as_json: bool = like(Build, "as_json")


@dataclass(frozen=True)
class Merge:
    """Join two indexes of the same parameters.

    \b
    provenance index merge indexes/a indexes/b --out indexes/both
    """

    one: Path = argument("ONE")
    other: Path = argument("OTHER")
    out: Path = option("--out", "Directory of the joined index.", MISSING)
    key_file: Path | None = like(Build, "key_file", help="The key both were built with.")
    memory: int = like(Build, "memory")
    overwrite: bool = like(Build, "overwrite", help=OVERWRITE)
    as_json: bool = like(Build, "as_json")


@dataclass(frozen=True)
class Info:
    """Show what an index holds.

    \b
    provenance index info indexes/books
    """

    index: Path = argument("INDEX")
    as_json: bool = like(Build, "as_json", help="Print the manifest and the works as one JSON object.")
    key_file: Path | None = like(Build, "key_file", help="Not needed to look; checked when given.")


@dataclass(frozen=True)
class Verify:
    """Read all of an index and compare it with its digests.

    With --private-record also that the keyed digests in it are those of the files that the record names.

    \b
    provenance index verify indexes/books
    provenance index verify indexes/sealed --private-record ours.json --key-file secret.key
    """

    index: Path = argument("INDEX")
    private_record: Path | None = option(
        "--private-record", "Compare also with this record of a sealed index; needs its key."
    )
    key_file: Path | None = like(Build, "key_file", help="The key the index was built with.")


@dataclass(frozen=True)
class Index:
    """Build, extend, join, show and verify indexes of known books.

    \b
    provenance index build books/ --out indexes/books
    provenance index info indexes/books
    """

    COMMANDS: ClassVar = {"build": Build, "add": Add, "merge": Merge, "info": Info, "verify": Verify}
