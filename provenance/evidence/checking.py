"""The child process that makes the contents of a bundle again from its tables, and compares.

A bundle may come from somebody who has a reason to change it, and its Parquet files from anybody: they are parsed here,
with bounded memory, and nothing of what this process says is more than text.
"""

import itertools
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.errors import ProvenanceError, first_line
from provenance.evidence.manifest import MANIFEST, STATEMENT, SUMS, files_of
from provenance.evidence.write import BASE, RUN, write_contents, write_manifest
from provenance.isolation.child import confine
from provenance.report.facts import ReportOptions
from provenance.store.database import RunReader, RunWriter
from provenance.store.journal import broken_link

MEMORY = 8 << 30
MOST_SHOWN = 120  # bytes around the first difference
COMPUTED = ("match", "ref_excerpt")  # a column that the database makes of others
GROUPS = {".html": "report", ".parquet": "tables"}


def check(folder: Path, choice: ReportOptions, scratch: Path) -> list[dict[str, Any]]:
    """The checks of what can be made again: a name, what differs, and what was equal."""
    db, again = scratch / "again.duckdb", scratch / "again"
    again.mkdir()
    rebuild(folder, db)
    with RunReader(db) as run:
        write_contents(run, again, choice)
        write_manifest(run, again, choice)
        journal = run.query("SELECT * FROM journal ORDER BY seq")
    groups: dict[str, list[str]] = {"tables": [], "report": [], "companions": []}
    for name in sorted({*files_of(folder), *files_of(again)} - {MANIFEST}):
        if difference := compare(folder / name, again / name, name):
            groups[GROUPS.get(Path(name).suffix, "companions")].append(difference)
    checks: list[dict[str, Any]] = [{"name": name, "different": different} for name, different in groups.items()]
    broken = broken_link(journal, choice.redacted)
    return [*checks, {"name": "journal", "different": [broken] if broken else [], "entries": len(journal)}]


def rebuild(folder: Path, db: Path) -> None:
    """Make a run database of the tables in a bundle; raises StoreError or an Arrow error where they are none."""
    writer = RunWriter(db)
    try:
        for table in BASE:
            with pq.ParquetFile(folder / RUN / f"{table}.parquet", page_checksum_verification=True) as file:
                for batch in file.iter_batches(use_threads=False):
                    batch.validate(full=True)
                    names = [name for name in batch.schema.names if (table, name) != COMPUTED]
                    writer.load(table, pa.Table.from_batches([batch.select(names)]))
        writer.finish()
    except BaseException:
        writer.abandon()
        raise


def compare(ours: Path, other: Path, name: str) -> str:
    """How a file differs from the one that was made again; empty if it does not. Tables are compared row by row."""
    if not ours.is_file() or not other.is_file():
        return f"{name} {'is missing' if other.is_file() else 'is not what such a run gives'}"
    if name.endswith(".parquet"):
        return _compare_tables(ours, other, name)
    if name in (STATEMENT, SUMS):
        return _compare_sums(ours, other, name)
    with ours.open("rb") as left, other.open("rb") as right:
        for number in itertools.count(1):
            pair = left.readline(), right.readline()
            if pair[0] != pair[1]:
                return _difference(name, number, *pair)
            if not pair[0]:
                return ""
    return ""


def _compare_tables(ours: Path, other: Path, name: str) -> str:
    left, right = (pq.read_table(path, page_checksum_verification=True, use_threads=False) for path in (ours, other))
    left.validate(full=True)
    if left.schema != right.schema:
        return f"{name} has other columns"
    if left.equals(right):
        return ""
    if left.num_rows != right.num_rows:
        return f"{name} has {left.num_rows:,} rows; the run gives {right.num_rows:,}"
    row = next((n for n in range(left.num_rows) if left.slice(n, 1) != right.slice(n, 1)), 0)
    columns = [column for column in left.column_names if left[column].slice(row, 1) != right[column].slice(row, 1)]
    return f"{name}, row {row}: {', '.join(columns)} {'is' if len(columns) == 1 else 'are'} not what the run gives"


def _compare_sums(ours: Path, other: Path, name: str) -> str:
    """Digests of Parquet files may differ where another version of Arrow wrote the same rows; others may not."""
    left, right = (path.read_text("utf-8", "replace") for path in (ours, other))
    read = _sums if name == SUMS else _subjects
    return "" if read(left) == read(right) else f"{name} does not say what the files and the run give"


def _sums(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if not line.endswith((".parquet", STATEMENT))]
    return [*lines, *(line[64:] for line in text.splitlines())]


def _subjects(text: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(text)
    for subject in content["subject"]:
        if subject["name"].endswith(".parquet"):
            subject["digest"] = None
    return content


def _difference(name: str, line: int, ours: bytes, other: bytes) -> str:
    at = next((n for n, (a, b) in enumerate(zip(ours, other, strict=False)) if a != b), min(len(ours), len(other)))
    begin = max(0, at - MOST_SHOWN // 2)
    shown = [text[begin : begin + MOST_SHOWN].decode("utf-8", "replace").strip() for text in (ours, other)]
    return f"{name}, line {line}: it says {shown[0]!r}; the run gives {shown[1]!r}"


def main() -> None:
    """Read what to check from standard input, and write the checks to standard output, both as JSON."""
    asked = json.loads(sys.stdin.buffer.read())
    confine(MEMORY)
    try:
        choice = ReportOptions(redacted=asked["redacted"], max_matches=asked["max_matches"])
        with tempfile.TemporaryDirectory(prefix="provenance-", dir=asked["scratch"]) as scratch:
            checks = check(Path(asked["folder"]), choice, Path(scratch))
        answer: dict[str, Any] = {"checks": checks}
    except (ProvenanceError, pa.ArrowException, OSError, ValueError, LookupError, TypeError, MemoryError) as error:
        answer = {"error": first_line(error, 500)}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
