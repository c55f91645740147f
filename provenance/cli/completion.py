"""`provenance completion`: the script by which a shell completes commands, options and names of files."""

import click
from click.shell_completion import get_completion_class

from provenance.cli.definitions.machine import Completion

VARIABLE = "_PROVENANCE_COMPLETE"


def run(options: Completion) -> None:
    """Print the script of a shell."""
    made = get_completion_class(options.shell)
    assert made is not None, "the choice above has click's names"
    root = click.get_current_context().find_root().command
    click.echo(made(root, {}, "provenance", VARIABLE).source())
