"""`provenance verify`: a run database against its units, shards and index."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from provenance.cli.places import PLACE

if TYPE_CHECKING:
    from provenance.verify.check import Check

FILE = click.Path(path_type=Path)
EXIT_CODES = {"different": 1, "not checked": 3}


@click.command("verify", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", type=FILE, metavar="RUN.duckdb|BUNDLE|RESULT.json")
@click.option("--out", type=PLACE, metavar="DIR", help="Where the units lie, if they were moved.")
@click.option("--shards", is_flag=True, help="Hash the shards again.")
@click.option(
    "--index",
    type=PLACE,
    metavar="DIR",
    help="Check this index, also s3://...; for --sample by default the one of the run.",
)
@click.option("--sample", metavar="N", help="Scan the units again that hold N matches taken at random, or `all` units.")
@click.option("--match", "finding", metavar="FINDING", help="Scan the unit of this match again; reports name them.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the matches that are taken.")
@click.option("--run", "db", type=FILE, metavar="RUN.duckdb", help="Of a minimal result: the run it should be of.")
@click.option("--salt-file", type=FILE, help="Of a minimal result: what its commitment was made with.")
@click.option("--private-record", type=FILE, help="Of a minimal result: show what its works are, by this record.")
@click.option("--key-file", type=FILE, help="Key that the index was built with.")
@click.option("--anonymous", is_flag=True, help="Read objects without credentials.")
@click.option("--scratch", type=FILE, metavar="DIR", help="For a second database and fetched objects.")
@click.option("--workers", type=int, help="Worker processes; by default one a core.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    run: Path,
    out: str | None,
    shards: bool,
    index: str | None,
    sample: str | None,
    finding: str | None,
    seed: int,
    db: Path | None,
    salt_file: Path | None,
    private_record: Path | None,
    key_file: Path | None,
    anonymous: bool,
    scratch: Path | None,
    workers: int | None,
    as_json: bool,
) -> None:
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
    from provenance.cli.options import read_key
    from provenance.cli.results import is_result, result_checks, show_works
    from provenance.cli.watching import counting, watching
    from provenance.errors import UsageError
    from provenance.verify.run import Wanted, verify

    everything = sample == "all"
    if sample is not None and not everything and not (sample.isascii() and sample.isdigit()):
        raise UsageError(f"--sample is {sample!r}; give a number of matches, or `all`")
    wanted = Wanted(
        out, shards, index, None if sample is None or everything else int(sample), everything, finding, seed,
        read_key(key_file), anonymous, scratch, workers,
    )  # fmt: skip
    options = {"--out": out, "--shards": shards, "--sample": sample, "--match": finding}
    given = [name for name, value in options.items() if value]
    checks: list[Check] = []
    if is_result(run):
        if given:
            raise UsageError(f"{', '.join(given)} goes with a run database; this is a minimal result")
        for check in result_checks(run, index, db, salt_file):
            checks.append(check)
            if not as_json:
                show(check)
        if private_record is not None and not as_json and all(check.state == "equal" for check in checks):
            show_works(run, private_record)
        finish(checks, [name for name, value in (("--index", index), ("--run", db)) if value is None], as_json)
    if db or salt_file or private_record:
        raise UsageError("--run, --salt-file and --private-record go with a minimal result (`bundle --minimal`)")
    if is_bundle(run):
        given += ["--index"] if index else []
        if given:
            raise UsageError(f"{', '.join(given)} goes with a run database; a bundle is verified by itself")
        from provenance.evidence.verify import verify_bundle

        for check in verify_bundle(run, scratch):
            checks.append(check)
            if not as_json:
                show(check)
        finish(checks, [], as_json)
    with (
        counting("unit", "verifying") as on_unit,
        counting("shard", "verifying") as on_shard,
        watching() if wanted.scans else nullcontext() as watch,
    ):
        for check in verify(run, wanted, watch, on_unit, on_shard):
            checks.append(check)
            if not as_json:
                show(check)
    scans = sample or finding
    asked = (("--shards", shards), ("--index", index or scans), ("--sample", scans))
    finish(checks, [name for name, given in asked if not given], as_json)


def finish(checks: list[Check], not_asked: list[str], as_json: bool) -> NoReturn:
    """Print what all checks come to, and exit with its code."""
    state = next((s for s in EXIT_CODES if any(check.state == s for check in checks)), "equal")
    if as_json:
        click.echo(json.dumps({"state": state, "checks": [vars(check) for check in checks]}, indent=1))
    else:
        click.echo(verdict(state, not_asked))
    sys.exit(EXIT_CODES.get(state, 0))


def is_bundle(path: Path) -> bool:
    """Whether a path is a bundle, or what is left of one, rather than a run database."""
    if path.is_dir():
        return True
    try:
        with path.open("rb") as file:
            return file.read(2) == b"PK"
    except OSError:
        return False


def show(check: Check) -> None:
    """Print a check, and what was different."""
    from provenance.cli.printing import safe

    click.echo(f"{check.state:<12} {check.name:<9} {safe(check.text)}")
    for example in check.examples:
        click.echo(f"{'':<22} - {safe(example)}")


def verdict(state: str, not_asked: list[str]) -> str:
    """What all checks come to, and what nobody asked for."""
    told = {
        "equal": "All that was checked is as it was.",
        "different": "Something is not as it was.",
        "not checked": "Nothing that was checked differs, but not all could be checked.",
    }[state]
    return f"{told} Not asked for: {', '.join(not_asked)}." if not_asked else told
