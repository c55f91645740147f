"""Scanning: shards are looked into, planned, scanned and collected; one text is compared."""

from dataclasses import MISSING, dataclass
from pathlib import Path

from provenance.matching.config import MatchConfig
from provenance.options.field import argument, flag, group, like, option
from provenance.runs.request import Request
from provenance.shards.reading import Reading
from provenance.store.grades import GRADE_NAMES

KEY = "Key that the index was built with."
SUMMARY = "Print the summary as one JSON object."


@dataclass(frozen=True)
class Gate:
    """What makes a scan a gate; docs/gate.md has the rule."""

    fail_on: str | None = option(
        "--fail-on", "Exit with --exit-code if a work has this grade or a higher one.", choices=GRADE_NAMES
    )
    exit_code: int | None = option(
        "--exit-code", "What --fail-on exits with, by default 1; not 2, 3 or 70.", least=1, most=125
    )
    baseline: Path | None = option(
        "--baseline", "An earlier run: --fail-on counts only what is there more often than in that.",
        metavar="OLD.duckdb",
    )  # fmt: skip
    allow: Path | None = option(
        "--allow", "Works and matches that may be there (`provenance allow`): --fail-on does not count them.",
        metavar="ALLOWED.toml",
    )  # fmt: skip


@dataclass(frozen=True)
class Scan:
    """Scan training shards for the books of an index: files, directories, globs, objects, @list.txt, or - for a list.

    Parquet, Arrow, JSON lines, CSV, WebDataset, WARC, and token ids (--tokenizer); docs/formats.md has them all.
    The same command again goes on where it stopped. docs/runs.md says how runs are resumed, shared and collected, and
    docs/gate.md how --fail-on makes a scan a gate.

    \b
    provenance scan shards/ --index indexes/books --db run.duckdb
    provenance scan 'data/train-*.parquet' --index indexes/books --db run.duckdb --text-column body
    provenance scan shards/ --index indexes/books --db run.duckdb --background news.parquet --decoys unpublished/
    provenance scan shards/ --index indexes/books --out units/ --task 3/64
    provenance scan shards/ --index indexes/books --db run.duckdb --fail-on excerpts --baseline last.duckdb
    """

    db: Path | None = option("--db", "Run database to write (DuckDB); beside it DB.units, from which a run is resumed.")
    out: str | None = option(
        "--out", "Where units are kept instead, also s3://...; without --db nothing else is.", kind="place",
        metavar="DIR",
    )  # fmt: skip
    task: str | None = option(
        "--task", "Scan the third of 64 shares into --out; by default as Slurm's array says.", metavar="3/64"
    )
    only_plan: bool = flag("--plan", "Print what there is to scan, and scan nothing.")
    request: Request = group(Request)
    key_file: Path | None = option("--key-file", KEY)
    overwrite: bool = flag("--overwrite", "Begin anew, in place of the run that is there.")
    gate: Gate = group(Gate)
    as_json: bool = flag("--json", SUMMARY, unnamed=True)


@dataclass(frozen=True)
class Collect:
    """Load the units in DIR, which `provenance scan --out DIR` wrote, into a run database.

    Units that are missing or damaged are named, and the exit code is 3; run their tasks again and collect again.
    With --fail-on it is a gate (docs/gate.md).

    \b
    provenance collect units/ --db run.duckdb
    provenance collect s3://bucket/units --db run.duckdb
    """

    out: str = argument("DIR", kind="place")
    db: Path = option("--db", "Run database to write (DuckDB).", MISSING)
    overwrite: bool = flag("--overwrite", "Replace the run database of another run.")
    gate: Gate = group(Gate)
    as_json: bool = flag("--json", SUMMARY, unnamed=True)


@dataclass(frozen=True)
class Inspect:
    """Show what is in shards: format, rows, columns, and the first texts.

    \b
    provenance inspect data/train-00000.parquet
    provenance inspect tokens.npy --tokenizer tokenizer.json
    provenance inspect s3://bucket/data/ --anonymous
    """

    shards: tuple[str, ...] = argument("SHARD...", kind="place")
    text_columns: tuple[str, ...] = like(Reading, "text_columns", help="Column to show texts of.")
    id_column: str | None = like(Reading, "id_column", help="Column that names a document.")
    tokenizer: str | None = like(Reading, "tokenizer")
    end_of_text: int | None = like(Reading, "end_of_text")
    rows: int = option("--rows", "First rows to show.", 3, least=0, unnamed=True)
    anonymous: bool = like(Request, "anonymous")
    as_json: bool = flag("--json", "Print one JSON object a shard.", unnamed=True)


@dataclass(frozen=True)
class Match:
    """Compare one text, or one book of any format, with an index and show each match beside the book.

    \b
    provenance match page.txt --index indexes/books
    pbpaste | provenance match - --index indexes/books
    """

    file: str = argument("FILE|-", kind="place")
    index: Path = option("--index", "Index of the known books.", MISSING, unnamed=True)
    min_words: int = like(MatchConfig, "min_words", help="Shortest match that is shown, in matched words.")
    full: bool = flag("--full", "Show all of every match.", unnamed=True)
    key_file: Path | None = option("--key-file", KEY)
    as_json: bool = flag("--json", "Print one JSON object a match.", unnamed=True)
