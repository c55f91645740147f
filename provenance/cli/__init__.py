"""The command line. One file a command; each is imported only when it runs, so that `--help` is instant."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NoReturn

import click

from provenance._version import __version__
from provenance.cli.commands import COMMANDS, listing, terminal_columns
from provenance.cli.interruptions import hear_interruptions, were_interrupted
from provenance.errors import ProvenanceError
from provenance.process.lean import do_without


class LazyGroup(click.Group):
    """Knows its commands by name and help, and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        from provenance.cli.config_file import told

        return told(getattr(import_module(COMMANDS[cmd_name][0]), "command"))  # noqa: B009

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands without importing any."""
        formatter.write(listing(terminal_columns()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[click.shell_completion.CompletionItem]:
        """Names of commands without importing any."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name, help=COMMANDS[name][1]) for name in COMMANDS if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    options_metavar="",
    subcommand_metavar="COMMAND ...",
)
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
    for was found; 2 usage; 3 incomplete (something could not be read, or nothing was scanned); 130 interrupted.
    """
    from provenance.cli.config_file import default_map, find_config

    ctx.obj = find_config(config)
    if ctx.obj is not None:
        ctx.default_map = default_map(ctx.obj, root)


def main() -> None:
    """Run the command line; every error made on purpose becomes one line on stderr and its exit code."""
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
        from provenance.cli.printing import safe

        click.echo(f"provenance: {safe(str(error))}", err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _say_interrupted()
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output is gone, and with it any use of a message
        sys.exit(0)
    except OSError as error:  # a path that may not even be looked at, or an output that takes no more
        from provenance.cli.printing import safe

        place = safe(str(error.filename)) if error.filename else "the output"
        click.echo(f"provenance: {place}: {error.strerror or error}", err=True)
        sys.exit(2 if error.filename else 3)
    except Exception:
        if not were_interrupted():
            raise
        _say_interrupted()


def _say_interrupted() -> NoReturn:
    click.echo("provenance: interrupted; nothing half written is left, the same command goes on", err=True)
    sys.exit(130)
