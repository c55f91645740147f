"""Options that several commands share."""

from __future__ import annotations

import re
from pathlib import Path

from provenance.errors import UsageError
from provenance.sketch import Key

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def parse_bytes(text: str) -> int:
    """A size such as `500MB`, `1.5 GB` or `64MiB` in bytes; raises UsageError for what is none."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", text.lower())
    if not match or (match[3] and not match[2]):
        raise UsageError(f"{text!r} is no size; give it as 500MB or 1.5GB")
    unit = 1024 ** "kmgt".index(match[2]) * 1024 if match[3] else UNITS[match[2]]
    return int(float(match[1]) * unit)


def read_key(path: Path | None) -> Key:
    """The key in a file, or the public one; raises UsageError for a file that cannot be read or is no key."""
    return Key() if path is None else Key.from_file(path)


def refuse_same(out: Path, db: Path) -> None:
    """Raise UsageError where an output would replace the run database."""
    if out.exists() and db.exists() and out.samefile(db):
        raise UsageError(f"--out {out} is the run database itself: choose another file")
