"""Where a command may write."""

from pathlib import Path

from provenance.errors import UsageError


def refuse_same(out: Path, db: Path) -> None:
    """Raise UsageError where an output would replace the run database."""
    if out.exists() and db.exists() and out.samefile(db):
        raise UsageError(f"--out {out} is the run database itself: choose another file")
