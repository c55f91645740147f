"""The table of options in docs/config.md, made of their definitions: `python -m docs.options_table` writes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from provenance.cli import root
from provenance.cli.config_file import options_of
from provenance.cli.definition import FieldOption

PAGE = Path(__file__).parent / "config.md"
BEGIN, END = "<!-- options: written by docs.options_table -->", "<!-- end of options -->"


def table(commands: Mapping[str, click.Command]) -> str:
    """A row for each option, with default and help of `scan` where it has the option, else of the first command."""
    options: dict[str, list[tuple[str, FieldOption]]] = {}
    for name in sorted(commands, key=lambda name: name != "scan"):
        for key, option in options_of(commands[name]).items():
            if isinstance(option, FieldOption):
                options.setdefault(key, []).append((name, option))
    heads = ("option", "commands", "default", "in the terms of a run", "unnamed", "what it says")
    rows = "".join(_row(key, users) for key, users in sorted(options.items()))
    return f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|\n{rows}"


def _row(key: str, users: list[tuple[str, FieldOption]]) -> str:
    first = users[0][1]
    default = first.default if first.show_default and first.default is not None else ""
    in_terms = "yes" if any(option.definition.terms for _, option in users) else ""
    unnamed = "yes" if first.definition.unnamed else ""
    choices = f"One of {', '.join(first.definition.choices)}." if first.definition.choices else ""
    text = " ".join(filter(None, [first.definition.help, choices])).replace("|", "\\|")
    names = ", ".join(name for name, _ in users)
    return f"| `{key}` | {names} | {default} | {in_terms} | {unnamed} | {text} |\n"


def _every(group: click.Group, above: str = "") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        found |= _every(command, f"{name} ") if isinstance(command, click.Group) else {above + name: command}
    return found


def main() -> None:
    """Write the table into the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table(_every(root))}{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
