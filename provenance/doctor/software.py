"""Packages, and the formats they make readable."""

import platform
import re
from importlib import import_module, metadata

from provenance._version import __version__
from provenance.doctor.checks import FAILED, OK, WARNING, Diagnoses, Diagnosis
from provenance.process.extras import DISTRIBUTION, EXTRAS

NEEDED = ("click", "datasketch", "duckdb", "lxml", "msgspec", "numba", "numpy", "pyarrow", "selectolax", "xxhash")
"""What is looked for where the requirements are not known, because this is a checkout that was never installed."""

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*([<>=!~0-9.,\s*]*)$")


def versions() -> Diagnoses:
    """Whether what this program needs is there, in versions it was made for."""
    versions, missing, others = [f"provenance {__version__}", f"Python {platform.python_version()}"], [], []
    for name, wanted in requirements().items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
            continue
        versions.append(f"{name} {version}")
        if not fits(version, wanted):
            others.append(f"{name} {version} instead of {wanted}")
    if missing:
        remedy = f"pip install {' '.join(missing)}"
        yield Diagnosis("versions", FAILED, f"not installed: {', '.join(missing)}", remedy)
    if others:
        remedy = f"pip install --upgrade {DISTRIBUTION}, into an environment of its own"
        yield Diagnosis("versions", WARNING, f"other versions than it was made for: {'; '.join(others)}", remedy)
    yield Diagnosis("versions", OK, ", ".join(versions))


def requirements() -> dict[str, str]:
    """Range of versions of each package that is not optional."""
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return dict.fromkeys(NEEDED, "")
    matches = (_REQUIREMENT.match(line) for line in lines if ";" not in line)
    return {match[1]: match[2].strip() for match in matches if match}


def fits(version: str, wanted: str) -> bool:
    """Whether a version lies in a range of `>=` and `<`, the only signs that our requirements have."""
    ours = _numbers(version)
    return all(
        ours >= _numbers(part[2:]) if part.startswith(">=") else ours < _numbers(part[1:])
        for part in (piece.strip() for piece in wanted.split(","))
        if part.startswith((">=", "<")) and not part.startswith("<=")
    )


def _numbers(version: str) -> tuple[int, ...]:
    begin = re.match(r"\s*(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in begin[1].split(".")) if begin else ()


def formats() -> Diagnoses:
    """Which optional packages can be imported, and what cannot be read without the others."""
    there: list[str] = []
    lost: dict[str, str] = {}  # by extra, what cannot be read
    for extra in (extra for extra in EXTRAS if extra.is_format):
        try:
            import_module(extra.module)
            there.append(extra.purpose)
        except Exception as error:  # a package made for another machine may raise anything
            missing = isinstance(error, ModuleNotFoundError) and error.name == extra.module
            lost[extra.name] = extra.purpose if missing else f"{extra.purpose} ({extra.module}: {error})"
    if not lost:
        text = "Parquet, Arrow, JSON lines, CSV, WebDataset; text, HTML and EPUB books"
        yield Diagnosis("formats", OK, f"{text}; {', '.join(there)}")
        return
    remedy = f"pip install '{DISTRIBUTION}[{','.join(lost)}]'"
    yield Diagnosis("formats", WARNING, f"cannot be read: {', '.join(lost.values())}", remedy)
