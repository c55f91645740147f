"""Shells in which `provenance` is the one under test: commands as the docs have them, with pipes, loops and quotes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.tools.forked import WITHOUT_THREADS

HERE = Path(__file__).parent


def bin_folder(folder: Path) -> Path:
    """Make a folder for PATH, in which `provenance` and `python` are those under test."""
    folder.mkdir(exist_ok=True)
    for name, words in {"provenance": _provenance(), "python": [sys.executable]}.items():
        script = folder / name
        quoted = " ".join(map(shlex.quote, words))
        script.write_text(f'#!/bin/sh\nexec {quoted} "$@"\n')
        script.chmod(0o755)
    return folder


def bash(
    command: str, folder: Path, variables: Mapping[str, str], answers: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command as a person would; pipes fail when a part of them does."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command], cwd=folder, env=dict(variables), input=answers,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def _provenance() -> list[str]:
    """Words that run a command: in a process forked from one that has loaded what it needs, where that can be."""
    if sys.platform != "linux":
        return [sys.executable, "-m", "provenance"]
    return [sys.executable, "-IS", str(HERE / "client.py"), _forking_commands()]


@cache
def _forking_commands() -> str:
    path = str(Path(tempfile.mkdtemp(prefix="commands")) / "socket")
    words = [sys.executable, "-P", str(HERE / "forking.py"), path]
    variables = {**os.environ, **WITHOUT_THREADS, "PYTHONPATH": str(HERE.parents[1])}
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=variables)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return path
