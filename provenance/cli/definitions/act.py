"""Acting on a run, and handing over what it found: clean shards, differences, allowances; statements, tables."""

from dataclasses import MISSING, dataclass
from pathlib import Path

from provenance.cli.definitions.look import REDACT, RUN
from provenance.cli.definitions.scan import KEY, SUMMARY
from provenance.options.field import argument, flag, like, option
from provenance.runs.request import Request
from provenance.store.grades import GRADE_NAMES
from provenance.units.config import WorkerLimits

MOST_WORKS_SHOWN = 40
EXAMPLES = 20
WHAT = (
    "matches", "works", "documents", "shards", "passages", "coverage", "own-coverage", "editions", "origins",
    "exceptions", "reviews", "allowed", "allowed-matches", "selftest", "journal", "run", "attempts", "units",
)  # fmt: skip
"""Known here too, so that help needs no import."""


@dataclass(frozen=True)
class Clean:
    """Write the shards of a run anew: without rows, or passages, of the works that were found.

    Shards keep their names, schema, row groups, compression and metadata; what is not touched stays as it is. The new
    shards are scanned in the end, and what is still found is told. What was taken out, and why, is in
    DIR/.provenance/removed.parquet. The same command again goes on where it stopped. docs/clean.md has all of it.

    Exit code 1: the new shards still have works at or above the grade; 3: a shard was left out, and is named.

    \b
    provenance clean run.duckdb --out clean/ --mode drop
    provenance clean run.duckdb --out masked/ --mode mask --grade excerpts --marker "[...]"
    provenance clean run.duckdb --out noted/ --mode annotate --grade quotation
    """

    db: Path = argument(RUN)
    out: str = option("--out", "Where the new shards go, also s3://...", MISSING, metavar="DIR")
    mode: str = option(
        "--mode", "Drop rows with passages, mask the passages, or add columns that say what each row copies.", MISSING,
        choices=("drop", "mask", "annotate"),
    )  # fmt: skip
    grade: str = option("--grade", "Works of this grade or above.", "substantial", choices=GRADE_NAMES)
    works: Path | None = option("--works", "Only these works: their ids, one a line.", metavar="FILE")
    min_coverage: float = option(
        "--min-coverage", "Only works of which so much is in the shards.", 0.0, least=0, most=1
    )
    marker: str = option("--marker", "Stands where a passage was masked.", "[removed]")
    keep_unscanned: bool = flag("--keep-unscanned", "Write shards as well of which not all was scanned.")
    task: str | None = option(
        "--task", "Write the third of 64 shares; the same command without --task finishes.", metavar="3/64"
    )
    no_check: bool = flag("--no-check", "Do not scan the new shards.")
    index: str | None = option("--index", "Index for that scan; by default the one of the run.", unnamed=True)
    key_file: Path | None = option("--key-file", KEY)
    check_db: Path | None = option("--check-db", "Keep the run database of that scan.", metavar="FILE")
    anonymous: bool = like(Request, "anonymous")
    scratch: Path | None = like(Request, "scratch", help="For fetched objects and what is made on the way.")
    engine: str = like(Request, "engine")
    ray_address: str | None = like(Request, "ray_address")
    workers: int | None = like(Request, "workers")
    max_memory: int = like(WorkerLimits, "memory_bytes", help="Memory of a worker: a row group has to fit.")
    overwrite: bool = flag("--overwrite", "Begin anew, in place of what is there.")
    as_json: bool = flag("--json", SUMMARY, unnamed=True)


