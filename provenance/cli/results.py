"""What `provenance verify` does with a minimal result, and how it is shown to who can name its works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from provenance.cli.tables import table
from provenance.display.text import percent
from provenance.errors import UsageError
from provenance.evidence.minimal import read_minimal, verify_minimal
from provenance.files.secrets import read_secret
from provenance.index.sealing import read_record
from provenance.verify.check import Check


def is_result(path: Path) -> bool:
    """Whether a path is a minimal result, or what is left of one: JSON, which neither a database nor an archive is."""
    try:
        with path.open("rb") as file:
            return path.suffix == ".json" or file.read(1) == b"{"
    except OSError:
        return False


def result_checks(path: Path, index: str | None, db: Path | None, salt_file: Path | None) -> Iterator[Check]:
    """The checks of a minimal result."""
    salt = None if salt_file is None else read_secret(salt_file, "salt")
    return verify_minimal(path, None if index is None else Path(index), db, salt)


def show_works(path: Path, private_record: Path) -> None:
    """Print the works of a result that was checked, by the names that the private record of its index has."""
    result, record = read_minimal(path), read_record(private_record)
    if record["index"] != result["index"]["xxh3_128"]:
        raise UsageError(f"{private_record} is of index {record['index']}, and the result is not")
    editions = {entry["edition_id"]: entry for entry in record["editions"]}
    headings = ("work", "author", "grade", "coverage", "from", "to", "words", "documents")
    rows = []
    for work in result["works"]:
        entry = editions.get(work["best_edition"], {})
        shares = (work["coverage"], work["coverage_low"], work["coverage_high"])
        shown = (percent(share) if share is not None else "" for share in shares)
        named = (entry.get("title") or work["work_id"], entry.get("author", ""), work["grade"])
        rows.append([*named, *shown, f"{work['covered_words']:,}", f"{work['documents']:,}"])
    table([(heading, "left" if number < 3 else "right") for number, heading in enumerate(headings)], rows)
