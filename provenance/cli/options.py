"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

from provenance.errors import UsageError
from provenance.sketch import Key

MOST_KEY_BYTES = 1 << 16


def read_key(path: Path | None) -> Key:
    """The key in a file, or the public one; raises UsageError for a file that cannot be read or is no key."""
    if path is None:
        return Key()
    try:
        with path.open("rb") as file:
            secret = file.read(MOST_KEY_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read key file {path}: {error.strerror}") from error
    if len(secret) > MOST_KEY_BYTES:
        raise UsageError(f"key file {path} has more than {MOST_KEY_BYTES} bytes: is it the right file?")
    return Key.from_secret(secret)
