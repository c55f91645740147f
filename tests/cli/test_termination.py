"""Ctrl-C, and SIGTERM as batch systems send it to all processes of a job, end with one line and exit code 130."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import provenance

COMMAND = """
import os, signal, sys, time, types, weakref
from dataclasses import dataclass
from typing import ClassVar
from provenance import cli
from provenance.cli.commands import Entry

def run(options):
    def stop():
        os.kill(os.getpid(), {number})
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "body",
    [
        "stop()",
        "thing = type('Thing', (), {})(); seen = weakref.ref(thing, lambda _: stop()); del thing; time.sleep(20)",
        "exec('stop()')",  # as dataclasses do it
        "type('Named', (), {'field': type('Field', (), {'__set_name__': lambda *_: stop()})()})",
    ],
    ids=["anywhere", "in a callback of Python's own", "in exec", "in __set_name__"],
)
def test_wherever_it_hits_the_exit_code_is_130(body, number, tmp_path):
    (tmp_path / "stopped.py").write_text(COMMAND.replace("{body}", body).replace("{number}", str(int(number))))
    told = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(provenance.__file__).parents[1])])}
    command = [
        sys.executable,
        "-m",
        "stopped",
    ]  # -m as for `python -m provenance`: Python ends otherwise than for a file
    done = subprocess.run(command, env=told, capture_output=True, text=True, timeout=60)
    assert done.returncode == 130
    assert done.stderr.split() == (
        "provenance: interrupted; nothing half written is left, the same command goes on".split()
    )


def test_workers_outlive_it_until_their_parent_ends_them():
    worker = [sys.executable, "-P", "-c", "from provenance.units.worker import main; main()"]
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux tells which signals a process ignores")
    with subprocess.Popen(worker, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        ignored = 1 << (signal.SIGTERM - 1)
        end = time.monotonic() + 30
        while not _ignored(process.pid) & ignored:
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def _ignored(pid: int) -> int:
    """The signals that a process ignores, as bits."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn"))


@pytest.mark.parametrize(
    "arguments", [["query", "SELECT 1"], ["query", "--format", "csv", "SELECT range FROM range(200000)"], ["verify"]]
)
def test_an_output_that_nobody_reads_is_neither_a_finding_nor_all_well(arguments, rich):
    command, *rest = arguments
    reading, writing = os.pipe()
    os.close(reading)
    try:
        words = [sys.executable, "-m", "provenance", command, str(rich), *rest]
        done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
