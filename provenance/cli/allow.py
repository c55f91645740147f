"""`provenance allow`: works that may be in the data, and why. They stay in every table, marked as allowed."""

from __future__ import annotations

from typing import Any

import click

from provenance.cli.allow_list import put_into, read_list
from provenance.cli.definitions.act import Allow
from provenance.cli.tables import table
from provenance.display.text import number, safe
from provenance.store.database import RunReader

FACTS = {"status": "status", "reason": "reason", "until": "expires", "said by": "name"}


def run(options: Allow) -> None:
    """Put a list into a run, and show what holds."""
    if options.file is not None:
        wanted = read_list(options.file)
        with RunReader(options.db) as run:
            wanted.refuse_unknown((row["work_id"] for row in run.query("SELECT work_id FROM work")), "the run")
        added, last = put_into(options.db, wanted, options.name)
        if added:
            click.echo(f"{number(added, 'change')} added to the journal, whose last entry has the SHA-256 {last}")
        else:
            click.echo("Nothing new: the run has this list already.")
    with RunReader(options.db) as run:
        works = run.query("SELECT a.*, w.title FROM v_allowed a LEFT JOIN work w USING (work_id) ORDER BY work_id")
        matches = run.query("SELECT * FROM v_allowed_matches ORDER BY match_key")
    if matches:
        click.echo("Single matches that are allowed; they stay where they are, and do not count for the gate:")
        _print({"match": "match_key", **FACTS}, matches)
        click.echo()
    if not works:
        click.echo("No work is allowed.")
        return
    _print({"work": "work_id", "title": "title", **FACTS}, works)
    held = sum(row["holds"] for row in works)
    click.echo(
        f"{safe(str(options.db))}: {held:,} of {number(len(works), 'allowance')} held when the run ended; "
        "allowed works stay in every table and report, marked as allowed."
    )


def _print(fields: dict[str, str], rows: list[dict[str, Any]]) -> None:
    """A table of some fields, by their headings."""
    cells = [[*(row[name] for name in fields.values()), "held" if row["holds"] else "had expired"] for row in rows]
    table([(heading, "left") for heading in (*fields, "when the run ended")], cells)
