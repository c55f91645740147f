"""What is added to a finished run: reviews of matches, works that are allowed, the custody of the inputs, self-tests.

Nothing in it is changed or removed: each entry holds the digest of the one before, so that a change, a gap or another
order is found. Against accidents and against edits in place; who can write the whole file can make a new chain, so the
digest of the last entry is printed, to be kept elsewhere.
"""

import json
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

from provenance.errors import StoreError
from provenance.files.digests import canonical_json, json_sha256
from provenance.process.software import account
from provenance.store.database import RunReader
from provenance.store.driver import connect, rows_of, store_errors, undisturbed

REVIEW, ALLOW, ALLOW_MATCH, CUSTODY, SELFTEST = "review", "allow", "allow match", "custody", "selftest"
STATUSES = ("licensed", "public domain", "permitted")

FIRST = "0" * 64  # stands before the first entry


class Author(NamedTuple):
    """Who makes an entry: a name that a person gives, and the account that the system knows."""

    name: str
    account: str

    @classmethod
    def here(cls, name: str = "") -> Self:
        """The account of this process, also as the name if none is given."""
        person = account() or "unknown"
        return cls(name or person, person)


def digest_of(entry: dict[str, Any]) -> str:
    """SHA-256 of an entry as canonical JSON, all its columns but `sha256`; times in ISO 8601."""
    content = {name: entry[name] for name in ("seq", "at_utc", "account", "name", "kind", "entry", "previous")}
    if isinstance(content["at_utc"], datetime):
        content["at_utc"] = content["at_utc"].isoformat(timespec="microseconds")
    if isinstance(content["entry"], str):
        content["entry"] = json.loads(content["entry"])
    return json_sha256(content)


def append(db: Path, author: Author, entries: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """Add entries, each a kind and its content, in one transaction; returns the digest of the last one.

    Raises StoreError for what is no run, is held by another process, cannot be written, or has a broken chain.
    """
    RunReader(db).close()  # raises for what is no run
    with undisturbed(), store_errors(f"cannot write to {db}", StoreError), closing(connect(db, write=True)) as con:
        con.execute("BEGIN TRANSACTION")
        earlier = rows_of(con, "SELECT * FROM journal ORDER BY seq")
        if broken := broken_link(earlier):
            raise StoreError(f"the journal of {db} was changed: {broken}; nothing was added")
        last: dict[str, Any] = earlier[-1] if earlier else {"seq": 0, "sha256": FIRST}
        now = datetime.now(UTC).replace(tzinfo=None)
        for kind, content in entries:
            row = {
                "seq": last["seq"] + 1, "at_utc": now, "account": author.account, "name": author.name, "kind": kind,
                "entry": canonical_json(content), "previous": last["sha256"],
            }  # fmt: skip
            row["sha256"] = digest_of(row)
            names, values = ", ".join(row), ", ".join("?" * len(row))
            con.execute(f"INSERT INTO journal ({names}) VALUES ({values})", list(row.values()))
            last = row
        con.execute("COMMIT")
        con.execute("CHECKPOINT")
    return str(last["sha256"])


def broken_link(entries: Iterable[dict[str, Any]], redacted: bool = False) -> str | None:
    """What is wrong with the chain of some entries in order, from the first on; None if nothing is.

    Without its note an entry does not have its digest any more: of those that are redacted only the order is looked at.
    """
    previous = FIRST
    for seq, entry in enumerate(entries, 1):
        if entry["seq"] != seq:
            return f"entry {seq} is missing"
        if entry["previous"] != previous:
            return f"entry {seq} does not follow the one before it"
        if not redacted and entry["sha256"] != digest_of(entry):
            return f"entry {seq} is not what was written"
        previous = entry["sha256"]
    return None


def entries(db: Path) -> list[dict[str, Any]]:
    """The journal of a run database, in order; raises StoreError where there is none."""
    with RunReader(db) as run:
        return run.query("SELECT * FROM journal ORDER BY seq")
