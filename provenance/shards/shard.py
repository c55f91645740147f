"""What every format of shard gives: columns, parts that can be read by themselves, and batches of texts."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from provenance.arrays import Integers
from provenance.documents import Documents
from provenance.errors import ShardError, first_line
from provenance.files.closing import Closing
from provenance.isolation.tasks import Item, Number
from provenance.shards.columns import Columns, choose_columns
from provenance.shards.reading import Reading
from provenance.shards.tokens import Decoder

BATCH_BYTES = 4 << 20  # of text, about
BATCH_ROWS = 1024
SMALL_BATCH_ROWS = 8  # for the second try of a part that did not fit into memory
SAMPLE_ROWS = 100  # from which columns are guessed where the format does not say

ALONE = -1  # in place of the number of a text in its row, where that is no list

T = TypeVar("T")


@dataclass(frozen=True)
class Options(Reading):
    """How shards are read, with the tokenizer loaded."""

    decoder: Decoder | None = None  # for columns of token ids

    @classmethod
    def of(cls, reading: Reading) -> Self:
        """Loads the tokenizer. Raises UsageError for one that is none."""
        decoder = None if reading.tokenizer is None else Decoder(reading.tokenizer, reading.end_of_text)
        return cls(**{field.name: getattr(reading, field.name) for field in fields(Reading)}, decoder=decoder)


class Part(Item, frozen=True):
    """Consecutive rows that can be read by themselves: a Parquet row group, an Arrow record batch, a range of lines."""

    number: Number
    first_row: Number
    rows: Number | None  # None: only reading tells
    text_bytes: Number  # about, before decoding
    begin: Number = 0  # where it begins and ends in the file, in the format's own unit, where that helps to find it
    end: Number = 0
    row_group: Number | None = None  # of Parquet


@dataclass(frozen=True)
class Field:
    """The texts of some rows in one column. A row has one text, or in a column of lists as many as its list has."""

    column: str  # as given to `text_column`; `[]` stands for the number in the list
    documents: Documents
    owners: Integers | None = None  # for each text the row of the batch it belongs to, ascending; None: one text a row
    items: Integers | None = None  # and its number in that row's list
    tokens: Sequence[npt.NDArray[np.integer]] | None = None  # the ids that each text was decoded from
    first_tokens: Integers | None = None  # and how many ids stand before them in the row

    def label(self, text: int) -> str:
        """The name under which a text's matches are reported, such as `messages[2].content`."""
        if self.items is None:
            return self.column
        item = int(self.items[text])
        return self.column.replace("[]", "" if item == ALONE else f"[{item}]", 1)


@dataclass(frozen=True)
class BadRow:
    """A row that could not be scanned, and why."""

    row: int
    kind: str
    reason: str


class Origins(NamedTuple):
    """From where the rows of a batch are, as text, where the shard says so: their URLs, and their collections."""

    urls: pa.Array | None = None
    sources: pa.Array | None = None


@dataclass(frozen=True)
class Batch:
    """Some rows of one part, in order."""

    row_group: int | None  # of Parquet and Arrow files: the row group or record batch
    rows: Integers  # their numbers in the file, from 0, ascending
    fields: Sequence[Field]
    ids: pa.Array | None
    bad: Sequence[BadRow] = ()  # beside `rows`
    origins: Origins = field(default_factory=Origins)


@contextmanager
def read_errors(what: str) -> Iterator[None]:
    """What Arrow and the system say, as a ShardError that begins with `what`; MemoryErrors pass, and errors of ours."""
    try:
        yield
    except (ShardError, pa.ArrowMemoryError):
        raise
    except (pa.ArrowException, OSError, ValueError, EOFError) as error:
        raise ShardError(f"{what}: {first_line(error)}") from error


class Shard(Closing, ABC):
    """An opened shard; all its errors are ShardErrors that name it."""

    kind: str = ""  # the format, for people
    rows: int | None = None  # as the file itself says; None: only reading tells
    _schema: pa.Schema  # of formats that say
    groups = 0  # row groups or record batches, where the format has such

    def __init__(self, path: str, name: str, options: Options) -> None:
        """`path` is where the bytes lie; `name` is what the shard is called, which differs for one that was fetched."""
        self.path, self.name, self.options = path, name, options

    def schema(self) -> pa.Schema:
        """Columns and their types; guessed from the first rows in formats that do not say."""
        return self._schema

    def choose_columns(self) -> Columns:
        """The columns that are scanned; raises TextColumnError naming the columns there are."""
        return choose_columns(self.schema(), self.name, self.options, self.options.decoder is not None)

    @abstractmethod
    def parts(self, columns: Columns) -> list[Part]:
        """All parts in order; raises ShardError where the file contradicts itself."""

    @abstractmethod
    def batches(self, part: Part, columns: Columns, small: bool = False) -> Iterator[Batch]:
        """The rows of a part in order; raises ShardError if it cannot be read, MemoryError if it does not fit.

        With `small`, as few rows at a time as possible: the second try of a part that did not fit.
        """


def plan_units(parts: Sequence[Part], unit_bytes: int) -> list[list[Part]]:
    """Consecutive parts joined until a unit holds about `unit_bytes` of text; each unit has at least one."""
    units, size = list[list[Part]](), 0
    for part in parts:
        if not units or size + part.text_bytes > unit_bytes:
            units.append([])
            size = 0
        units[-1].append(part)
        size += part.text_bytes
    return units


def batch_rows(text_bytes: int, rows: int, small: bool = False) -> int:
    """Rows of a batch whose texts are about so long on average."""
    average = max(1, text_bytes // max(1, rows))
    return SMALL_BATCH_ROWS if small else min(BATCH_ROWS, max(1, BATCH_BYTES // average))


def chunks(items: Iterable[T], most: int, size: Callable[[T], int]) -> Iterator[list[T]]:
    """Consecutive items in lists of at most `most`, and of about BATCH_BYTES."""
    taken, held = list[T](), 0
    for item in items:
        taken.append(item)
        held += size(item)
        if len(taken) >= most or held >= BATCH_BYTES:
            yield taken
            taken, held = [], 0
    if taken:
        yield taken
