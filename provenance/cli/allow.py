"""`provenance allow`: works that may be in the data, and why. They stay in every table, marked as allowed."""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(path_type=Path)


@click.command("allow", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("db", type=FILE, metavar="RUN.duckdb")
@click.argument("file", type=FILE, metavar="ALLOWED.toml", required=False)
@click.option("--name", default="", help="Who says so; by default the account.")
def command(db: Path, file: Path | None, name: str) -> None:
    """Say which works may be in the data: licensed, in the public domain, or permitted, with a reason and an expiry.

    The list is a TOML file; without one, what holds now is shown. Giving a list again changes nothing, and works that
    are no longer on it are withdrawn. Scores, grades and tables stay as they are. docs/report.md has an example. Single
    matches can be allowed too, for the gate (docs/gate.md): with `finding = "FINGERPRINT"` in place of the work.

    \b
    provenance allow run.duckdb allowed.toml --name "A. Person"
    provenance allow run.duckdb
    """
    from provenance.cli.allow_list import put_into, read_list
    from provenance.cli.printing import number, safe, table
    from provenance.store.database import RunReader

    if file is not None:
        wanted = read_list(file)
        with RunReader(db) as run:
            wanted.refuse_unknown((row["work_id"] for row in run.query("SELECT work_id FROM work")), "the run")
        added, last = put_into(db, wanted, name)
        if added:
            click.echo(f"{number(added, 'change')} added to the journal, whose last entry has the SHA-256 {last}")
        else:
            click.echo("Nothing new: the run has this list already.")
    with RunReader(db) as run:
        rows = run.query("SELECT a.*, w.title FROM v_allowed a LEFT JOIN work w USING (work_id) ORDER BY work_id")
        findings = run.query("SELECT * FROM v_allowed_findings ORDER BY fingerprint")
    if findings:
        click.echo("Single matches that are allowed; they stay where they are, and do not count for the gate:")
        names = ("match", "status", "reason", "until", "said by", "when the run ended")
        known = ("fingerprint", "status", "reason", "expires", "name")
        told = [[*(row[name] for name in known), "held" if row["holds"] else "had expired"] for row in findings]
        table([(heading, "left") for heading in names], told)
        click.echo()
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
