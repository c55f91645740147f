"""What runs: the code of this package and of every package it needs, each with a digest. For the record of a run."""

import getpass
import hashlib
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from provenance.process.extras import DISTRIBUTION, EXTRAS

PACKAGE = Path(__file__).parents[1]
IN_RUNS = tuple(extra.name for extra in EXTRAS if extra.in_runs)
CODE = (".py", ".npz", ".json", ".toml", ".md", ".j2", ".css", ".js")


@cache
def packages() -> dict[str, dict[str, str | None]]:
    """Version and digest of each package in use, by name: those that this one needs, and those that they need.

    The digest is the SHA-256 of the RECORD that an installer leaves, in which every file has its own; None without one.
    """
    versions: dict[str, dict[str, str | None]] = {}
    waiting = _needs(_header(DISTRIBUTION), IN_RUNS)
    while waiting:
        name = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        header = "" if key in versions else _header(name)
        if not header:
            continue
        version = re.search(r"^Version: (.+)$", header, re.MULTILINE)
        record = distribution(name).read_text("RECORD")
        versions[key] = {
            "version": version[1].strip() if version else None,
            "sha256": None if record is None else hashlib.sha256(record.encode()).hexdigest(),
        }
        waiting += _needs(header, ())
    return dict(sorted(versions.items()))


def _header(name: str) -> str:
    """What a distribution says of itself; nothing where it is not installed. To parse all takes ten times as long."""
    try:
        return (distribution(name).read_text("METADATA") or "").partition("\n\n")[0]
    except PackageNotFoundError:
        return ""


def _needs(header: str, extras: tuple[str, ...]) -> list[str]:
    """Names a distribution asks for; of its extras only these. Other conditions do not matter: what is there counts."""
    names = []
    for requirement in re.findall(r"^Requires-Dist: (.+)$", header, re.MULTILINE):
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", requirement)
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        if name is not None and (extra is None or extra[1] in extras):
            names.append(name[0])
    return names


@cache
def code_sha256() -> str:
    """SHA-256 of the lines `SHA256 PATH` of this package's files, sorted by path."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.relative_to(PACKAGE).as_posix()}\n"
        for path in sorted(PACKAGE.rglob("*"), key=lambda path: path.relative_to(PACKAGE).as_posix())
        if path.suffix in CODE and "__pycache__" not in path.parts
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@cache
def code_commit() -> str | None:
    """The commit that is checked out where this package lies in a Git repository; None elsewhere."""
    git = PACKAGE.parent / ".git"
    try:
        if git.is_file():  # of a worktree
            git = Path(git.read_text().removeprefix("gitdir:").strip())
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        common = git / "commondir"
        stores = [git, git / common.read_text().strip()] if common.exists() else [git]
        ref = head.removeprefix("ref: ")
        for store in stores:
            if (store / ref).is_file():
                return (store / ref).read_text().strip()
            packed = store / "packed-refs"
            for line in packed.read_text().splitlines() if packed.is_file() else ():
                if line.endswith(f" {ref}"):
                    return line.split()[0]
    except OSError:
        pass
    return None


def account() -> str | None:
    """The name under which this process runs."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return None
