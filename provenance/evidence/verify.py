"""Verifies a bundle offline: its digests here, and in a child process all that can be made again from its tables."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from provenance._version import __version__
from provenance.errors import BundleError, OutputError
from provenance.evidence.archive import extract_archive, is_as_written
from provenance.evidence.manifest import MANIFEST, compare_files, read_manifest
from provenance.process.software import code_sha256
from provenance.verify.check import DIFFERENT, EQUAL, MOST_EXAMPLES, UNCHECKED, Check

MOST_SECONDS = 3600

GOOD = {
    "tables": "every table and view is what the tables of the run give, row by row",
    "report": "report.html comes out of the tables again, byte for byte",
    "companions": "all other files come out of the tables again",
    "journal": "each entry of people has the digest of the one before",
}


def verify_bundle(path: str | Path, scratch: Path | None = None) -> Iterator[Check]:
    """Check a bundle, a folder or a zip file, one check after another.

    Nothing but the bundle and this program is needed. Raises OutputError where there is no room in `scratch`, by
    default the system's; what is wrong with the bundle is a check, not an error.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="provenance-", dir=scratch) as temporary:
            yield from _verify(Path(path), Path(temporary))
    except OSError as error:
        raise OutputError(f"cannot verify {path}: {error.strerror or error}") from error


def _verify(path: Path, scratch: Path) -> Iterator[Check]:
    folder = path
    try:
        if not path.is_dir():
            folder = scratch / "bundle"
            folder.mkdir()
            extract_archive(path, folder)
        manifest = read_manifest(folder)
    except BundleError as error:
        yield Check("manifest", DIFFERENT, str(error))
        return
    yield Check("manifest", EQUAL, f"{MANIFEST} has the digest in it: {manifest['sha256']}")
    try:
        different = compare_files(folder, manifest)
    except BundleError as error:
        different = [str(error)]
    if folder is not path and not different and not is_as_written(path, folder, scratch):
        different = [f"{path.name} holds these files, but is not the archive that they give"]
    yield _check("files", different, f"{len(manifest['files']):,} files have the sizes and digests of the manifest")
    if different:
        return
    if (version := manifest["tool_version"]) == __version__:
        yield from _again(folder, manifest, scratch)
    else:
        reason = f"version {version} made this bundle, and this is {__version__}: verify it with that"
        yield Check("contents", UNCHECKED, reason)


def _again(folder: Path, manifest: dict[str, Any], scratch: Path) -> Iterator[Check]:
    """The checks of the child process."""
    choice = {name: manifest[name] for name in ("redacted", "max_matches")}
    asked = json.dumps({"folder": str(folder.resolve()), "scratch": str(scratch), **choice}).encode()
    command = [sys.executable, "-m", "provenance.evidence.checking"]
    try:
        done = subprocess.run(command, input=asked, capture_output=True, timeout=MOST_SECONDS, check=False)
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        answer = {"error": f"it took longer than {MOST_SECONDS} s"}
    except ValueError:
        answer = {"error": f"the process that looked at its tables died ({done.returncode})"}
    if "error" in answer:
        yield Check("contents", DIFFERENT, f"what the bundle holds cannot be made again: {answer['error']}")
        return
    other = manifest["code_sha256"] != code_sha256()
    for entry in answer["checks"]:
        name, different = str(entry["name"]), [str(text) for text in entry["different"]]
        if different and other and name in ("report", "companions"):
            different.append("(this program's code is not that which made the bundle)")
        good = GOOD[name] + (f" ({entry['entries']:,} entries)" if name == "journal" else "")
        yield _check(name, different, good)


def _check(name: str, different: list[str], good: str) -> Check:
    if not different:
        return Check(name, EQUAL, good)
    reason = different[0] if len(different) == 1 else f"{len(different):,} differences; the first: {different[0]}"
    return Check(name, DIFFERENT, reason, tuple(different[1:MOST_EXAMPLES]))
