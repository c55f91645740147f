"""A command of what its definition says: click's parameters from the fields of a dataclass, one object for its body.

A definition is a dataclass whose docstring is the help. Its body, named by `BODY`, is imported when the command runs.
"""

from __future__ import annotations

import inspect
import mmap
from collections.abc import Iterator
from dataclasses import MISSING, Field
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from provenance.errors import UsageError
from provenance.options.field import Option, build, options_in
from provenance.options.sizes import bytes_text, parse_bytes

CONTEXT = {"help_option_names": ["-h", "--help"]}
LEAST_MEMORY = 384 << 20  # of address space: below it NumPy's and DuckDB's libraries end the process by themselves


class Place(click.types.StringParamType):
    """A name as it was typed; a shell completes files."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Let the shell look for files."""
        return [CompletionItem(incomplete, type="file")]


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


def parameters_of(definition: type[Any]) -> Iterator[click.Parameter]:
    """Arguments and options, in the order of the fields."""
    for _, one, known in options_in(definition):
        yield _option(one, known) if known.flag else _argument(one, known)


def command_of(name: str, definition: type[Any]) -> click.Command:
    """The command, whose body gets an instance of the definition; or a group with the commands that it names."""
    if hasattr(definition, "COMMANDS"):
        inner = {name: command_of(name, one) for name, one in definition.COMMANDS.items()}
        return click.Group(name, inner, context_settings=CONTEXT, help=inspect.getdoc(definition))

    def callback(**values: Any) -> None:
        options = build(definition, values)
        mmap.mmap(-1, LEAST_MEMORY).close()
        module, _, function = definition.BODY.partition(":")
        getattr(import_module(f"provenance.cli.{module}"), function or "run")(options)

    return click.Command(
        name,
        context_settings=CONTEXT,
        callback=callback,
        params=list(parameters_of(definition)),
        help=inspect.getdoc(definition),
        short_help=getattr(definition, "SHORT", None),
    )


def _argument(one: Field[Any], known: Option) -> click.Argument:
    nargs = -1 if known.many else 1
    return click.Argument([one.name], type=_type(known), metavar=known.metavar, required=known.required, nargs=nargs)


def _option(one: Field[Any], known: Option) -> FieldOption:
    default = () if known.many else None if one.default is MISSING else one.default
    option = FieldOption(
        [known.flag, one.name],
        type=bool if known.kind is bool else _type(known),
        is_flag=known.kind is bool,
        help=known.help or None,
        metavar=known.metavar,
        multiple=known.many,
        required=known.required,
        default=bytes_text(default) if known.kind == "size" else default,  # type: ignore[arg-type]
        show_default=(not known.required and default not in (None, (), "", False)) or known.kind in (int, float),
    )
    option.definition = known
    return option


def _type(known: Option) -> click.ParamType[Any]:
    if known.choices:
        return click.Choice(known.choices)
    if known.kind == "place":
        return Place()
    if known.kind == "size":
        return Size(known.least)
    if known.kind is Path:
        return click.Path(path_type=Path)
    if known.kind is int:
        return click.INT if known.least is known.most is None else click.IntRange(known.least, known.most)
    if known.kind is float:
        return click.FloatRange(known.least, known.most)
    return click.STRING
