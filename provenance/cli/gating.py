"""`--fail-on` of `scan` and `collect`: checked before the work begins, asked after it. docs/gate.md has the rule."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from provenance.cli.allow import AllowList, put_into, read_list
from provenance.cli.definitions.scan import Gate as GateOptions
from provenance.cli.summary import MOST_WORKS_SHOWN, complain, print_summary
from provenance.cli.texts import say
from provenance.compare.gate import Gate, Verdict, judge
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
            say("gate", {"verdict": verdict, "most": MOST_WORKS_SHOWN})
    complain(summary)
    if verdict is not None:
        say("gate_complaints", {"verdict": verdict}, err=True)
    return code
