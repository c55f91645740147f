"""`provenance allow`: works and single matches that may be in the data, and why, as a list says that people write.

Lists are read strictly, then kept in the run. Works stay in every table, marked as allowed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from provenance.cli.definitions.act import Allow
from provenance.cli.tables import table
from provenance.cli.toml_files import check_table, read_toml
from provenance.display.text import number, safe
from provenance.errors import UsageError
from provenance.store.database import RunReader
from provenance.store.journal import ALLOW, ALLOW_MATCH, STATUSES, Author, append

FACTS = {"status": "status", "reason": "reason", "until": "expires", "said by": "name"}
WITHDRAWN = "withdrawn"
MATCH_KEY = re.compile("[0-9a-f]{32}")


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


@dataclass
class AllowList:
    """The entries of a list, by work and by the key of a match, as they stand in a journal."""

    works: dict[str, dict[str, Any]] = field(default_factory=dict)
    matches: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)  # of each work, where in the file it is

    def refuse_unknown(self, works: Iterable[str], where: str) -> None:
        """Raise UsageError for a work that is none of these: `where` says of what, such as `the run`."""
        indexed = set(works)
        for work, place in self.places.items():
            if work not in indexed:
                near = get_close_matches(work, indexed, 3, 0.4)
                raise UsageError(f"{place}: {where} has no work {work!r}; the closest are {', '.join(near) or 'none'}")


def read_list(file: Path) -> AllowList:
    """What a file says; raises UsageError naming the entry that is wrong."""
    allowed = AllowList()
    for place, entry in enumerate(check_table(str(file), read_toml(file), {"allow": list}, {})["allow"], 1):
        where = f"{file}, [[allow]] number {place}"
        optional = {"work": str, "match": str, "expires": date}
        facts = check_table(where, entry, {"status": str, "reason": str}, optional)
        if ("work" in facts) == ("match" in facts):
            raise UsageError(f"{where} needs a work or a match: one of them")
        if facts["status"] not in STATUSES:
            raise UsageError(f"{where}: status is {facts['status']!r}; there are {', '.join(STATUSES)}")
        key = facts.get("work") or facts["match"]
        if "match" in facts and not MATCH_KEY.fullmatch(key):
            raise UsageError(
                f"{where}: match is {key!r}; the 32 digits of the column match_key are needed: a match has another "
                "name too, which is made of its place"
            )
        entries, name = (allowed.works, "work_id") if "work" in facts else (allowed.matches, "match_key")
        if key in entries:
            raise UsageError(f"{where}: {key!r} is there twice")
        entries[key] = {name: key, **{part: facts.get(part) for part in ("status", "reason", "expires")}}
        if "work" in facts:
            allowed.places[key] = where
    return allowed


def put_into(db: Path, wanted: AllowList, author: str = "") -> tuple[int, str]:
    """Make the list of a run the wanted one; returns how many entries that took, and the digest of the last.

    Raises StoreError where the run cannot be read or written.
    """
    changes: list[tuple[str, dict[str, Any]]] = []
    lists = (
        (ALLOW, "work_id", "v_allowed", wanted.works),
        (ALLOW_MATCH, "match_key", "v_allowed_matches", wanted.matches),
    )
    with RunReader(db) as run:
        for kind, key, view, entries in lists:
            sql = f"SELECT {key}, status, reason, CAST(expires AS VARCHAR) AS expires FROM {view} ORDER BY {key}"
            recorded = {row[key]: row for row in run.query(sql)}
            changes += [(kind, entry) for name, entry in entries.items() if recorded.get(name) != entry]
            withdrawn = [entry for name, entry in recorded.items() if name not in entries]
            changes += [(kind, {**entry, "status": WITHDRAWN}) for entry in withdrawn]
    return len(changes), append(db, Author.here(author), changes) if changes else ""
