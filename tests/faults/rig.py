"""Runs the command line while something goes wrong, and tells whether what is left is as it must be.

A fault is an operation on files below the folder of a run: see shim.c, which makes it happen.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.index.building import build_index
from provenance.store.database import RunReader
from provenance.store.export import EXPORTS, WHEN_AND_WHO, export
from tests.shards.fixtures import prose
from tests.tools.forked import CommandPopen, Forking

CHANGES = "open,write,fsync,rename,truncate,mkdir,unlink"
"""Kinds of operations that change what is on disk."""

DONE, USAGE, INCOMPLETE, INTERRUPTED = 0, 2, 3, 130
"""Exit codes of the command line."""

NOT_FOUND_BY = ("Traceback", "Fatal Python error", "Exception ignored", "terminate called")
"""What is never on stderr, whatever happens."""

GOING_ON = "provenance: going on: "

UNITS = "*.units/units/*"
"""Pattern of the files of units, temporary ones too."""

MARK = 15  # letters of a mark that the system keeps as the name of a process
BEGIN = Path(__file__).with_name("begin.py")
LIMIT = 150  # seconds for one command; the first one of a machine compiles for it


@dataclass(frozen=True)
class Fault:
    """What goes wrong at the operation `at`, counted from 1 over those that `operations` and `name` select."""

    action: str  # fail, short, kill-before, kill-after, freeze, swell, count
    at: int = 0
    error: int = errno.EIO
    lasting: bool = False  # at every operation from then on, too
    operations: str = CHANGES
    name: str = ""  # pattern of whole paths; empty for all
    role: str = "parent"  # parent, children, all
    inputs: bool = False  # below the folders of shards and index, instead of that of the run
    clock: tuple[int, int] | None = None  # operations, after which the clock is so many seconds off

    def __str__(self) -> str:
        what = errno.errorcode[self.error] if self.action == "fail" else self.action
        return f"{what}{'...' if self.lasting else ''} at {self.role}'s {self.operations} {self.name} {self.at}"


def with_(fault: Fault, **changes: Any) -> Fault:
    return replace(fault, **changes)


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    exit: int
    stderr: str
    operations: int = 0
    faults: int = 0
    looks: int = 0  # at a clock that is off
    process: int = 0  # that had the last fault
    seconds: float = 0.0

    @property
    def lines(self) -> list[str]:
        """What it says on stderr, without how much of an earlier attempt it goes on from."""
        return [line for line in self.stderr.splitlines() if line.strip() and GOING_ON not in line]


@dataclass
class Started:
    """A command that runs, and the mark that all its processes bear."""

    process: subprocess.Popen[bytes]
    mark: str
    counts: Path
    told: Path  # what it and its children wrote to stderr: no pipe, which a child that outlives it would hold open
    begun: float = field(default_factory=time.monotonic)

    def wait(self, seconds: float = LIMIT) -> Outcome:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.end()
            raise
        numbers = struct.unpack("4q", self.counts.read_bytes())
        stderr = self.told.read_text()
        # a shell calls both 130: Python ends itself by the signal where a library met it first
        code = INTERRUPTED if self.process.returncode == -signal.SIGINT else self.process.returncode
        return Outcome(code, stderr, *numbers, seconds=time.monotonic() - self.begun)

    def end(self) -> None:
        for process in [self.process, *self.living()]:
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                process.kill()
        self.process.wait()

    def living(self) -> list[psutil.Process]:
        """The processes of this command that are still there: those that bear its mark, as a name or as a variable."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                marks = {process.name(), process.environ().get("FAULT_MARK", "")[:MARK]}
                if self.mark[:MARK] in marks and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def operations(self) -> list[tuple[str, Path]]:
        """What it did, if its fault is only to count: kind and path of each operation, in order."""
        lines = [line.split(" ", 3) for line in log_of(self.counts).read_text().splitlines()]
        return [(kind, Path(path)) for _, _, kind, path in lines]

    def status(self) -> str:
        return str(psutil.Process(self.process.pid).status())

    def children(self) -> list[psutil.Process]:
        return [process for process in self.living() if process.pid != self.process.pid]

    def all_gone(self, seconds: float = 5) -> bool:
        return becomes_true(lambda: not self.living(), seconds)


def by_default(names: Iterable[str], *chosen: str) -> list[object]:
    """Parameters of a test, of which only the chosen ones run by default: a scan costs more than a second."""
    return [name if name in chosen else pytest.param(name, marks=pytest.mark.slow) for name in names]


def log_of(counts: Path) -> Path:
    return counts.with_name(counts.name + ".log")


