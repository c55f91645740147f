"""Help reads as a page: every command has its place, a line that says what it is for, and examples that are right."""

from __future__ import annotations

import re
import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

from provenance.cli import root
from provenance.cli.commands import COMMANDS, GROUPS, listing
from tests.cli.every import every_command, option_names
from tests.tools.command import run

EVERY = dict(every_command())


def examples(command: click.Command) -> list[str]:
    """The lines of its help that are commands."""
    found = re.findall(r"^\s*(?:pbpaste \| |srun |eval \"\$\()?(provenance .*)$", command.help or "", re.M)
    return [line.removesuffix(')"') if line.startswith("provenance completion") else line for line in found]


def check_example(line: str) -> None:
    """Its command exists and takes its options."""
    words = shlex.split(re.split(r" [|>] ", line)[0])
    named = next(" ".join(words[1:n]) for n in (3, 2) if " ".join(words[1:n]) in EVERY)
    options = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
    assert options <= option_names(EVERY[named]), line


def test_every_command_has_a_group_one_line_of_help_and_an_example_that_is_right():
    for name, entry in COMMANDS.items():
        assert entry.group in GROUPS
        assert entry.help.endswith(".") and "\n" not in entry.help
        assert entry.example.startswith(f"provenance {name}")
        check_example(entry.example)


def test_every_body_of_a_command_is_there_and_every_body_is_of_a_command():
    folder = Path(sys.modules["provenance.cli"].__file__ or "").parent
    bodies = {path.stem for path in folder.glob("*.py") if re.search(r"^def run\(", path.read_text("utf-8"), re.M)}
    inner = {name: getattr(load(entry.definition), "COMMANDS", {}) for name, entry in COMMANDS.items()}
    assert {name for name, commands in inner.items() if not commands} | {"scanning", "inspecting"} == bodies
    for name, commands in inner.items():
        for function in commands or ["run"]:
            assert callable(load(f"provenance.cli.{name}:{function}"))


def load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


@pytest.mark.parametrize("name", EVERY)
def test_the_help_of_every_command_has_an_example_that_is_right(name):
    found = examples(EVERY[name])
    assert any(line.startswith(f"provenance {name}") for line in found), found
    for line in found:
        check_example(line)


@pytest.mark.parametrize("name", ["", *EVERY])
def test_help_fits_a_terminal_of_80_columns(name):
    command = EVERY[name] if name else root
    with click.Context(command, info_name=f"provenance {name}".strip(), max_content_width=80) as context:
        lines = click.unstyle(command.get_help(context)).splitlines()
    prose = [line for line in lines if not re.match(r"^  provenance |^   ? ?--\w+ \[", line)]  # examples, choices
    assert [line for line in prose if len(line) > 80] == []
    assert not [line for line in lines if re.match(r"^  \w.*\.\.\.$", line)], "a line of help is cut"


def test_examples_stand_beside_their_commands_where_there_is_room():
    lines = click.unstyle(listing(200)).splitlines()
    assert [line for line in lines if re.match(r"^  scan +Scan .*provenance scan ", line)]
    assert len([line for line in lines if line.startswith("  ")]) == len(COMMANDS)
    assert "\x1b[" not in run("--help").stdout
