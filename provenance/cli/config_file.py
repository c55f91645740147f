"""`provenance.toml`: options of commands, under the names that they have on the command line.

Which options there are is read from the commands themselves; click takes from here what was not typed (`default_map`).
"""

import math
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from provenance.cli.definition import FieldOption
from provenance.cli.toml_files import read_toml
from provenance.display.text import safe
from provenance.errors import UsageError
from provenance.process.command_line import add_options

NAME = "provenance.toml"
NONE = "none"


@dataclass(frozen=True)
class ConfigFile:
    """A file, and whether somebody named it."""

    path: Path
    named: bool

    def __str__(self) -> str:
        return str(self.path)


def find_config(given: str | None) -> ConfigFile | None:
    """The file that was named, or the one in the working directory; None where there is none or none is wanted."""
    if given == NONE:
        return None
    if given is not None:
        return ConfigFile(Path(given), True)
    return ConfigFile(Path(NAME), False) if Path(NAME).is_file() else None


def default_map(file: ConfigFile, group: click.Group) -> dict[str, Any]:
    """What click takes as defaults of the commands of a group; raises UsageError for what no command has."""
    try:
        return _of_group(file, group, read_toml(file.path), ())
    except UsageError as error:
        if file.named:
            raise
        raise UsageError(f"{error}; the file only lies here: --config {NAME} means it, --config none not") from error


def _of_group(file: ConfigFile, group: click.Group, table: Mapping[str, Any], above: tuple[str, ...]) -> dict[str, Any]:
    """`[index.build]` and `["index build"]` are the same table."""
    defaults: dict[str, Any] = {}
    for key, value in table.items():
        names = key.split() or [key]
        command, place = group.get_command(click.Context(group), names[0]), [*above, *names]
        if command is None:
            there = ", ".join(group.list_commands(click.Context(group)))
            raise UsageError(f"{file} has [{' '.join([*above, key])}]; there are {there}")
        if not isinstance(value, dict):
            raise UsageError(f"{file}: {' '.join(place)} is {value!r}; it has to be a table of options")
        if isinstance(command, click.Group):
            inner = {" ".join(names[1:]): value} if names[1:] else value
            for name, options in _of_group(file, command, inner, (*above, names[0])).items():
                if name in defaults.setdefault(names[0], {}):
                    raise UsageError(f"{file} has [{' '.join([*above, names[0], name])}] twice")
                defaults[names[0]][name] = options
        elif names[1:]:
            raise UsageError(f"{file} has [{' '.join(place)}]; {names[0]} has no commands")
        else:
            defaults[names[0]] = _of_command(file, command, value, " ".join(place))
    return defaults


def options_of(command: click.Command) -> dict[str, click.Option]:
    """The options of a command by their long names; not those that only show something, such as --help."""
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    shown = [option for option in options if option.expose_value and not option.is_eager]
    return {max(option.opts, key=len).lstrip("-"): option for option in shown}


def _of_command(file: ConfigFile, command: click.Command, table: dict[str, Any], place: str) -> dict[str, Any]:
    options, values = options_of(command), {}
    for key, value in table.items():
        if key not in options:
            raise UsageError(f"{file}: [{place}] has {key!r}; there are {', '.join(sorted(options))}")
        option, where = options[key], f"[{place}] {key}"
        if option.multiple and type(value) is not list:
            raise UsageError(f"{file}: {where} is {value!r}; a list is needed, for it may be given several times")
        for item in value if option.multiple else [value]:
            _check(f"{file}: {where}", option, item)
        if not file.named:
            _check_unnamed(where, option, value)
        values[str(option.name)] = value
    return values


def _check(where: str, option: click.Option, value: object) -> None:
    """Raise UsageError for a value that the option does not take; by itself, for `true` is a number in Python."""
    kinds: tuple[type, ...]
    if option.is_flag:
        kinds, wanted = (bool,), "true or false"
    elif isinstance(option.type, click.types.IntParamType):
        kinds, wanted = (int,), "a whole number"
    elif isinstance(option.type, click.types.FloatParamType):
        kinds, wanted = (int, float), "a number"
    else:
        kinds, wanted = (str,), "text"
    if type(value) not in kinds or (isinstance(value, float) and not math.isfinite(value)):
        raise UsageError(f"{where} is {value!r}; {wanted} is needed")
    if value == "" or (isinstance(value, str) and "\0" in value):
        raise UsageError(f"{where} is {value!r}; text is needed")
    try:
        option.type.convert(value, option, None)
    except click.BadParameter as error:
        raise UsageError(f"{where}: {error.message}") from error


def _check_unnamed(where: str, option: click.Option, value: object) -> None:
    """What a file may set that nobody named, because it lies in the working directory: how data are read, how much of
    the machine is used, what is shown. Nothing that is written or replaced, no key, no connection, no threshold that
    finds less, and nothing that a person decides: the directory may have come with the data, from somebody with an
    interest.
    """
    if not (isinstance(option, FieldOption) and option.definition.unnamed):
        raise UsageError(f"{NAME}: {where} may be set only by a file that was named")
    if any("://" in str(item) for item in (value if isinstance(value, list) else [value])):
        raise UsageError(f"{NAME}: {where} is {value!r}, and only a file that was named may say to connect")


class ToldContext(click.Context):
    """The context of a command, which says what a file has set before the command begins."""

    def invoke(self, callback: Any, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (click's own signature)
        """Tell, and go on."""
        if words := list(self._words_of_file()):
            click.echo(safe(f"provenance: {self.find_root().obj} sets {shlex.join(words)}"), err=True)
            add_options(words)
        return super().invoke(callback, *args, **kwargs)

    def _words_of_file(self) -> Iterator[str]:
        """The options that the file set, as they would be typed."""
        for name, option in options_of(self.command).items():
            if self.get_parameter_source(str(option.name)) is not ParameterSource.DEFAULT_MAP:
                continue
            value: Any = self.lookup_default(str(option.name))
            if option.is_flag:
                yield from [f"--{name}"] if value else []
                continue
            for item in map(str, value if option.multiple else [value]):
                yield from [f"--{name}={item}"] if item.startswith("-") else [f"--{name}", item]


def announced(command: click.Command) -> click.Command:
    """A command that says what a file has set; of a group all of its commands."""
    command.context_class = ToldContext
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        announced(inner)
    return command