@dataclass(frozen=True)
class Diff:
    """Compare two runs: works and documents gained, lost and changed from A to B, with the reason of each.

    Reasons: not scanned (in the other run), data, index, parameters, software. docs/gate.md says what each means. What
    people allowed or reviewed is mentioned, but is no difference.

    \b
    provenance diff last.duckdb run.duckdb
    provenance diff last.duckdb run.duckdb --exit-code --out documents.parquet
    """

    earlier: Path = argument("A.duckdb")
    later: Path = argument("B.duckdb")
    exit_code: bool = flag("--exit-code", "Exit with 1 if anything differs, as `git diff --exit-code` does.")
    all_works: bool = flag("--works", f"Show all works that differ, not only {MOST_WORKS_SHOWN}.")
    most: int = option("--documents", "Documents and shards shown of each kind.", EXAMPLES, least=0)
    out: Path | None = option("--out", "Write all documents that differ, sorted.", metavar="DOCUMENTS.parquet")
    as_json: bool = flag("--json", "Print one JSON object: counts, all works, examples.", unnamed=True)


@dataclass(frozen=True)
class Allow:
    """Say which works may be in the data: licensed, in the public domain, or permitted, with a reason and an expiry.

    The list is a TOML file; without one, what holds now is shown. Giving a list again changes nothing, and works that
    are no longer on it are withdrawn. Scores, grades and tables stay as they are. docs/report.md has an example. Single
    matches can be allowed too, for the gate (docs/gate.md): with `match = "MATCH_KEY"` in place of the work.

    \b
    provenance allow run.duckdb allowed.toml --name "A. Person"
    provenance allow run.duckdb
    """

    db: Path = argument(RUN)
    file: Path | None = argument("[ALLOWED.toml]", None)
    name: str = option("--name", "Who says so; by default the account.", "")


@dataclass(frozen=True)
class Custody:
    """State how the inputs of a run were acquired; the report and the draft of a certificate repeat it.

    TOML with `case`, `operator`, `organisation`, `note` and, for each thing acquired, `what`, `from`, `by`, `at` and,
    where it is known, `sha256`. It is added to the journal of the run; an earlier statement stays there.

    \b
    provenance custody run.duckdb custody.toml --name "A. Person"
    """

    db: Path = argument(RUN)
    file: Path = argument("CUSTODY.toml")
    name: str = option("--name", "Who says so; by default the account.", "")


@dataclass(frozen=True)
class Export:
    """Write what a run found, sorted, so that equal results are equal bytes.

    \b
    provenance export run.duckdb --what matches --format parquet --out matches.parquet
    provenance export run.duckdb --what works --format csv --out works.csv
    provenance export run.duckdb --what matches --format sarif --redact --out matches.sarif
    """

    db: Path = argument(RUN)
    what: str = option("--what", "What to write.", MISSING, choices=WHAT)
    file_format: str = option("--format", "", MISSING, choices=("parquet", "csv", "jsonl", "sarif"), unnamed=True)
    out: Path = option("--out", "File to write; replaced when it exists.", MISSING)
    redact: bool = flag("--redact", REDACT, unnamed=True)


@dataclass(frozen=True)
class Bundle:
    """Write a run as a bundle: report, tables, digests, a statement to be signed, metadata of the scanned set.

    `provenance verify BUNDLE` checks it offline, wherever it is. docs/bundle.md says what is in it. The digest that is
    printed is of the manifest: keep it elsewhere, and the bundle cannot be changed unseen. With --minimal it is one
    file with nothing of the data in it, for the other side of docs/two-party.md.

    \b
    provenance bundle run.duckdb --out evidence.zip
    provenance bundle run.duckdb --out evidence/ --redact
    provenance bundle run.duckdb --out result.json --minimal --salt-file salt
    """

    db: Path = argument(RUN)
    out: Path = option("--out", "Folder to make, or a file that ends in .zip.", MISSING)
    redact: bool = flag("--redact", REDACT, unnamed=True)
    minimal: bool = flag("--minimal", "One small file: works, how much of each, a salted commitment.")
    salt_file: Path | None = option("--salt-file", "Of --minimal: at least 16 random bytes that you keep.")
    max_matches: int = option("--max-matches", "Matches that the report shows; tables have all.", 1000)
    overwrite: bool = flag("--overwrite", "Replace the bundle that is there.")
