"""Runs the command line as a user does, also in a terminal, and tells what became of each shard.

Not here: the threat to the HTML report and the one by Ray's control plane, because there is neither a report nor Ray.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from provenance.store.database import RunReader
from tests.tools import command


def run(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    done = command.run(*arguments, **options)
    assert "Traceback" not in done.stderr, done.stderr
    return done


MEASURED = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
open(sys.argv[1], "w").write(str(usage.ru_maxrss))
os._exit(os.waitstatus_to_exitcode(status))
"""
"""Starts a command and tells its memory: a process begins with the peak of the one that starts it, which is not us."""


def run_measured(*arguments: object) -> tuple[subprocess.CompletedProcess[str], int]:
    """The same, and the most bytes of memory that it, or a process that it started, had at a time."""
    with tempfile.NamedTemporaryFile("r") as peak:
        words = [sys.executable, "-c", MEASURED, peak.name, *command.COMMAND, *map(str, arguments)]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200)
        assert "Traceback" not in done.stderr, done.stderr
        return done, int(peak.read()) << 10


def scan(*shards: object, index: Path, db: Path, options: tuple[object, ...] = (), **how) -> tuple[int, dict]:
    """Exit code and summary of a scan with one worker."""
    done = run("scan", *shards, "--index", index, "--db", db, "--workers", 1, "--json", *options, **how)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def outcomes(db: Path) -> dict[str, tuple[str, str]]:
    """Outcome and reason of each shard, by the name of its file."""
    with RunReader(db) as reader:
        rows = reader.query("SELECT shard, outcome, reason FROM shard")
    return {Path(row["shard"]).name: (row["outcome"], row["reason"] or "") for row in rows}


def matched(db: Path) -> set[tuple[str, int]]:
    """Name and row of each document with a match."""
    with RunReader(db) as reader:
        return {(Path(row["shard"]).name, row["row"]) for row in reader.query('SELECT shard, "row" FROM v_documents')}


def in_terminal(*arguments: object, seconds: float = 60) -> str:
    """All that a command sends to the terminal that it runs in; raises TimeoutError."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 250, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    words = [*command.COMMAND, *map(str, arguments)]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=child, stderr=child, env=environment)
    os.close(child)
    until, sent = time.monotonic() + seconds, b""
    try:
        while select.select([parent], [], [], max(0, until - time.monotonic()))[0]:
            try:
                data = os.read(parent, 1 << 16)
            except OSError:  # Linux's way to say that nobody has the other end any more
                data = b""
            if not data:
                return sent.decode("utf-8", "surrogateescape")
            sent += data
        raise TimeoutError(sent)
    finally:
        process.kill()
        process.wait()
        os.close(parent)
