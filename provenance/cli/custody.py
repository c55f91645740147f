"""`provenance custody`: the label of a case, who operated, and how the inputs were acquired, for the report."""

import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from provenance.cli.definitions.act import Custody
from provenance.cli.toml_files import Kinds, check_table, read_toml
from provenance.display.text import safe
from provenance.errors import UsageError
from provenance.store.database import RunReader
from provenance.store.journal import CUSTODY, Author, append


def run(options: Custody) -> None:
    """Add a statement to the journal of a run."""
    statement = read_statement(options.file)
    with RunReader(options.db) as run:
        digests = {row["sha256"] for row in run.query(
            "SELECT sha256 FROM shard UNION SELECT source_sha256 FROM edition UNION SELECT text_sha256 FROM edition"
        )}  # fmt: skip
    for entry in statement.get("acquired", []):
        if (digest := entry.get("sha256")) is not None and digest not in digests:
            what = safe(entry["what"])
            click.echo(f"{what}: no file of this run has the SHA-256 {digest}; it may be that of an archive", err=True)
    last = append(options.db, Author.here(options.name), [(CUSTODY, statement)])
    click.echo(f"1 entry added; it has the SHA-256 {last}")


def read_statement(file: Path) -> dict[str, Any]:
    """What a file says, dates as text; raises UsageError for what is not foreseen."""
    texts = {"organisation": str, "note": str, "acquired": list}
    statement = check_table(str(file), read_toml(file), {"case": str, "operator": str}, texts)
    acquired = []
    for place, entry in enumerate(statement.pop("acquired", []), 1):
        where = f"{file}, [[acquired]] number {place}"
        needed: dict[str, Kinds] = {"what": str, "from": str, "by": str, "at": (date, datetime)}
        facts = check_table(where, entry, needed, {"sha256": str, "note": str})
        if (digest := facts.get("sha256")) is not None:
            facts["sha256"] = digest.lower()
            if not re.fullmatch("[0-9a-f]{64}", facts["sha256"]):
                raise UsageError(f"{where}: sha256 is {digest!r}; 64 hexadecimal digits are needed")
        acquired.append(facts)
    return {**statement, "acquired": acquired} if acquired else statement
