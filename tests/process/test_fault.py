"""What nobody foresaw ends with 70 and one line, never with a traceback, and never as something that was found."""

from __future__ import annotations

import os
import re
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = """
import sys, types
from dataclasses import dataclass
from typing import ClassVar
from provenance import cli
from provenance.cli.commands import Entry

def run(options):
    {body}

@dataclass(frozen=True)
class Fake:
    BODY: ClassVar = "fake"

fake = types.ModuleType("fake")
fake.Fake, fake.run = Fake, run
sys.modules["fake"] = sys.modules["provenance.cli.fake"] = fake
cli.COMMANDS["fake"] = Entry("fake:Fake", "", "", "")
sys.argv = ["provenance", "fake"]
cli.main()
"""


def run_body(body: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND.replace("{body}", body)],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("None * 2", "TypeError: unsupported operand"),
        ("raise KeyError('\\x1b[31mred')", r"KeyError: '\x1b[31mred'"),
        ("raise RecursionError", "RecursionError)"),
        ("raise type('PanicException', (BaseException,), {})('at src/lib.rs')", "PanicException: at src/lib.rs"),
        ("assert False, 'one' + chr(10) + 'two'", "AssertionError: one two"),
        ("import no_such_module", "ModuleNotFoundError: No module named"),
    ],
)
def test_it_is_one_line_a_file_and_70(body, told, tmp_path):
    done = run_body(body, TMPDIR=str(tmp_path))
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (70, "", 1)
    assert done.stderr.startswith("provenance: this is a fault of the program (")
    assert told in done.stderr
    file = Path(re.search(r"details are in (\S+\.txt)", done.stderr)[1])
    assert file.parent == tmp_path
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    details = file.read_text()
    assert "Traceback (most recent call last)" in details
    assert "command: provenance fake" in details
    assert re.match(r"provenance \S+, Python 3\.", details)


@pytest.mark.parametrize(
    "body",
    [
        "raise MemoryError",
        'raise RuntimeError("can\'t start new thread")',
        "raise OSError(12, 'Cannot allocate memory')",
        "raise OSError(24, 'Too many open files', 'a')",
        "bytearray(1 << 60)",
    ],
)
def test_no_more_memory_or_threads_is_70_with_another_line(body, tmp_path):
    done = run_body(body, TMPDIR=str(tmp_path))
    assert (done.returncode, len(done.stderr.splitlines())) == (70, 1)
    assert "the system gave no more memory or threads" in done.stderr
    assert "details are in" in done.stderr


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ("raise OSError(28, 'No space left on device')", 3, "provenance: the output: No space left on device\n"),
        ("open('no such file')", 2, "provenance: no such file: No such file or directory\n"),
        ("raise KeyboardInterrupt", 130, None),
        ("sys.exit(7)", 7, ""),
    ],
)
def test_what_is_foreseen_keeps_its_code(body, code, told):
    done = run_body(body)
    assert done.returncode == code
    assert told is None or done.stderr == told


def test_where_nothing_can_be_written_the_line_names_no_file(tmp_path):
    body = "import tempfile; tempfile.mkstemp = None; None * 2"
    done = run_body(body)
    assert (done.returncode, len(done.stderr.splitlines())) == (70, 1)
    assert "details" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="address space is bounded elsewhere in other ways")
@pytest.mark.parametrize("megabytes", [150, 300, 400])
def test_a_small_limit_of_address_space_is_70(megabytes, tmp_path):
    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    done = subprocess.run(
        [sys.executable, "-m", "provenance", "query", str(tmp_path / "run.duckdb"), "SELECT 1"],
        preexec_fn=bounded, env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (70, ""), done.stderr
    assert "the system gave no more memory" in done.stderr
    assert len(done.stderr.splitlines()) == 1
