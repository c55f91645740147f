"""Lists of what may be in the data: works, and single matches by their keys. Read strictly, then kept in a run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from provenance.cli.toml_files import check_table, read_toml
from provenance.errors import UsageError
from provenance.store.database import RunReader
from provenance.store.journal import ALLOW, ALLOW_MATCH, STATUSES, Author, append

WITHDRAWN = "withdrawn"
MATCH_KEY = re.compile("[0-9a-f]{32}")


@dataclass
class AllowList:
    """The entries of a list, by work and by the key of a match, as they stand in a journal."""

    works: dict[str, dict[str, Any]] = field(default_factory=dict)
    matches: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)  # of each work, where in the file it is

    def refuse_unknown(self, works: Iterable[str], where: str) -> None:
        """Raise UsageError for a work that is none of these: `where` says of what, such as `the run`."""
        known = set(works)
        for work, place in self.places.items():
            if work not in known:
                near = get_close_matches(work, known, 3, 0.4)
                raise UsageError(f"{place}: {where} has no work {work!r}; the closest are {', '.join(near) or 'none'}")


def read_list(file: Path) -> AllowList:
    """What a file says; raises UsageError naming the entry that is wrong."""
    content = check_table(str(file), read_toml(file), {"allow": list}, {})
    found = AllowList()
    for place, entry in enumerate(content["allow"], 1):
        where = f"{file}, [[allow]] number {place}"
        named = {"work": str, "match": str}
        told = check_table(where, entry, {"status": str, "reason": str}, {**named, "expires": date})
        if ("work" in told) == ("match" in told):
            raise UsageError(f"{where} needs a work or a match: one of them")
        if told["status"] not in STATUSES:
            raise UsageError(f"{where}: status is {told['status']!r}; there are {', '.join(STATUSES)}")
        key = told.get("work") or told["match"]
        if "match" in told and not MATCH_KEY.fullmatch(key):
            raise UsageError(
                f"{where}: match is {key!r}; the 32 digits of the column match_key are needed: a match has another "
                "name too, which is made of its place"
            )
        entries, name = (found.works, "work_id") if "work" in told else (found.matches, "match_key")
        if key in entries:
            raise UsageError(f"{where}: {key!r} is there twice")
        entries[key] = {
            name: key, "status": told["status"], "reason": told["reason"], "expires": told.get("expires"),
        }  # fmt: skip
        if "work" in told:
            found.places[key] = where
    return found


def changes(run: RunReader, wanted: AllowList) -> list[tuple[str, dict[str, Any]]]:
    """The journal's entries that make a run's list the wanted one, each with its kind."""
    found = []
    for kind, view, name, entries in (
        (ALLOW, "v_allowed", "work_id", wanted.works),
        (ALLOW_MATCH, "v_allowed_matches", "match_key", wanted.matches),
    ):
        known = {
            row[name]: {**row, "expires": None if row["expires"] is None else row["expires"].isoformat()}
            for row in run.query(f"SELECT {name}, status, reason, expires FROM {view} ORDER BY {name}")
        }
        found += [(kind, entry) for key, entry in entries.items() if known.get(key) != entry]
        found += [(kind, {**entry, "status": WITHDRAWN}) for key, entry in known.items() if key not in entries]
    return found


def put_into(db: Path, wanted: AllowList, name: str = "") -> tuple[int, str]:
    """Make the list of a run the wanted one; returns how many entries that took, and the digest of the last.

    Raises StoreError where the run cannot be read or written.
    """
    with RunReader(db) as run:
        entries = changes(run, wanted)
    return len(entries), append(db, Author.here(name), entries) if entries else ""
