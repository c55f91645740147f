"""Compiled code is kept where neither package nor home can be written, and only where nobody else can write."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import provenance
from provenance.process.cache import private_folder

NOBODY = 65534
ONE = """
from provenance.kernels.compiling import kernel

@kernel
def doubled(x):
    return x * 2
"""
PROGRAM = """
import one
from provenance.cli.compiling import tell_unusual_place
from provenance.kernels.compiling import on_first_compile

on_first_compile(tell_unusual_place)
assert one.doubled(2) == 4
tell_unusual_place()
print(sum(one.doubled.stats.cache_hits.values()))
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights are otherwise elsewhere")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that others may look into, with a folder for temporary files, and a kernel that cannot be written."""
    place = Path(tempfile.mkdtemp(prefix="rights-"))
    (place / "package").mkdir()
    (place / "package" / "one.py").write_text(ONE)
    (place / "tmp").mkdir()
    (place / "tmp").chmod(0o1777)
    for folder in (place, place / "package"):
        folder.chmod(0o555)
    yield place
    for folder in (place, place / "package"):
        folder.chmod(0o755)
    shutil.rmtree(place)


def run(place: Path, **more: str) -> tuple[int, str]:
    """Run the kernel as a user without rights; how often code came from the cache, and what was told."""
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("no setpriv")
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
    root = Path(provenance.__file__).parents[1]
    dropped = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "PROVENANCE_CACHE")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    environment |= {"HOME": "/nonexistent", "TMPDIR": str(place / "tmp"), "PYTHONPATH": f"{root}:{place / 'package'}"}
    command = [*user, sys.executable, "-B", "-c", PROGRAM]
    done = subprocess.run(command, env={**environment, **more}, capture_output=True, text=True, timeout=120, cwd="/")
    assert done.returncode == 0, done.stderr
    return int(done.stdout), done.stderr


def user() -> int:
    return NOBODY if os.geteuid() == 0 else os.geteuid()


def test_without_rights_code_is_compiled_once_and_kept_in_a_private_folder_that_is_named_once(place):
    folder = place / "tmp" / f"provenance-{user()}"
    hits, complaint = run(place)
    assert hits == 0
    assert complaint == (
        f"provenance: compiled code is kept in {folder}, because the package and the user's cache cannot be written\n"
    )
    assert run(place) == (1, complaint)
    assert folder.stat().st_mode & 0o777 == 0o700
    named = place / "tmp" / "named"
    hits, complaint = run(place, PROVENANCE_CACHE=str(named))
    assert hits == 0
    assert f"kept in {named / folder.name}, " in complaint


@pytest.mark.parametrize("kind", ["open to others", "a link", "of another user"])
def test_a_folder_that_somebody_else_may_have_made_is_not_used(place, kind):
    folder = place / "tmp" / f"provenance-{user()}"
    if kind == "a link":
        (place / "tmp" / "elsewhere").mkdir(0o700)
        folder.symlink_to("elsewhere")
    elif kind == "of another user" and os.geteuid():
        pytest.skip("takes root")
    else:
        folder.mkdir()
        folder.chmod(0o777 if kind == "open to others" else 0o700)
    if os.geteuid() == 0 and kind != "of another user":
        shutil.chown(folder, user())
    hits, complaint = run(place)
    assert hits == 0
    assert "no folder for compiled code can be written" in complaint
    assert complaint.count("\n") == 1
    assert not list((place / "tmp").rglob("*.nb*"))


def test_a_folder_whose_place_anybody_can_change_is_not_private(tmp_path):
    assert private_folder(tmp_path) == tmp_path / f"provenance-{os.geteuid()}"
    tmp_path.chmod(0o777)
    assert private_folder(tmp_path) is None
    tmp_path.chmod(0o1777)
    assert private_folder(tmp_path) is not None
