"""`provenance scan`: shards against an index. The process has its workers already; see `scan`."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import click

from provenance.cli.definitions.scan import Scan
from provenance.cli.gating import gating_of, tell
from provenance.cli.summary import print_problems
from provenance.cli.texts import say
from provenance.cli.watching import watching
from provenance.errors import UsageError
from provenance.index.near import near_index
from provenance.index.opening import Index
from provenance.isolation.supervisor import Children
from provenance.runs.inspecting import plan_scan
from provenance.runs.request import Request
from provenance.runs.scan import scan_into, scan_share
from provenance.sketch import Key
from provenance.units.cutting import Share, parse_share, share_of_array


def run(options: Scan, children: Children) -> None:
    """Scan, scan a share, or only plan, as the options say."""
    _check(options)
    request = replace(options.request, key=Key.from_file(options.key_file))
    share = None if options.task is None else parse_share(options.task)
    if options.only_plan:
        _print_plan(request, share, children, options.as_json)
    elif options.db is None:
        if not run_share(request, options, share or share_of_array(dict(os.environ)), children):
            sys.exit(3)
    elif code := _scan(request, options.db, options, children):
        sys.exit(code)


def _check(options: Scan) -> None:
    """Raise UsageError for options that do not go together."""
    planned = options.only_plan
    if options.task is not None and not planned and (options.db is not None or options.out is None):
        raise UsageError("--task goes with --out: tasks write units, and `provenance collect DIR --db` loads them")
    if options.gate.fail_on is not None and (planned or options.db is None):
        raise UsageError("--fail-on looks at a finished run: it goes with --db, or with `provenance collect`")
    if not planned and options.db is None and options.out is None:
        raise UsageError("give --db, the run database to write, or --out, a folder for the units of a task")


def _scan(request: Request, db: Path, options: Scan, children: Children) -> int:
    """Scan, print what was found; returns the exit code."""
    if (gating := gating_of(options.gate)) is not None:
        gating.check(db, lambda: _works(request), f"the index {request.index}")
    with watching() as watch:
        summary = scan_into(request, db, options.out, overwrite=options.overwrite, children=children, watch=watch)
    return tell(summary, gating, options.as_json)


def _works(request: Request) -> list[str]:
    """Those that will be scanned for, without decoys."""
    return Index(near_index(request.index, request.anonymous), request.key, request.config.scale).work_ids


def run_share(request: Request, options: Scan, share: Share | None, children: Children) -> bool:
    """Scan a share of the units, print how it went; returns whether all of it was scanned."""
    out = str(options.out)
    with watching() as watch:
        summary = scan_share(request, out, share, overwrite=options.overwrite, children=children, watch=watch)
    if options.as_json:
        click.echo(json.dumps(summary.to_json()))
    else:
        say("task", vars(summary))
    print_problems(summary.incomplete, f"in the unit files of {summary.out}")
    return summary.complete


def _print_plan(request: Request, share: Share | None, children: Children, as_json: bool) -> None:
    plan = plan_scan(request.shards, request.config, request.anonymous, share.tasks if share else 1, children)
    if as_json:
        click.echo(json.dumps(plan.to_json()))
    else:
        say("plan", vars(plan))
