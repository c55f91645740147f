"""Acting on a run: shards without what was found, what differs from an earlier run, what may be there."""

from dataclasses import MISSING, dataclass
from pathlib import Path

from provenance.cli.definitions.look import RUN
from provenance.cli.definitions.scan import GRADE_NAMES, KEY, SUMMARY
from provenance.options.field import argument, flag, like, option
from provenance.runs.request import Request
from provenance.units.config import WorkerLimits

MOST_WORKS_SHOWN = 40
EXAMPLES = 20


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
