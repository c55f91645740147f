"""What all adapters share, and for DuckDB, Polars and plain Arrow all there is: tables in, tables with columns out."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

import pyarrow as pa

from provenance._version import __version__
from provenance.errors import UsageError
from provenance.index import Index
from provenance.matching import PROV_SCHEMA, MatchConfig, Matcher, annotate
from provenance.sketch import Key


class Options(TypedDict, total=False):
    """What every adapter can be told beside the index and the column of texts."""

    key_file: str | Path | None  # key that the index was built with; workers read it themselves
    config: MatchConfig  # thresholds of matching


@dataclass(frozen=True)
class Recipe:
    """All that is sent to workers instead of a matcher. Equal ones give equal results, so caches may go by it."""

    index: str
    digest: str  # of the index
    key_file: str | None
    config: MatchConfig
    version: str = __version__

    @classmethod
    def of(cls, index: str | Path, key_file: str | Path | None = None, config: MatchConfig | None = None) -> Recipe:
        """For the index at this place as it is now; raises what opening it raises: Index* and KeyMismatchError."""
        place, key = str(Path(index).absolute()), None if key_file is None else str(Path(key_file).absolute())
        return cls(place, _open(place, key).digest, key, config or MatchConfig())

    def annotations(self, texts: pa.Array | pa.ChunkedArray) -> pa.RecordBatch:
        """See `annotate`. The index is opened at the first call in a thread; UsageError where it is another by now."""
        matcher = _OPENED.matchers.get(self)
        if matcher is None:
            index = _open(self.index, self.key_file)
            if index.digest != self.digest:
                raise UsageError(f"index {self.index} is another one here than where this was begun: {index.digest}")
            matcher = _OPENED.matchers[self] = Matcher(index, self.config)
        return annotate(matcher, texts)


class _Opened(threading.local):
    def __init__(self) -> None:
        self.matchers: dict[Recipe, Matcher] = {}


_OPENED = _Opened()  # a matcher keeps texts that it has read, which threads cannot share


def _open(index: str, key_file: str | None) -> Index:
    return Index(Path(index), None if key_file is None else Key.from_file(Path(key_file)))


class Annotate:
    """Adds the columns of PROV_SCHEMA to an Arrow table or record batch with a column of texts."""

    def __init__(self, index: str | Path, text_column: str = "text", **options: Unpack[Options]) -> None:
        self.recipe, self.text_column = Recipe.of(index, **options), text_column

    def __call__(self, table: pa.Table) -> pa.Table:
        """Raises UsageError where there is no such column of texts, or the columns are there already."""
        names = table.schema.names
        if self.text_column not in names:
            raise UsageError(f"there is no column {self.text_column}, only {', '.join(names)}: pass text_column=")
        if there := [name for name in PROV_SCHEMA.names if name in names]:
            raise UsageError(f"there is a column {there[0]} already: drop {', '.join(there)} first")
        told = self.recipe.annotations(table.column(self.text_column))
        for field, column in zip(PROV_SCHEMA, told.columns, strict=True):
            table = table.append_column(field, column)
        return table
