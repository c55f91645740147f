"""Lists of shards: `@list.txt` names a file with one spec a line, `-` is the same from standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from provenance.errors import UsageError

MOST_BYTES = 64 << 20


def expand_lists(specs: Sequence[str]) -> list[str]:
    """The specs with lists replaced by what they name; raises UsageError for one that cannot be read or is empty.

    Blank lines and lines that begin with `#` are comments. A list names no other list.
    """
    found: list[str] = []
    if list(specs).count("-") > 1:
        raise UsageError("- is given twice: standard input can be read once")
    for spec in specs:
        if spec == "-":
            found += _lines(sys.stdin.buffer.read(MOST_BYTES + 1), "standard input")
        elif spec.startswith("@") and not Path(spec).exists():
            found += _lines(_read(Path(spec[1:])), spec[1:])
        else:
            found.append(spec)
    return found


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read the list of shards {path}: {error.strerror}") from error


def _lines(data: bytes, name: str) -> list[str]:
    if len(data) > MOST_BYTES:
        raise UsageError(f"the list of shards {name} has more than {MOST_BYTES >> 20} MB: is it a list?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"the list of shards {name} is no UTF-8 (byte {error.start})") from error
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    specs = [line for line in lines if line.strip() and not line.startswith("#")]
    if not specs:
        raise UsageError(f"the list of shards {name} is empty")
    if nested := next((line for line in specs if line == "-" or line.startswith("@")), None):
        raise UsageError(f"the list of shards {name} names another list: {nested}")
    return specs
