"""How an index gets to a worker: its name and digest are sent, and each process opens it for itself, once."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypedDict

import pyarrow as pa

from provenance._version import __version__
from provenance.errors import UsageError
from provenance.index.opening import Index
from provenance.matching.annotations import annotate
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
