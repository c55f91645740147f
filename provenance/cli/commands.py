"""The commands, by what one wants to do: for each a line of help, and an example that can be typed.

All of it is known without importing any, so that `--help` and completion answer at once. A command more is a line more.
"""

from typing import NamedTuple

import click


class Entry(NamedTuple):
    """A command in the list of commands."""

    definition: str  # module and class
    help: str  # one line
    group: str
    example: str


TRY, KNOW, SCAN, LOOK, CHECK = "Try it", "Know your books", "Scan", "Look", "Check"
ACT, HAND, MACHINE = "Act on it", "Hand over", "This machine"
DEFINED_IN = {
    TRY: "machine", KNOW: "know", SCAN: "scan", LOOK: "look", CHECK: "check", ACT: "act", HAND: "act",
    MACHINE: "machine",
}  # fmt: skip
GROUPS = tuple(DEFINED_IN)  # in the order in which a newcomer needs them


def _entry(group: str, name: str, help_: str, example: str) -> tuple[str, Entry]:
    definition = f"provenance.cli.definitions.{DEFINED_IN[group]}:{name.capitalize()}"
    return name, Entry(definition, help_, group, f"provenance {name}{example and ' '}{example}")


COMMANDS: dict[str, Entry] = dict((
    _entry(TRY, "demo", "Known books against shards that hold some of them, on real text.", ""),
    _entry(KNOW, "index", "Build, extend, join, show and verify indexes of known books.",
           "build books/ --out indexes/books"),
    _entry(SCAN, "inspect", "Show what is in shards, before they are scanned.", "data/train-00000.parquet"),
    _entry(SCAN, "scan", "Scan training shards for the books of an index.",
           "data/ --index indexes/books --db run.duckdb"),
    _entry(SCAN, "collect", "Make a run database of the units that tasks have scanned.", "units/ --db run.duckdb"),
    _entry(SCAN, "match", "Compare one text with an index, side by side.", "page.txt --index indexes/books"),
    _entry(LOOK, "report", "Write a run as one page for reading, printing and checking.",
           "run.duckdb --out report.html"),
    _entry(LOOK, "query", "Ask a run database a question in SQL.", 'run.duckdb "SELECT title, grade FROM v_works"'),
    _entry(LOOK, "review", "Walk through matches and accept, reject or note them.", "run.duckdb"),
    _entry(CHECK, "selftest", "Plant known passages in copies of rows, and count those found.",
           "--db run.duckdb"),
    _entry(CHECK, "verify", "Check a run against its units, shards and index, or a bundle.",
           "run.duckdb --shards --sample 20"),
    _entry(ACT, "clean", "Write the shards anew without what was found in them.",
           "run.duckdb --out clean/ --mode drop"),
    _entry(ACT, "diff", "Compare two runs: what a later one has more, less or otherwise.", "old.duckdb new.duckdb"),
    _entry(ACT, "allow", "Say which works may be in the data, and why.", "run.duckdb allowed.toml"),
    _entry(HAND, "custody", "State how the inputs of a run were acquired.", "run.duckdb custody.toml"),
    _entry(HAND, "export", "Write what a run found as Parquet, CSV, JSON lines or SARIF.",
           "run.duckdb --what works --format csv --out w.csv"),
    _entry(HAND, "bundle", "Write all that is needed to check a run, in one folder or file.",
           "run.duckdb --out evidence.zip"),
    _entry(MACHINE, "doctor", "Check this machine and its installation, with a small scan.", ""),
    _entry(MACHINE, "completion", "Print the script that completes commands in a shell.", "bash"),
))  # fmt: skip


def listing(columns: int) -> str:
    """The list as text: an example under each command, or beside it where the terminal is wide enough."""
    names = max(map(len, COMMANDS)) + 4
    helps = max(len(entry.help) for entry in COMMANDS.values()) + 3
    beside = names + helps + max(len(entry.example) for entry in COMMANDS.values()) <= columns
    lines = []
    for group in GROUPS:
        entries = {name: entry for name, entry in COMMANDS.items() if entry.group == group}
        lines += ["", click.style(f"{group}:", bold=True)]
        for name, entry in entries.items():
            shown = f"  {click.style(name, fg='cyan')}{' ' * (names - 2 - len(name))}"
            example = click.style(entry.example, dim=True)
            below = [shown + entry.help, " " * names + example]
            lines += [f"{shown}{entry.help:{helps}}{example}"] if beside else below
    return "\n".join(lines) + "\n"
