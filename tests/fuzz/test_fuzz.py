"""Whatever bytes a reader is given, it ends soon with a result or a typed error, and its process lives.

Every target is tried for PROVENANCE_FUZZ_SECONDS (default 0.8), always with the same inputs first; to go on for longer,
or from elsewhere (PROVENANCE_FUZZ_SEED), see CONTRIBUTING.md. An input that fails is kept, and the message says where.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from provenance.isolation.framing import read_frame, write_frame
from tests.fuzz.mutation import inputs
from tests.fuzz.targets import TARGETS

SECONDS = float(os.environ.get("PROVENANCE_FUZZ_SECONDS", "0.8"))  # for each target
FIRST_SEED = int(os.environ.get("PROVENANCE_FUZZ_SEED", "0"))
PATIENCE = 20  # seconds that one input may take
ROOM = 240  # seconds in which a process starts, is told its target and tries valid inputs; kernels are compiled once
TOGETHER = 40  # inputs between two looks at the clock
REGRESSIONS = Path(__file__).with_name("regressions")


class Trial:
    """A child process that tries inputs, for all targets; started again when one killed it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._told: tuple[str, str] | None = None

    def of(self, target: str, folder: Path, data: bytes, patience: int = PATIENCE) -> str:
        """What an input did that it should not; empty where nothing."""
        if self._told != (target, str(folder)) or self._process is None:
            self._tell(target, folder)
        answer = self._ask({}, data, patience)
        if not isinstance(answer, dict):
            return answer
        if answer["spent"]:
            self.stop()
        return str(answer["wrong"])

    def _tell(self, target: str, folder: Path) -> None:
        if self._process is None:
            command = [sys.executable, "-m", "tests.fuzz.child"]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        answer = self._ask({"target": target, "folder": str(folder)}, b"", ROOM)
        assert isinstance(answer, dict), answer
        self._told = (target, str(folder))

    def _ask(self, header: dict[str, str], data: bytes, seconds: float) -> dict[str, object] | str:
        process = self._process
        assert process is not None
        write_frame(process.stdin, json.dumps(header).encode(), data)
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(seconds):
                self.stop()
                return f"it took more than {seconds} seconds"
        frame = read_frame(process.stdout.fileno())
        if frame is None:
            return f"the process died: status {self.stop()}"
        return json.loads(frame.header)

    def stop(self) -> int:
        process, self._process, self._told = self._process, None, None
        if process is None:
            return 0
        process.stdin.close()
        try:
            return process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            process.stdout.close()


@pytest.fixture(scope="module")
def trial():
    child = Trial()
    yield child
    child.stop()


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_gives_an_untyped_error_a_hang_or_a_dead_process(name, trial, tmp_path):
    until, seeds = 0.0, TARGETS[name].seeds(tmp_path)
    wrong = [complaint for data in seeds if (complaint := trial.of(name, tmp_path, data, ROOM))]
    assert not wrong, f"a valid input of target {name}: {wrong[0]}"

    @settings(
        max_examples=TOGETHER, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=HealthCheck
    )
    @given(data=inputs(seeds))
    def some(data: bytes) -> None:
        complaint = trial.of(name, tmp_path, data) if time.monotonic() < until else ""
        if complaint and not (TARGETS[name].may_abort and complaint.endswith(f"status -{signal.SIGABRT}")):
            kept = tmp_path / "failing-input"
            kept.write_bytes(data)
            pytest.fail(f"target {name}, input kept in {kept}: {complaint}", pytrace=False)

    until = time.monotonic() + SECONDS
    for number in count(FIRST_SEED):
        if time.monotonic() >= until:
            break
        seed(number)(some)()


@pytest.mark.parametrize("path", sorted(REGRESSIONS.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_an_input_that_once_did_harm_does_none(path, trial, tmp_path):
    assert trial.of(path.parent.name, tmp_path, path.read_bytes()) == ""
