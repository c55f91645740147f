"""TOML that people write for a command: read strictly, so that a slip of the pen is an error and not a silence."""

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from provenance.errors import UsageError

MOST_BYTES = 1 << 20

Kinds = type | tuple[type, ...]


def read_toml(path: Path) -> dict[str, Any]:
    """What a file says; raises UsageError naming file and line."""
    try:
        with path.open("rb") as file:  # not by its size: a device has none, and no end
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise UsageError(f"{path} has more than {MOST_BYTES:,} bytes: is it the right file?")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path} is no TOML: line {line} is not in UTF-8; save it as UTF-8") from error
    except ValueError as error:  # also that a number has too many digits
        raise UsageError(f"{path} is no TOML: {error}") from error
    except RecursionError as error:
        raise UsageError(f"{path} has tables or lists too deep inside each other") from error


def check_table(place: str, table: object, needed: Mapping[str, Kinds], allowed: Mapping[str, Kinds]) -> dict[str, Any]:
    """A table with its keys checked, dates as text; `place` names it in the UsageErrors that this raises."""
    if not isinstance(table, dict):
        raise UsageError(f"{place} is no table")
    every = {**needed, **allowed}
    if strange := [name for name in table if name not in every]:
        raise UsageError(f"{place} has {strange[0]!r}; there are {', '.join(every)}")
    if missing := [name for name in needed if name not in table]:
        raise UsageError(f"{place} lacks {missing[0]!r}")
    for name, value in table.items():
        kinds = every[name]
        # by the type itself: in Python a time is a date and a truth value is a number, here they are slips of the pen
        if type(value) not in (listed := kinds if isinstance(kinds, tuple) else (kinds,)):
            wanted = " or ".join(kind.__name__ for kind in listed)
            raise UsageError(f"{place}: {name} is {value!r}; a {wanted.replace('str', 'text')} is needed")
        if isinstance(value, str) and not value.strip():
            raise UsageError(f"{place}: {name} is empty")
    return {name: value.isoformat() if isinstance(value, (date, datetime)) else value for name, value in table.items()}
