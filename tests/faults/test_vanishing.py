"""The place that a run writes to goes away under it: it says so, writes nothing elsewhere, and can go on later."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from provenance.errors import OutputError
from provenance.storage.folders import LocalFolder
from tests.faults.rig import INCOMPLETE, UNITS, Fault, Rig, becomes_true, mounted, send, units_in


def scan_over(rig: Rig, run: Path, vanish, out: Path) -> str:
    """Scan into `out`; the second unit is about to get its name when `vanish` is called. What the scan says of it."""
    started = rig.start(run, Fault("freeze", 2, operations="rename", name=UNITS), ("--out", str(out)))
    try:
        assert becomes_true(lambda: started.status() == "stopped", 60)
        vanish()
        send(started, signal.SIGCONT)
        outcome = started.wait()
    finally:
        started.end()
    assert outcome.exit == INCOMPLETE, outcome
    [line] = outcome.lines
    assert str(out) in line
    assert "the same command goes on" in line
    return line


def test_a_file_system_that_is_unmounted_is_noticed_and_nothing_is_written_below_its_mount_point(rig, tmp_path):
    out, saved = tmp_path / "disk" / "r.units", tmp_path / "saved"
    with mounted(tmp_path / "disk", "tmpfs", "tmpfs", "size=50m"):

        def unmount() -> None:
            shutil.copytree(out, saved)
            subprocess.run(["umount", "-l", str(tmp_path / "disk")], check=True)

        scan_over(rig, tmp_path, unmount, out)
        assert list((tmp_path / "disk").iterdir()) == []
        assert len(units_in(saved)) in (1, 2)  # units are written some at a time


def test_an_output_that_is_moved_away_is_noticed_and_goes_on_when_it_is_back(rig, tmp_path):
    run = tmp_path / "run"
    out, away = run / "r.units", tmp_path / "away"
    line = scan_over(rig, run, lambda: out.rename(away), out)
    assert re.search("[012] done unit", line)  # what had its name and was not yet safe in its directory is not counted
    assert [path.name for path in run.iterdir()] == []
    assert len(units_in(away)) in (1, 2)
    away.rename(out)
    outcome = rig.run(run, options=("--out", str(out), "--db", str(run / "run.duckdb")))
    assert outcome.exit == 0, outcome
    assert "going on" in outcome.stderr
    assert rig.exports(run) == rig.clean


@pytest.mark.parametrize("other", [True, False])
def test_a_folder_that_is_another_is_not_written_to(tmp_path, other):
    folder = LocalFolder(tmp_path / "run")
    assert folder.write("a/b", b"1")
    (tmp_path / "file").write_bytes(b"2")
    (tmp_path / "run").rename(tmp_path / "away")
    if other:
        (tmp_path / "run").mkdir()
    for change in (
        lambda: folder.write("a/c", b"2"),
        lambda: folder.write("a/b", b"2", replace=True),
        lambda: folder.put("a/d", tmp_path / "file"),
        lambda: folder.remove("a/b"),
        folder.discard,
    ):
        with pytest.raises(OutputError, match=r"run is no longer the directory that it was"):
            change()
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(["a", "away", "b", "file"] + ["run"] * other)
    if other:
        (tmp_path / "run").rmdir()
    (tmp_path / "away").rename(tmp_path / "run")
    assert folder.write("a/c", b"2"), "it is back"
