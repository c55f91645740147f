"""Reads keys and salts."""

from pathlib import Path

from provenance.errors import UsageError

MOST_BYTES = 1 << 16


def read_secret(path: Path, what: str) -> bytes:
    """The bytes of a small file; raises UsageError for one that cannot be read, or is too large to be meant."""
    try:
        with path.open("rb") as file:
            secret = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {what} file {path}: {error.strerror}") from error
    if len(secret) > MOST_BYTES:
        raise UsageError(f"{what} file {path} has more than {MOST_BYTES} bytes: is it the right file?")
    return secret
