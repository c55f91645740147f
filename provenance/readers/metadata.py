"""The metadata file: a CSV or Parquet file with what is known of books, by edition id, file name or ISBN."""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from provenance.errors import MetadataError
from provenance.readers.document import FACTS

KEYS = ("id", "file", "isbn")
PARQUET_SUFFIXES = (".parquet", ".pq")

_ISBN = re.compile(r"(?<![0-9A-Za-z])(?:97[89][- ]?)?(?:[0-9][- ]?){9}[0-9Xx](?![0-9A-Za-z])")
_YEAR = re.compile(r"(?<!\d)(1\d{3}|20\d{2})(?!\d)")


@dataclass
class Metadata:
    """Rows by key; remembers which were used, so that a row that fits no book is told and not lost."""

    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def of(self, edition_id: str, file_name: str, isbn: str = "") -> dict[str, str]:
        """What is known of a book, by its edition id, else its file name, else its ISBN; empty values are left out."""
        for key in (edition_id, file_name, isbn):
            if key in self.rows:
                self.used.add(key)
                return self.rows[key]
        return {}

    @property
    def unused(self) -> list[str]:
        """Keys that fitted no book."""
        return sorted(self.rows.keys() - self.used)


def year_in(text: str) -> str:
    """The first year from 1000 to 2099 in a date, however it is written, or nothing."""
    return next(iter(_YEAR.findall(text)), "")


def isbn13(text: str) -> str:
    """The ISBN in `text` as thirteen digits, or nothing where there is none or its check digit is wrong."""
    for candidate in _ISBN.finditer(text.replace("\u2010", "-").replace("\u2011", "-").replace("\u2013", "-")):
        digits = candidate.group().replace("-", "").replace(" ", "").upper()
        if len(digits) == 13 and digits[-1] == _check_digit_13(digits[:12]):
            return digits
        check = -sum(int(digit) * (10 - place) for place, digit in enumerate(digits[:9])) % 11
        if len(digits) == 10 and digits[-1] == "0123456789X"[check]:
            return "978" + digits[:9] + _check_digit_13("978" + digits[:9])
    return ""


def _check_digit_13(digits: str) -> str:
    return str(-sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10)


def checked_facts(facts: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Known facts that are not empty, ISBN and year in their one form; and what is wrong with those that have none."""
    checked, problems = {name: facts[name].strip() for name in FACTS if facts.get(name, "").strip()}, []
    for name, normal in (("isbn", isbn13), ("year", year_in)):
        if name in checked and not (value := normal(checked[name])):
            problems.append(f"{checked.pop(name)!r} is no {'ISBN' if name == 'isbn' else name}")
        elif name in checked:
            checked[name] = value
    return checked, problems


def read_metadata(path: Path | None) -> Metadata:
    """Read the file; raises MetadataError: no file or key column, unknown columns, a key twice, no ISBN or year."""
    if path is None:
        return Metadata()
    rows: dict[str, dict[str, str]] = {}
    for place, row in _rows(path):
        facts, problems = checked_facts(row)
        key = row.get("id") or row.get("file") or facts.get("isbn", "")
        if not key or key in rows:
            problems.append(f"{key} twice" if key else f"no {' or '.join(name for name in KEYS if name in row)}")
        if problems:
            raise MetadataError(f"metadata {path}, {place}: {'; '.join(problems)}")
        rows[key] = facts
    return Metadata(rows)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows as text, each with its place for messages."""
    try:
        if path.suffix.lower() in PARQUET_SUFFIXES:
            yield from _parquet_rows(path)
            return
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            _check_columns(path, list(reader.fieldnames or []))
            for row in reader:
                if None in row or None in row.values():
                    problem = "it has more or fewer fields than the header"
                    remedy = 'put quotes around a value with a comma, as "Alpha, the first"'
                    raise MetadataError(f"metadata {path}, line {reader.line_num}: {problem}; {remedy}")
                yield f"line {reader.line_num}", {name: value or "" for name, value in row.items() if name}
    except OSError as error:
        raise MetadataError(f"cannot read metadata {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise MetadataError(f"metadata {path} is no UTF-8 CSV: {error}") from error


def _parquet_rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    import pyarrow as pa  # here, because the process that parses books has no other use for it
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        rows = table.to_pylist()
    except pa.ArrowException as error:
        raise MetadataError(f"metadata {path} is no Parquet file: {error}") from error
    _check_columns(path, table.column_names)
    for number, row in enumerate(rows):
        yield f"row {number}", {name: "" if value is None else str(value) for name, value in row.items()}


def _check_columns(path: Path, columns: list[str]) -> None:
    if not any(name in columns for name in KEYS) or any(name not in KEYS + FACTS for name in columns):
        needs = f"it needs {' or '.join(KEYS)}, and may have {', '.join(FACTS)}"
        raise MetadataError(f"metadata {path} has columns {', '.join(columns) or '(none)'}; {needs}")
