"""`provenance verify`: a run database against its units, shards and index; a bundle or a minimal result by itself."""

import json
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import NoReturn

import click

from provenance.cli.definitions.check import Verify
from provenance.cli.tables import table
from provenance.cli.watching import counting, watching
from provenance.display.text import percent, safe
from provenance.errors import UsageError
from provenance.evidence.minimal import read_minimal, verify_minimal
from provenance.evidence.verify import verify_bundle
from provenance.files.secrets import read_secret
from provenance.index.sealing import read_record
from provenance.options.field import flags_of
from provenance.sketch import Key
from provenance.verify.check import Check
from provenance.verify.run import Wanted, verify

EXIT_CODES = {"different": 1, "not checked": 3, "equal": 0}  # of many checks the first of these counts
VERDICTS = {
    "equal": "All that was checked is as it was.",
    "different": "Something is not as it was.",
    "not checked": "Nothing that was checked differs, but not all could be checked.",
}


def run(options: Verify) -> None:
    """Check a run, a bundle or a minimal result."""
    wanted = wanted_of(options)
    begin = _begin(options.run)
    if begin is not None and (options.run.suffix == ".json" or begin[:1] == b"{"):
        _verify_result(options)
    if options.db or options.salt_file or options.private_record:
        raise UsageError("--run, --salt-file and --private-record go with a minimal result (`bundle --minimal`)")
    if begin == b"PK" or options.run.is_dir():
        _refuse_given(options, ("index",), "a bundle is verified by itself")
        finish(_shown(verify_bundle(options.run, options.scratch), options), [], options.as_json)
    with (
        counting("unit", "verifying") as on_unit,
        counting("shard", "verifying") as on_shard,
        watching() if wanted.scans else nullcontext() as watch,
    ):
        checks = _shown(verify(options.run, wanted, watch, on_unit, on_shard), options)
    asked = {"--shards": options.shards, "--index": options.index or wanted.scans, "--sample": wanted.scans}
    finish(checks, [name for name, given in asked.items() if not given], options.as_json)


def wanted_of(options: Verify) -> Wanted:
    """What of a run is to be verified; raises UsageError for a sample that is none."""
    everything, sample = options.sample == "all", options.sample
    if sample is not None and not everything and not (sample.isascii() and sample.isdigit()):
        raise UsageError(f"--sample is {sample!r}; give a number of matches, or `all`")
    return Wanted(
        options.out, options.shards, options.index, None if sample is None or everything else int(sample), everything,
        options.match_id, options.seed, Key.from_file(options.key_file), options.anonymous, options.scratch,
        options.workers,
    )  # fmt: skip


def _verify_result(options: Verify) -> NoReturn:
    _refuse_given(options, (), "this is a minimal result")
    salt = None if options.salt_file is None else read_secret(options.salt_file, "salt")
    index = None if options.index is None else Path(options.index)
    checks = _shown(verify_minimal(options.run, index, options.db, salt), options)
    if options.private_record is not None and not options.as_json and all(check.state == "equal" for check in checks):
        show_works(options.run, options.private_record)
    given = {"--index": options.index, "--run": options.db}
    finish(checks, [name for name, value in given.items() if value is None], options.as_json)


def _refuse_given(options: Verify, more: tuple[str, ...], reason: str) -> None:
    """Raise UsageError for options that only mean something for a run database."""
    flags = flags_of(Verify)
    given = [flags[name] for name in ("out", "shards", "sample", "match_id", *more) if getattr(options, name)]
    if given:
        raise UsageError(f"{', '.join(given)} goes with a run database; {reason}")


def _shown(checks: Iterable[Check], options: Verify) -> list[Check]:
    """The checks, each printed as it comes."""
    done = []
    for check in checks:
        done.append(check)
        if not options.as_json:
            show(check)
    return done


def finish(checks: list[Check], not_asked: list[str], as_json: bool) -> NoReturn:
    """Print what all checks come to, and exit with its code."""
    state = next(state for state in EXIT_CODES if state == "equal" or any(check.state == state for check in checks))
    if as_json:
        click.echo(json.dumps({"state": state, "checks": [vars(check) for check in checks]}, indent=1))
    else:
        click.echo(VERDICTS[state] + (f" Not asked for: {', '.join(not_asked)}." if not_asked else ""))
    sys.exit(EXIT_CODES[state])


def _begin(path: Path) -> bytes | None:
    """The first two bytes, which tell a result (JSON) and a bundle (ZIP), or what is left of one, from a database."""
    try:
        with path.open("rb") as file:
            return file.read(2)
    except OSError:
        return None


def show_works(path: Path, private_record: Path) -> None:
    """Print the works of a result that was checked, by the names that the private record of its index has."""
    result, record = read_minimal(path), read_record(private_record)
    if record["index"] != result["index"]["xxh3_128"]:
        raise UsageError(f"{private_record} is of index {record['index']}, and the result is not")
    editions = {entry["edition_id"]: entry for entry in record["editions"]}
    rows = []
    for work in result["works"]:
        entry = editions.get(work["best_edition"], {})
        shares = (work["coverage"], work["coverage_low"], work["coverage_high"])
        shown = (percent(share) if share is not None else "" for share in shares)
        named = (entry.get("title") or work["work_id"], entry.get("author", ""), work["grade"])
        rows.append([*named, *shown, f"{work['covered_words']:,}", f"{work['documents']:,}"])
    headings = ("work", "author", "grade", "coverage", "from", "to", "words", "documents")
    table([(heading, "left" if number < 3 else "right") for number, heading in enumerate(headings)], rows)


def show(check: Check) -> None:
    """Print a check, and what was different."""
    click.echo(f"{check.state:<12} {check.name:<9} {safe(check.text)}")
    for example in check.examples:
        click.echo(f"{'':<22} - {safe(example)}")
