"""Handing over what a run found: statements, tables, bundles."""

from dataclasses import MISSING, dataclass
from pathlib import Path

from provenance.cli.definitions.look import REDACT, RUN
from provenance.options.field import argument, flag, option

WHAT = (
    "matches", "works", "documents", "shards", "passages", "coverage", "own-coverage", "editions", "origins",
    "exceptions", "reviews", "allowed", "allowed-matches", "selftest", "journal", "run", "attempts", "units",
)  # fmt: skip
"""Known here too, so that help needs no import."""


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
