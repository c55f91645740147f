"""`--fail-on` of `scan` and `collect`: checked before the work begins, asked after it. docs/gate.md has the rule."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from provenance.cli.allow import AllowList, put_into, read_list
from provenance.cli.definitions.scan import Gate as GateOptions
from provenance.cli.summary import MOST_WORKS_SHOWN, complain, print_summary
from provenance.compare.gate import Gate, Tripping, Verdict, judge
from provenance.display.text import number, percent, safe
from provenance.errors import UsageError
from provenance.options.field import options_in
from provenance.runs.record import ScanSummary
from provenance.store.database import RunReader

TAKEN = (2, 3, 70)  # exit codes that mean something else; 130, too, but that is beyond the range


@dataclass
class Gating:
    """What the options ask for, and the list that they name."""

    options: GateOptions
    allowed: AllowList | None = None

    def check(self, db: Path, works: Callable[[], Iterable[str]], where: str) -> None:
        """Find out before the work begins what would fail after it; raises UsageError, StoreError.

        `works` gives those that may be allowed, and `where` says whose they are.
        """
        if (baseline := self.options.baseline) is not None:
            there = db.exists() and baseline.exists()
            if baseline.resolve() == db.resolve() or (there and db.samefile(baseline)):
                raise UsageError(f"--baseline {baseline} is the run database --db itself: choose an earlier run")
            with RunReader(baseline) as run:
                if len(run.query("SELECT outcome FROM run")) != 1:
                    raise UsageError(f"--baseline {baseline} holds no finished run")
        if self.options.allow is not None:
            self.allowed = read_list(self.options.allow)
            if self.allowed.works:
                self.allowed.refuse_unknown(works(), where)

    def decide(self, db: Path) -> Verdict:
        """Put the allow list into the run, and ask the gate."""
        if self.allowed is not None:
            put_into(db, self.allowed)
        return judge(db, Gate(str(self.options.fail_on), self.options.baseline))


def gating_of(options: GateOptions) -> Gating | None:
    """What the options ask for; None without --fail-on. Raises UsageError for those that mean nothing without it."""
    if options.fail_on is None:
        for path, _, option in options_in(GateOptions):
            if getattr(options, path) is not None:
                raise UsageError(f"{option.flag} goes with --fail-on, the grade from which a work fails")
        return None
    if options.exit_code in TAKEN:
        raise UsageError(f"--exit-code {options.exit_code} means something else already: choose another from 1 to 125")
    return Gating(options)


def tell(summary: ScanSummary, gating: Gating | None, as_json: bool) -> int:
    """Print a summary and what the gate says of it; returns the exit code. What was found outweighs what is missing."""
    verdict = None if gating is None else gating.decide(summary.db)
    code = 0 if summary.complete else 3
    if gating is not None and verdict is not None and verdict.tripped:
        code = gating.options.exit_code or 1
    if as_json:
        gate = {} if verdict is None else {"gate": {**verdict.to_json(), "exit_code": code}}
        click.echo(json.dumps({**summary.to_json(), **gate}, default=str))
    else:
        print_summary(summary)
        if verdict is not None:
            print_verdict(verdict)
    complain(summary)
    if verdict is not None:
        complain_of(verdict)
    return code


def print_verdict(verdict: Verdict) -> None:
    """The works that trip the gate, or what it looked at to let everything pass."""
    for work in verdict.works[:MOST_WORKS_SHOWN]:
        click.echo(f"gate: {_told(work, verdict.gate.baseline is not None)}")
    if len(verdict.works) > MOST_WORKS_SHOWN:
        click.echo(f"gate: and {number(len(verdict.works) - MOST_WORKS_SHOWN, 'more work')}; --json has all")
    if verdict.passed:
        click.echo(f"gate: passed. {_looked_at(verdict)}")


def complain_of(verdict: Verdict) -> None:
    """What the gate has to say on stderr."""
    grade, baseline = verdict.gate.grade, verdict.gate.baseline
    lines = [f"the baseline was made otherwise: {safe(note)}" for note in verdict.baseline_notes]
    if verdict.baseline_notes:
        lines.append("so what is new since then may be due to that, and not to the data")
    if verdict.tripped:
        since = "" if baseline is None else f" with matches that {safe(str(baseline))} does not have"
        lines.append(f"{number(len(verdict.works), 'work')} at or above {grade}{since}")
    elif not verdict.complete:
        lines.append(f"nothing at or above {grade} in what was scanned, but the run is incomplete: not passed")
    for line in lines:
        click.echo(f"provenance: gate: {line}", err=True)


def _told(work: Tripping, with_baseline: bool) -> str:
    titled = work.title not in (None, "", work.work_id)
    named = f"{safe(str(work.title))} ({safe(work.work_id)})" if titled else safe(work.work_id)
    matches = "1 match" if work.matches == 1 else f"{work.matches:,} matches"
    new = f", {work.new_matches:,} new; {work.earlier_grade} in the baseline" if with_baseline else ""
    return f"{named}: {work.grade}, coverage {percent(work.coverage)}, {matches}{new}"


def _looked_at(verdict: Verdict) -> str:
    line = (
        f"{number(verdict.documents_scanned, 'document')} scanned for {number(verdict.works_known, 'work')}: "
        f"none at or above {verdict.gate.grade}"
    )
    besides, baseline = [], verdict.gate.baseline
    if baseline is not None:
        besides.append(f"{len(verdict.known):,} of which the baseline {safe(str(baseline))} has all matches")
    if verdict.allowed or verdict.allowed_matches:
        besides.append(f"{len(verdict.allowed):,} that are allowed")
    if besides:
        line += f" but {' and '.join(besides)}"
    if verdict.allowed_matches:
        line += f". Left out: {verdict.allowed_matches:,} matches that are allowed"
    return line + "."
