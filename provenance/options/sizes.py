"""Sizes as people write them."""

from __future__ import annotations

import re

from provenance.errors import UsageError

DECIMAL = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def parse_bytes(text: str) -> int:
    """A size such as `500MB`, `1.5 GB` or `64MiB` in bytes; raises UsageError for what is none."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", text.lower())
    if not match or (match[3] and not match[2]):
        raise UsageError(f"{text!r} is no size; give it as 500MB or 1.5GB")
    unit = 1024 ** "kmgt".index(match[2]) * 1024 if match[3] else DECIMAL[match[2]]
    return int(float(match[1]) * unit)


def bytes_text(size: int) -> str:
    """The shortest text that `parse_bytes` reads as this size: `256MB`, `3GiB`."""
    for letter, power in (("T", 4), ("G", 3), ("M", 2), ("k", 1)):
        if size and not size % 1024**power:
            return f"{size // 1024**power}{letter}iB"
        if size and not size % 1000**power:
            return f"{size // 1000**power}{letter}B"
    return f"{size}B"
