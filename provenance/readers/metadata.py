"""The metadata file: a CSV that names, for an edition id or a file name, its title, author and work."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

from provenance.errors import MetadataError

KEYS = ("id", "file")
FIELDS = ("title", "author", "work_id")


@dataclass
class Metadata:
    """Rows by key; remembers which were used, so that a row that fits no book is told and not lost."""

    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def of(self, edition_id: str, file_name: str) -> dict[str, str]:
        """What is known of a book, its edition id before its file name; empty values are left out."""
        for key in (edition_id, file_name):
            if key in self.rows:
                self.used.add(key)
                return self.rows[key]
        return {}

    @property
    def unused(self) -> list[str]:
        """Keys that fitted no book."""
        return sorted(self.rows.keys() - self.used)


def read_metadata(path: Path | None) -> Metadata:
    """Read the CSV; raises MetadataError for a missing file or key column, unknown columns, or a key given twice."""
    if path is None:
        return Metadata()
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or [])
            keys = [name for name in KEYS if name in columns]
            unknown = [name for name in columns if name not in KEYS + FIELDS]
            if not keys or unknown:
                raise MetadataError(
                    f"metadata {path} has columns {', '.join(columns) or '(none)'}; "
                    f"it needs {' or '.join(KEYS)}, and may have {', '.join(FIELDS)}"
                )
            rows: dict[str, dict[str, str]] = {}
            for row in reader:
                key = next((row[name] for name in keys if row[name]), "")
                if not key or key in rows:
                    problem = f"{key} twice" if key else "no id"
                    raise MetadataError(f"metadata {path}, line {reader.line_num}: {problem}")
                rows[key] = {name: row[name] for name in FIELDS if row.get(name)}
    except OSError as error:
        raise MetadataError(f"cannot read metadata {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise MetadataError(f"metadata {path} is no UTF-8 CSV: {error}") from error
    return Metadata(rows)
