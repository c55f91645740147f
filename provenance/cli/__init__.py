"""The command line. What a command takes is known without its body, which is imported only when it runs."""

import os
import shutil
import sys
from functools import cache
from importlib import import_module
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from provenance._version import __version__
from provenance.cli.commands import COMMANDS, listing
from provenance.cli.config_file import announced, default_map, find_config
from provenance.cli.definition import CONTEXT, command_of
from provenance.cli.interruptions import hear_interruptions, were_interrupted
from provenance.display.text import safe
from provenance.errors import ProvenanceError
from provenance.process.fault import EXIT_CODE as FAULT
from provenance.process.fault import is_exhaustion, line_of
from provenance.process.lean import do_without

INTERRUPTED = "interrupted; nothing half written is left, the same command goes on"


class LazyGroup(click.Group):
    """Knows its commands by name and help, and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, defined now."""
        return command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands without importing any."""
        formatter.write(listing(shutil.get_terminal_size().columns))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands without importing any."""
        names = [CompletionItem(name, help=COMMANDS[name][1]) for name in COMMANDS if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(cls=LazyGroup, context_settings=CONTEXT, options_metavar="", subcommand_metavar="COMMAND ...")
@click.option(
    "--config",
    metavar="FILE|none",
    envvar="PROVENANCE_CONFIG",
    type=click.Path(),
    help="File with options, instead of provenance.toml in the working directory; also PROVENANCE_CONFIG.",
)
@click.version_option(__version__, prog_name="provenance")
@click.pass_context
def root(ctx: click.Context, config: str | None) -> None:
    """Tells which known books are inside a training data set, where, and how sure we are.

    `provenance COMMAND --help` shows what a command takes, with examples.

    Exit codes: 0 done; 1 `verify` found a difference, `clean` left something, or what --fail-on or --exit-code ask
    for was found; 2 usage; 3 incomplete (something could not be read, or nothing was scanned); 70 a fault of the
    program, or no memory for it; 130 interrupted; 141 nobody read the output to its end.
    """
    ctx.obj = find_config(config)
    if ctx.obj is not None:
        ctx.default_map = default_map(ctx.obj, root)


@cache
def command(name: str) -> click.Command:
    """A command of the list; the same one each time."""
    module, _, definition = COMMANDS[name].definition.partition(":")
    return announced(command_of(name, getattr(import_module(module), definition)))


def main() -> None:
    """Run the command line; every error becomes one line on stderr and its exit code."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's matrices, of which there are none
    hear_interruptions()
    do_without("pandas", "dateutil")
    try:
        root.main(prog_name="provenance", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ProvenanceError as error:
        _say(safe(str(error)), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _say(INTERRUPTED, 130)
    except BaseException as error:  # also what a package in another language raises when it panics
        if isinstance(error, SystemExit):
            raise
        if were_interrupted():
            _say(INTERRUPTED, 130)
        if isinstance(error, OSError) and not is_exhaustion(error):
            _say_of_place(error)
        _say(line_of(error), FAULT)


def _say_of_place(error: OSError) -> NoReturn:
    """A path that may not even be looked at, or an output that takes no more."""
    place = safe(str(error.filename)) if error.filename else "the output"
    _say(f"{place}: {error.strerror or error}", 2 if error.filename else 3)


def _say(line: str, exit_code: int) -> NoReturn:
    click.echo(f"provenance: {line}", err=True)
    sys.exit(exit_code)
