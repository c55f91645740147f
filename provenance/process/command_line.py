"""The command as records keep it: what was typed, and behind it the options that a configuration file gave.

So a record says all that was asked for, and the command in it gives the same without the file.
"""

import sys

_from_file: list[str] = []


def add_options(words: list[str]) -> None:
    """Note options that were not typed; once for a process, before anything is recorded."""
    _from_file[:] = words


def command_line() -> list[str]:
    """The words of the command; behind `--` there would be no options any more."""
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    return [*sys.argv[:end], *_from_file, *sys.argv[end:]]
