"""Every command of the command line, with the commands of its groups."""

from __future__ import annotations

from collections.abc import Iterator

import click

from provenance.cli import root


def every_command(group: click.Group = root, above: str = "") -> Iterator[tuple[str, click.Command]]:
    """Names as they are typed, and commands; groups too."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        typed = f"{above} {name}".strip()
        yield typed, command
        if isinstance(command, click.Group):
            yield from every_command(command, typed)


def option_names(command: click.Command) -> set[str]:
    """All spellings of the options of a command."""
    own = {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}
    return own | {"-h", "--help"}