def units_in(folder: Path) -> list[Path]:
    """The files of units that are done."""
    return sorted(path for path in folder.glob("units/*/*.parquet") if not path.name.startswith("."))


def digest_of(folder: Path) -> str:
    """Digest of the names and bytes of all that is below a folder, but for what says only when it was written."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if "/attempts/" in name or name.endswith("/lock"):
            continue
        if name.endswith(".tmp"):
            name = name.rpartition(".")[0].rpartition(".")[0]  # a part of it is random
        content = path.read_bytes() if path.is_file() else b""
        digest.update(f"{name} {path.is_dir()} {len(content)} ".encode() + content)
    return digest.hexdigest()


def becomes_true(condition, seconds: float) -> bool:
    last = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > last:
            return False
        time.sleep(0.02)
    return True


@dataclass
class Rig:
    """A small corpus, its index, and what an undisturbed run exports."""

    folder: Path
    shim: Path
    clean: dict[str, bytes] = field(default_factory=dict)
    seconds: float = 0.0  # that an undisturbed run takes
    left: list[str] = field(default_factory=list)  # names beside a finished run database
    resumed: set[str] = field(default_factory=set)  # digests of folders from which a run was already seen to resume
    popen: type[subprocess.Popen[bytes]] = subprocess.Popen

    def start(
        self, run: Path, fault: Fault | None = None, options: tuple[str, ...] = (), command: list[str] | None = None
    ) -> Started:
        """Begin the scan whose results go to the folder `run`."""
        run.mkdir(exist_ok=True)
        mark = uuid.uuid4().hex
        counts = self.folder / f"counts-{mark}"
        counts.write_bytes(bytes(32))
        told = self.folder / f"stderr-{mark}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("FAULT_", "LD_PRE"))}
        environment |= {"FAULT_MARK": mark, "FORKED_BEGIN": str(BEGIN), "LD_PRELOAD": str(self.shim)}
        if fault is not None:
            environment |= self._told(fault, run, counts)
        with told.open("wb") as stderr:
            process = self.popen(
                command or self.command(run, *options),
                env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
            )  # fmt: skip
        return Started(process, mark, counts, told)

    def command(self, run: Path, *options: str) -> list[str]:
        return [
            sys.executable, "-m", "provenance", "scan", str(self.folder / "shards"),
            "--index", str(self.folder / "index"), "--workers", "1", "--unit-size", "64kB",
            *(() if "--out" in options else ("--db", str(run / "run.duckdb"))), *options,
        ]  # fmt: skip

    def _told(self, fault: Fault, run: Path, counts: Path) -> dict[str, str]:
        inputs = [str(self.folder / name) for name in ("shards", "index")]
        told = {
            "FAULT_BELOW": ":".join(inputs if fault.inputs else [str(run)]),
            "FAULT_OPERATIONS": fault.operations,
            "FAULT_ROLE": fault.role,
            "FAULT_ACTION": fault.action,
            "FAULT_AT": str(fault.at),
            "FAULT_LASTING": str(int(fault.lasting)),
            "FAULT_ERRNO": str(fault.error),
            "FAULT_COUNTS": str(counts),
        }
        if fault.action == "count":
            told["FAULT_LOG"] = str(log_of(counts))
        if fault.name:
            told["FAULT_NAME"] = fault.name
        if fault.clock is not None:
            told["FAULT_CLOCK_AFTER"], told["FAULT_CLOCK_STEP"] = map(str, fault.clock)
        return told

    def run(self, run: Path, fault: Fault | None = None, options: tuple[str, ...] = ()) -> Outcome:
        return self.start(run, fault, options).wait()

    def collect(self, run: Path, units: Path, fault: Fault | None = None) -> Outcome:
        """Make the run database of the units of tasks."""
        command = [sys.executable, "-m", "provenance", "collect", str(units), "--db", str(run / "run.duckdb")]
        return self.start(run, fault, command=command).wait()

    def exports(self, run: Path) -> dict[str, bytes]:
        """All that the run database says of matches, works, documents and shards."""
        blobs = {}
        with RunReader(run / "run.duckdb") as reader:
            for what in (name for name in EXPORTS if name not in WHEN_AND_WHO):
                export(reader, what, "parquet", run / "export")
                blobs[what] = (run / "export").read_bytes()
                (run / "export").unlink()
        return blobs

    def must_be_honest(self, run: Path, outcome: Outcome) -> None:
        """A command that went wrong says so once, and a run database that stands there is whole."""
        assert outcome.exit in (DONE, USAGE, INCOMPLETE, INTERRUPTED), outcome
        assert not any(word in outcome.stderr for word in NOT_FOUND_BY), outcome.stderr
        told = sum(line.startswith("provenance: ") for line in outcome.lines)
        if outcome.exit == DONE:
            assert not outcome.lines
        else:  # interrupted in its last moments, Python may have nobody left who could say so
            assert told == 1 or (not told and outcome.exit == INTERRUPTED and (run / "run.duckdb").exists()), outcome
            assert all(line.startswith(("provenance: ", "not scanned: ")) for line in outcome.lines), outcome.stderr
        self.must_be_whole(run, outcome)

    def must_be_mended(self, run: Path, outcome: Outcome) -> None:
        """A command that went wrong was honest, and the same one again ends well."""
        self.must_be_honest(run, outcome)
        if outcome.exit == DONE:
            shutil.rmtree(run)
        else:
            self.must_resume(run)

    def must_be_whole(self, run: Path, outcome: Outcome) -> None:
        """What stands under the name of the run database is the result, or one that names what it lacks."""
        if outcome.exit == DONE or (run / "run.duckdb").exists():
            with RunReader(run / "run.duckdb") as reader:
                lacks = reader.query("SELECT count(*) AS n FROM exception")[0]["n"]
                ended = reader.query("SELECT ended_utc FROM run")
            assert len(ended) == 1
            if lacks:
                assert outcome.exit == INCOMPLETE, outcome
            else:
                assert self.exports(run) == self.clean

    def must_resume(self, run: Path, keep: bool = False) -> None:
        """The same command again, undisturbed, ends with the result of a run that was never disturbed.

        Many faults leave the same files: a run is resumed from each state once.
        """
        state = digest_of(run)
        if state in self.resumed and not keep:
            shutil.rmtree(run, ignore_errors=True)
            return
        outcome = self.run(run)
        assert (outcome.exit, outcome.lines) == (DONE, []), outcome
        assert self.exports(run) == self.clean
        assert sorted(path.name for path in run.iterdir()) == self.left
        self.resumed.add(state)
        if not keep:
            shutil.rmtree(run)


def make_rig(folder: Path) -> Rig:
    """Two books, three shards with parts of them, the library of faults, and a run that nothing disturbs."""
    shim = build_shim(folder)
    rig = Rig(folder, shim, popen=forked_commands(shim))
    (folder / "books").mkdir()
    books = [prose(number, 400) for number in range(2)]
    for number, text in enumerate(books):
        (folder / "books" / f"b{number}.txt").write_text(text)
    build_index([folder / "books"], folder / "index")
    (folder / "shards").mkdir()
    for shard in range(3):
        rows = [
            books[(row + shard) % 2][50 * row :][:900] if row % 3 == 0 else prose(100 + 30 * shard + row, 80)
            for row in range(12)
        ]
        table = pa.table({"id": [f"{shard}-{row}" for row in range(12)], "text": rows})
        pq.write_table(table, folder / "shards" / f"s{shard}.parquet", row_group_size=4)
    for _ in range(2):  # the first run of a machine compiles; the second one tells how long one takes
        outcome = rig.run(folder / "clean", options=("--overwrite",))
        assert outcome.exit == DONE, outcome
        rig.seconds = outcome.seconds
    rig.clean = rig.exports(folder / "clean")
    rig.left = sorted(path.name for path in (folder / "clean").iterdir())
    assert pq.read_table(pa.BufferReader(rig.clean["matches"])).num_rows == 12
    return rig


def forked_commands(shim: Path) -> type[subprocess.Popen[bytes]]:
    """Starts commands by forks of a process that has the library of faults, and has loaded what they load."""
    forking = Forking({**os.environ, "LD_PRELOAD": str(shim)})
    return type("FaultyPopen", (CommandPopen,), {"forking": forking})


def build_shim(folder: Path) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("faults of the file system need Linux and a C compiler")
    source, library = Path(__file__).with_name("shim.c"), folder / "shim.so"
    command = [compiler, "-O1", "-Wall", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0 and not made.stderr, made.stderr
    return library


@contextlib.contextmanager
def mounted(folder: Path, kind: str, source: str, options: str) -> Iterator[Path]:
    """A file system mounted at `folder`; skips the test where that is not permitted."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", kind, "-o", options, source, str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not permitted here")
    try:
        yield folder
    finally:
        if folder.is_mount():  # a test may have it vanish
            subprocess.run(["umount", "-l", str(folder)], check=True)


def send(started: Started, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        started.process.send_signal(number)
