"""How an index is built: what of books is kept, with which key, and what building may use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from provenance.errors import UsageError
from provenance.index.tables import WIDE_WORDS
from provenance.readers.document import BookColumns
from provenance.readers.limits import Limits
from provenance.sketch import Key, Sketch

MEMORY = 1 << 30  # bytes for postings while they are gathered and sorted
LEAST_MEMORY = 1 << 24


@dataclass(frozen=True)
class BuildOptions:
    """The options of `build_index`. Memory and workers change how long it takes, and nothing of what is written."""

    metadata: str | Path | None = None  # a CSV or Parquet file with `id`, `file` or `isbn`, and any of FACTS
    columns: BookColumns = field(default_factory=BookColumns)  # of collections
    described: Mapping[str, str] = field(default_factory=dict)  # facts of the only book
    decoys: Sequence[str | Path] = ()  # sources of books that cannot be in any data
    strict: bool = False  # the first file that cannot be read is an error
    limits: Limits = field(default_factory=Limits)
    sketch: Sketch | None = None  # by default the densest FracMinHash that suits the size of the sources
    key: Key = field(default_factory=Key)
    keep_texts: bool = True  # without them and with a secret key the index is sealed
    pseudonyms: bool = False  # instead of names and titles, in a sealed index
    private_record: str | Path | None = None  # where the owner's own record of a sealed index goes
    overwrite: bool = False
    memory: int = MEMORY
    workers: int = 2
    wide_words: int = WIDE_WORDS  # in an index of so many words postings take eight bytes

    def __post_init__(self) -> None:
        if self.memory < LEAST_MEMORY:
            raise UsageError(f"--memory is {self.memory} bytes; at least {LEAST_MEMORY >> 20} MB are needed")


def changed(options: BuildOptions | None, changes: Mapping[str, Any]) -> BuildOptions:
    """Options with some of them named by keyword; None is what is not said. Raises TypeError for what is none."""
    return replace(options or BuildOptions(), **{name: value for name, value in changes.items() if value is not None})
