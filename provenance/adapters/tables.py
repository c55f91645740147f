"""Arrow tables in, the same with columns out: all there is for DuckDB and Polars, and the inside of other adapters.

To a worker the name and the digest of an index are sent, and each process opens it for itself, once.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypedDict, Unpack

import pyarrow as pa

from provenance._version import __version__
from provenance.errors import UsageError
from provenance.index.opening import Index
from provenance.matching.annotations import PROV_SCHEMA, annotate
from provenance.matching.config import MatchConfig
from provenance.matching.matcher import Matcher
from provenance.sketch import Key


class Options(TypedDict, total=False):
    """What every adapter can be told beside the index and the column of texts."""

    key_file: str | Path | None  # key that the index was built with; workers read it themselves
    config: MatchConfig  # thresholds of matching


@dataclass(frozen=True)
class Recipe:
    """All that is sent to workers instead of a matcher. Equal ones give equal results: caches may go by it."""

    index: str
    digest: str  # of the index
    key_file: str | None
    config: MatchConfig
    version: str = __version__

    @classmethod
    def of(cls, index: str | Path, key_file: str | Path | None = None, config: MatchConfig | None = None) -> Self:
        """For the index at this place as it is now; raises what opening it raises: Index* and KeyMismatchError."""
        place, key = str(Path(index).absolute()), None if key_file is None else str(Path(key_file).absolute())
        return cls(place, _open(place, key).digest, key, config or MatchConfig())

    def annotations(self, texts: pa.Array | pa.ChunkedArray, column: str) -> pa.RecordBatch:
        """See `annotate`. The index is opened at the first call in a thread; UsageError where it is another by now."""
        matchers: dict[Recipe, Matcher] = vars(_OPENED).setdefault("matchers", {})
        matcher = matchers.get(self)
        if matcher is None:
            index = _open(self.index, self.key_file)
            if index.digest != self.digest:
                raise UsageError(f"index {self.index} is another one here than where this was begun: {index.digest}")
            matcher = matchers[self] = Matcher(index, self.config)
        return annotate(matcher, texts, column)


_OPENED = threading.local()  # for each thread: a matcher keeps texts that it has read, which threads cannot share


def _open(index: str, key_file: str | None) -> Index:
    return Index(Path(index), None if key_file is None else Key.from_file(Path(key_file)))


def share(most_coverage: float) -> float:
    """The share; raises UsageError for a percentage and what else is none."""
    if not 0 <= most_coverage <= 1:
        raise UsageError(f"most_coverage is {most_coverage}; it must lie between 0 and 1")
    return most_coverage


class Annotate:
    """Adds the columns of PROV_SCHEMA to an Arrow table or record batch with a column of texts."""

    def __init__(self, index: str | Path, text_column: str = "text", **options: Unpack[Options]) -> None:
        self.recipe, self.text_column = Recipe.of(index, **options), text_column

    def __call__(self, table: pa.Table) -> pa.Table:
        """The table with the columns; raises UsageError: see `check`, and `annotate`."""
        check(table.schema.names, self.text_column, PROV_SCHEMA.names)
        annotations = self.recipe.annotations(table.column(self.text_column), self.text_column)
        for field, column in zip(PROV_SCHEMA, annotations.columns, strict=True):
            table = table.append_column(field, column)
        return table


def check(names: Sequence[str], text_column: str, new: Sequence[str] = ()) -> None:
    """Raise UsageError where there is no such column of texts, or a new column is there already."""
    if text_column not in names:
        raise UsageError(f"there is no column {text_column}, only {', '.join(names)}: pass text_column=")
    if there := ", ".join(name for name in new if name in names):
        raise UsageError(f"columns are there already: drop {there} first")


def from_python(texts: Iterable[str | None]) -> pa.Array:
    """Texts as Arrow; half of a surrogate pair, which is no UTF-8, separates words.

    Raises UsageError for what is no string.
    """
    try:
        encoded = [None if text is None else text.encode("utf-8", "surrogatepass") for text in texts]
    except AttributeError as error:
        raise UsageError(f"strings are needed: {error}") from error
    return pa.array(encoded, pa.large_binary())
