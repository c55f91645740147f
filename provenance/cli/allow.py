"""`provenance allow`: works that may be in the data, and why. They stay in every table, marked as allowed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from provenance.store import RunReader

FILE = click.Path(path_type=Path)
WITHDRAWN = "withdrawn"


@click.command("allow", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("db", type=FILE, metavar="RUN.duckdb")
@click.argument("file", type=FILE, metavar="ALLOWED.toml", required=False)
@click.option("--name", default="", help="Who says so; by default the account.")
def command(db: Path, file: Path | None, name: str) -> None:
    """Say which works may be in the data: licensed, in the public domain, or permitted, with a reason and an expiry.

    The list is a TOML file; without one, what holds now is shown. Giving a list again changes nothing, and works that
    are no longer on it are withdrawn. Scores, grades and tables stay as they are. docs/report.md has an example.

    \b
    provenance allow run.duckdb allowed.toml --name "A. Person"
    provenance allow run.duckdb
    """
    from provenance.cli.printing import number, safe, table
    from provenance.store import RunReader
    from provenance.store.journal import ALLOW, Author, append

    if file is not None:
        with RunReader(db) as run:
            entries = changes(run, read_list(file, run))
        if entries:
            last = append(db, Author.here(name), [(ALLOW, entry) for entry in entries])
            click.echo(
                f"{number(len(entries), 'change')} added to the journal, whose last entry has the SHA-256 {last}"
            )
        else:
            click.echo("Nothing new: the run has this list already.")
    with RunReader(db) as run:
        rows = run.query("SELECT a.*, w.title FROM v_allowed a LEFT JOIN work w USING (work_id) ORDER BY work_id")
    if not rows:
        click.echo("No work is allowed.")
        return
    headings = ("work", "title", "status", "reason", "until", "said by", "when the run ended")
    columns = ("work_id", "title", "status", "reason", "expires", "name")
    shown = [[*(row[name] for name in columns), "held" if row["holds"] else "had expired"] for row in rows]
    table([(heading, "left") for heading in headings], shown)
    held = sum(row["holds"] for row in rows)
    click.echo(
        f"{safe(str(db))}: {held:,} of {number(len(rows), 'allowance')} held when the run ended; "
        "allowed works stay in every table and report, marked as allowed."
    )


def read_list(file: Path, run: RunReader) -> dict[str, dict[str, Any]]:
    """The entries of a list, by work; raises UsageError naming the one that is wrong."""
    from difflib import get_close_matches

    from provenance.cli.toml_files import check_table, read_toml
    from provenance.errors import UsageError
    from provenance.store.journal import STATUSES

    content = check_table(str(file), read_toml(file), {"allow": list}, {})
    works = {row["work_id"] for row in run.query("SELECT work_id FROM work")}
    found: dict[str, dict[str, Any]] = {}
    for place, entry in enumerate(content["allow"], 1):
        where = f"{file}, [[allow]] number {place}"
        told = check_table(where, entry, {"work": str, "status": str, "reason": str}, {"expires": date})
        work = told["work"]
        if work not in works:
            near = get_close_matches(work, works, 3, 0.4)
            raise UsageError(f"{where}: the run has no work {work!r}; the closest are {', '.join(near) or 'none'}")
        if told["status"] not in STATUSES:
            raise UsageError(f"{where}: status is {told['status']!r}; there are {', '.join(STATUSES)}")
        if work in found:
            raise UsageError(f"{where}: {work!r} is there twice")
        found[work] = {
            "work_id": work, "status": told["status"], "reason": told["reason"],
            "expires": told.get("expires"),
        }  # fmt: skip
    return found


def changes(run: RunReader, wanted: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries that make a run's list the wanted one."""
    known = {
        row["work_id"]: {**row, "expires": None if row["expires"] is None else row["expires"].isoformat()}
        for row in run.query("SELECT work_id, status, reason, expires FROM v_allowed ORDER BY work_id")
    }
    new = [entry for work, entry in wanted.items() if known.get(work) != entry]
    gone = [{**entry, "status": WITHDRAWN} for work, entry in known.items() if work not in wanted]
    return new + gone
