"""A shell completes commands, options, choices and files, and imports only what it completes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.cli.commands import COMMANDS

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture(scope="module")
def variables(tmp_path_factory) -> dict[str, str]:
    """A shell in which `provenance` is the one under test."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "provenance").write_text(f"#!/bin/sh\nexec '{sys.executable}' -m provenance \"$@\"\n")
    (folder / "provenance").chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def complete(variables: dict[str, str], typed: str, shell: str = "bash") -> list[str]:
    """What a shell asks for, and gets, behind `typed`."""
    words = typed.split(" ")
    asked = {"COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1) if shell != "fish" else words[-1]}
    done = subprocess.run(
        ["provenance"], env={**variables, **asked, "_PROVENANCE_COMPLETE": f"{shell}_complete"},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


def test_commands_options_choices_and_files(variables):
    assert complete(variables, "provenance ")[: len(COMMANDS)] == [f"plain,{name}" for name in COMMANDS]
    assert "plain,--text-column" in complete(variables, "provenance scan --te")
    assert complete(variables, "provenance scan x --engine r") == ["plain,ray"]
    assert complete(variables, "provenance scan da") == ["file,da"]
    assert complete(variables, "provenance scan x --index in") == ["file,in"]
    assert complete(variables, "provenance index b") == ["plain,build"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_itself_completes(variables, tmp_path):
    (tmp_path / "data.parquet").touch()
    script = """
eval "$(provenance completion bash)"
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _provenance_completion provenance; }
complete -p provenance
try provenance rep; echo "${COMPREPLY[*]}"
try provenance report run.duckdb --ce; echo "${COMPREPLY[*]}"
"""
    done = subprocess.run(
        ["bash", "-c", script], env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    lines = done.stdout.splitlines()
    assert lines == ["complete -o nosort -F _provenance_completion provenance", "report", "--certificate"], done.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_that_its_shell_can_read(shell, variables):
    made = subprocess.run(
        ["provenance", "completion", shell], env=variables, capture_output=True, text=True, check=True
    )
    assert "_PROVENANCE_COMPLETE" in made.stdout
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed: its script was printed, not read")
    read = subprocess.run([shell, "-n"], input=made.stdout, capture_output=True, text=True, timeout=60)
    assert (read.returncode, read.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_itself_completes(variables):
    script = "provenance completion fish | source; complete -C 'provenance rep'"
    done = subprocess.run(["fish", "-c", script], env=variables, capture_output=True, text=True, timeout=60)
    assert "report" in done.stdout


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_itself_completes(variables):
    script = """
compdef() {}
_describe() { print -l $completions_with_descriptions }  # which would show them
eval "$(provenance completion zsh)"
words=(provenance rep); CURRENT=2; _provenance_completion
"""
    done = subprocess.run(["zsh", "-f", "-c", script], env=variables, capture_output=True, text=True, timeout=60)
    assert done.stdout == f"report:{COMMANDS['report'].help}\n", done.stderr


def test_what_zsh_and_fish_get_names_the_same_commands(variables):
    assert "report" in "\n".join(complete(variables, "provenance rep", "zsh"))
    assert "report" in "\n".join(complete(variables, "provenance rep", "fish"))


def test_no_body_of_a_command_is_imported_to_complete_its_options():
    code = (
        "import os, sys, json\n"
        "os.environ.update(_PROVENANCE_COMPLETE='bash_complete', COMP_WORDS='provenance scan --te', COMP_CWORD='2')\n"
        "sys.argv = ['provenance']\n"
        "from provenance.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "from provenance.cli.commands import COMMANDS\n"
        "print(json.dumps([m for m in [*(f'provenance.cli.{name}' for name in COMMANDS), 'numpy', 'pyarrow', 'rich'] "
        "if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert json.loads(done.stdout.splitlines()[-1]) == []
