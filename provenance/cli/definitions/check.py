"""Checking: self-test and verification."""

from dataclasses import dataclass
from pathlib import Path

from provenance.cli.definitions.look import RUN
from provenance.cli.definitions.scan import KEY
from provenance.options.field import argument, flag, like, option
from provenance.runs.request import Request
from provenance.shards.reading import Reading
from provenance.units.config import ScanConfig

JSON = "Print one JSON object."


@dataclass(frozen=True)
class Selftest:
    """Say how many passages of the known books a scan of these very shards finds: a certificate of recall.

    Rows of the shards are taken at random, passages of the books are changed as the quality study changes them and
    planted in copies of these rows in memory, and all is matched as a scan would. With --db it is done as the run was
    made, and recorded in it for the report. Shards and index stay as they are; docs/method.md says what it means.

    \b
    provenance selftest --db run.duckdb
    provenance selftest --shards 'data/train-*.parquet' --index indexes/books
    provenance selftest --db sealed.duckdb --key-file secret.key --books books/
    """

    more: tuple[str, ...] = argument("[SHARD]...", ())
    shards: tuple[str, ...] = option("--shards", "Shards to take rows from; more may follow it.", (), metavar="SHARD")
    index: str | None = option("--index", "Index of the known books, also s3://...", unnamed=True)
    db: Path | None = option("--db", "Run to certify: all is as it had it, and it is recorded.", metavar=RUN)
    books: tuple[Path, ...] = option("--books", "Copies of the books, for an index without.", (), metavar="BOOKS")
    plants: int = option("--plants", "Passages of each length and kind of change.", 50)
    lengths: str = option("--lengths", "Words of a passage.", "25,50,100,200,400")
    noise: str | None = option(
        "--noise", "Such as verbatim,homoglyphs,ocr:0.2; by default all of the study.", metavar="KINDS"
    )
    rows: int = option("--rows", "Rows of the shards to take.", 400, unnamed=True)
    seed: int = option("--seed", "Of all that is taken at random.", 0)
    text_columns: tuple[str, ...] = like(Reading, "text_columns", help="Column to take texts from.")
    tokenizer: str | None = like(Reading, "tokenizer")
    end_of_text: int | None = like(Reading, "end_of_text")
    scale: int | None = like(ScanConfig, "scale", help="Look up one fingerprint in SCALE, as the scan did.")
    min_words: int | None = option("--min-words", "Shortest match that is reported; by default 25.")
    key_file: Path | None = option("--key-file", KEY)
    anonymous: bool = like(Request, "anonymous")
    workers: int | None = like(Request, "workers", help="Processes that read shards; by default one a core.")
    name: str = option("--name", "Who says so in the journal; by default the account.", "")
    as_json: bool = flag("--json", JSON, unnamed=True)


@dataclass(frozen=True)
class Verify:
    """Check that a run, a bundle or a minimal result of one, says what its files say.

    Unit files have their digests, and the database is what they give; a bundle comes out of its tables again.

    With more options also that shards and index are those of the run, and that units give the same matches again.
    Against accidents, and against a changed database; who can write units, shards and index can make all of them fit
    one another, so keep the digest that is printed, of all units, elsewhere.
    A minimal result is checked by itself, against the index it is of (--index), or the run it is of (--run).
    Exit code 0: all equal; 1: something differs; 3: something could not be checked.

    \b
    provenance verify run.duckdb
    provenance verify run.duckdb --shards --index indexes/books --sample 20
    provenance verify run.duckdb --match 4f0c2a9d1e6b7735
    provenance verify evidence.zip
    provenance verify result.json --index indexes/sealed
    provenance verify result.json --run run.duckdb --salt-file salt
    """

    run: Path = argument("RUN.duckdb|BUNDLE|RESULT.json")
    out: str | None = option("--out", "Where the units lie, if they were moved.", kind="place", metavar="DIR")
    shards: bool = flag("--shards", "Hash the shards again.")
    index: str | None = option(
        "--index", "Check this index, also s3://...; for --sample by default the one of the run.", kind="place",
        metavar="DIR", unnamed=True,
    )  # fmt: skip
    sample: str | None = option(
        "--sample", "Scan the units again that hold N matches taken at random, or `all` units.", metavar="N"
    )
    match_id: str | None = option(
        "--match", "Scan the unit of this match again; reports name them.", metavar="MATCH_ID"
    )
    seed: int = option("--seed", "Of the matches that are taken.", 0)
    db: Path | None = option("--run", "Of a minimal result: the run it should be of.", metavar=RUN)
    salt_file: Path | None = option("--salt-file", "Of a minimal result: what its commitment was made with.")
    private_record: Path | None = option(
        "--private-record", "Of a minimal result: show what its works are, by this record."
    )
    key_file: Path | None = option("--key-file", KEY)
    anonymous: bool = like(Request, "anonymous")
    scratch: Path | None = like(Request, "scratch", help="For a second database and fetched objects.")
    workers: int | None = like(Request, "workers")
    as_json: bool = flag("--json", JSON, unnamed=True)
