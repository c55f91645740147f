"""The command line. One file a command; each is imported only when it runs, so that `--help` is instant."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NoReturn

import click

from provenance._version import __version__
from provenance.cli.interruptions import hear_interruptions, were_interrupted
from provenance.errors import ProvenanceError
from provenance.lean import do_without

COMMANDS = {
    "demo": ("provenance.cli.demo", "Try it on real text: known books, and shards that hold some of them."),
    "index": ("provenance.cli.index", "Build, show and verify indexes of known books."),
    "scan": ("provenance.cli.scan", "Scan training shards for the books of an index."),
    "collect": ("provenance.cli.collect", "Make a run database of the units that tasks have scanned."),
    "inspect": ("provenance.cli.inspect", "Show what is in shards, before they are scanned."),
    "match": ("provenance.cli.match", "Compare one text with an index, side by side."),
    "query": ("provenance.cli.query", "Ask a run database a question in SQL."),
    "clean": ("provenance.cli.clean", "Write the shards of a run without what was found in them."),
    "report": ("provenance.cli.report", "Write a run as one page for reading, printing and checking."),
    "bundle": ("provenance.cli.bundle", "Write all that is needed to check a run, in one folder or file."),
    "export": ("provenance.cli.export", "Write what a run found as Parquet, CSV or JSON lines."),
    "review": ("provenance.cli.review", "Walk through matches and accept, reject or note them."),
    "allow": ("provenance.cli.allow", "Say which works may be in the data, and why."),
    "custody": ("provenance.cli.custody", "State how the inputs of a run were acquired."),
    "diff": ("provenance.cli.diff", "Compare two runs: works and documents gained, lost and changed, and why."),
    "verify": ("provenance.cli.verify", "Check a run against its units, shards and index, or a bundle."),
    "doctor": ("provenance.cli.doctor", "Check this machine and its installation, with a small scan."),
}


class LazyGroup(click.Group):
    """Knows its commands by name and help, and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        return getattr(import_module(COMMANDS[cmd_name][0]), "command")  # type: ignore[no-any-return]  # noqa: B009

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="provenance")
def root() -> None:
    """Tells which known books are inside a training data set, where, and how sure we are.

    \b
    provenance demo
    provenance index build BOOKS/ --out indexes/books
    provenance scan 'shards/*.parquet' --index indexes/books --db run.duckdb

    Exit codes: 0 done; 1 verify found a difference, or --fail-on or --exit-code was asked for and applies; 2 usage; 3
    incomplete (something could not be read, or nothing was scanned); 130 interrupted.
    """


def main() -> None:
    """Run the command line; every error made on purpose becomes one line on stderr and its exit code."""
    hear_interruptions()
    do_without("pandas", "dateutil")
    try:
        root.main(standalone_mode=False)
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
