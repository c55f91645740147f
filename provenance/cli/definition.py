"""A command of what its definition says: click's parameters from the fields of a dataclass, one object for its body.

A definition is a dataclass whose docstring is the help. Its body is imported when the command runs.
"""

import inspect
import mmap
import re
import sys
from dataclasses import MISSING, Field
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from provenance.errors import UsageError
from provenance.options.field import Option, build, options_in

CONTEXT = {"help_option_names": ["-h", "--help"]}
LEAST_MEMORY = 384 << 20  # of address space: below it NumPy's and DuckDB's libraries end the process by themselves


class Size(click.ParamType[int]):
    """Bytes, typed as `500MB`."""

    name = "text"

    def __init__(self, least: int | None) -> None:
        self.least = least or 0

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        """The number of bytes; raises click.BadParameter for what is none, or too small."""
        try:
            size = parse_bytes(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)
        if size < self.least:
            self.fail(f"{value} are {size:,} bytes; it must be at least {self.least:,}", param, ctx)
        return size


class FieldOption(click.Option):
    """An option of a command that knows its definition."""

    definition: Option


UNREAD = 141
"""Exit code where nobody reads the output to its end: what a shell says of a program that SIGPIPE ended."""

PLAIN = {str: click.STRING, bool: click.BOOL, Path: click.Path(path_type=Path), "place": click.Path(readable=False)}


def command_of(name: str, definition: type[Any], group: str = "") -> click.Command:
    """The command, or a group with the commands that the definition names.

    The body gets an instance of the definition: `run` of the module that is called like the command; of a command in a
    group the function of its name, in the module that is called like the group.
    """
    help_ = inspect.getdoc(definition)
    if hasattr(definition, "COMMANDS"):
        inner = {one: command_of(one, its, name) for one, its in definition.COMMANDS.items()}
        return click.Group(name, inner, context_settings=CONTEXT, help=help_)

    def callback(**values: Any) -> None:
        options = build(definition, values)
        mmap.mmap(-1, LEAST_MEMORY).close()
        try:
            getattr(import_module(f"provenance.cli.{group or name}"), name if group else "run")(options)
        except BrokenPipeError:  # the reader of our output is gone; click would end with 1, which means a finding
            sys.stderr.close()
            sys.exit(UNREAD)

    fields = options_in(definition)
    parameters: list[click.Parameter] = [(_option if its.flag else _argument)(one, its) for _, one, its in fields]
    return click.Command(name, CONTEXT, callback, parameters, help=help_, short_help=getattr(definition, "SHORT", None))


def _argument(one: Field[Any], about: Option) -> click.Argument:
    nargs = -1 if about.many else 1
    return click.Argument([one.name], type=_type(about), metavar=about.metavar, required=about.required, nargs=nargs)


def _option(one: Field[Any], about: Option) -> FieldOption:
    default = () if about.many else None if one.default is MISSING else one.default
    option = FieldOption(
        [about.flag, one.name], type=_type(about), is_flag=about.kind is bool, help=about.help or None,
        metavar=about.metavar, multiple=about.many, required=about.required,
        default=bytes_text(default) if about.kind == "size" else default,  # type: ignore[arg-type]
        show_default=(not about.required and default not in (None, (), "", False)) or about.kind in (int, float),
    )  # fmt: skip
    option.definition = about
    return option


def _type(about: Option) -> click.ParamType[Any]:
    if about.choices:
        return click.Choice(about.choices)
    if about.kind == "size":
        return Size(about.least)
    if about.kind is int:
        return click.INT if about.least is about.most is None else click.IntRange(about.least, about.most)
    if about.kind is float:
        return click.FloatRange(about.least, about.most)
    return PLAIN[about.kind]


def parse_bytes(text: str) -> int:
    """A size such as `500MB`, `1.5 GB` or `64MiB` in bytes; raises UsageError for what is none."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", text.lower())
    if not match or (match[3] and not match[2]):
        raise UsageError(f"{text!r} is no size; give it as 500MB or 1.5GB")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** " kmgt".index(match[2] or " "))


def bytes_text(size: int) -> str:
    """The shortest text that `parse_bytes` reads as this size: `256MB`, `3GiB`."""
    for letter, power in (("T", 4), ("G", 3), ("M", 2), ("k", 1)):
        if size and not size % 1024**power:
            return f"{size // 1024**power}{letter}iB"
        if size and not size % 1000**power:
            return f"{size // 1000**power}{letter}B"
    return f"{size}B"
