"""The tools of the tests do what they replace: a command in this process, and children that are forked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.index.building import build_index
from provenance.runs.scan import scan
from tests.shards import formats
from tests.shards.fixtures import prose
from tests.tools.command import COMMAND, run
from tests.tools.forked import FORKING, PLAIN, CommandPopen, ForkedPopen
from tests.tools.shell import bash, bin_folder

linux = pytest.mark.skipif(sys.platform != "linux", reason="children are forked on Linux only")
READER = [sys.executable, "-P", "-c", "from provenance.readers.process import main; main()"]


@pytest.mark.parametrize(
    "words", [["--version"], ["frobnicate"], ["query", "none.duckdb", "SELECT 1"], ["scan", "x", "--workers", "many"]]
)
def test_a_command_says_in_this_process_what_it_says_in_one_of_its_own(words, tmp_path):
    ours, its = (
        run(*words, cwd=tmp_path),
        subprocess.run([*COMMAND, *words], cwd=tmp_path, capture_output=True, text=True),
    )
    assert (ours.returncode, ours.stdout, ours.stderr) == (its.returncode, its.stdout, its.stderr)


def state() -> tuple[object, ...]:
    files = [Path(f"/proc/self/fd/{number}").readlink() for number in range(3)] if sys.platform == "linux" else []
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return handlers, list(sys.meta_path), list(sys.argv), Path.cwd(), files, variables, sys.stdout, sys.unraisablehook


def test_a_command_leaves_this_process_as_it_was(tmp_path):
    before = state()
    (tmp_path / "provenance.toml").write_text('[query]\nformat = "csv"\n')
    assert run("query", "none.duckdb", "SELECT 1", cwd=tmp_path, env={**os.environ, "COLUMNS": "50"}).returncode == 2
    assert state() == before


def test_what_children_print_is_captured_and_input_is_all_that_is_read(index):
    done = run("match", "-", "--index", index, input=prose(99, 100))
    assert (done.returncode, done.stderr) == (0, "")
    assert "standard input: 0 passages" in done.stdout


def begin(**more: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(READER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more)


@linux
def test_children_of_the_package_are_forked_and_are_our_children():
    assert subprocess.Popen is ForkedPopen
    with begin(start_new_session=True) as child:
        assert str(FORKING) in Path(f"/proc/{child.pid}/cmdline").read_text()
        assert int(Path(f"/proc/{child.pid}/stat").read_text().split()[3]) == os.getpid()
        assert os.getsid(child.pid) == child.pid
        child.stdin.close()
        assert child.wait(30) == 0
    with begin() as child:
        child.kill()
        assert child.wait(30) == -signal.SIGKILL


@linux
def test_a_command_that_is_forked_has_its_folder_pipes_code_and_children(index, rows, tmp_path):
    formats.parquet(tmp_path, rows)
    words = [*COMMAND, "scan", ".", "--index", index, "--db", "run.duckdb", "--workers", 1]
    with CommandPopen([*map(str, words)], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert str(FORKING) in Path(f"/proc/{child.pid}/cmdline").read_text()
        out, complaint = child.communicate(timeout=60)
    assert child.returncode == 0, complaint
    assert b"Run database: run.duckdb" in out
    assert (tmp_path / "run.duckdb").exists()


@linux
def test_workers_of_a_scan_and_readers_of_books_are_forked(index, rows, tmp_path):
    """Whoever starts them otherwise makes every test slower: `OURS` in forked.py knows them by their command."""
    before = ForkedPopen.forking.forks
    (tmp_path / "book.txt").write_text(prose(1, 300))
    build_index([tmp_path / "book.txt"], tmp_path / "index")
    read = ForkedPopen.forking.forks
    scan([formats.parquet(tmp_path, rows)], index, tmp_path / "run.duckdb", workers=1)
    assert before < read < ForkedPopen.forking.forks


@linux
def test_where_the_start_is_the_point_they_start_as_ever():
    for more in ({"env": {**os.environ, "PYTHONHASHSEED": "5"}}, {"preexec_fn": os.getpid}):
        with begin(**more) as child:
            assert str(FORKING) not in Path(f"/proc/{child.pid}/cmdline").read_text()
            child.kill()
    assert issubclass(ForkedPopen, PLAIN)


def test_a_shell_has_the_command_with_pipes_codes_and_input(tmp_path):
    variables = {**os.environ, "PATH": f"{bin_folder(tmp_path / 'bin')}{os.pathsep}{os.environ['PATH']}"}
    assert bash("provenance --version | tr a-z A-Z", tmp_path, variables).stdout.startswith("PROVENANCE, VERSION")
    assert bash("provenance frobnicate", tmp_path, variables).returncode == 2
    (tmp_path / "book.txt").write_text(prose(1, 500))
    built = bash("provenance index build book.txt --out index", tmp_path, variables)
    assert built.returncode == 0, built.stderr
    found = bash("provenance match - --index index", tmp_path, variables, prose(1, 500)[:900])
    assert "1 passage" in found.stdout, found.stderr
