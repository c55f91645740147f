"""Reads one Parquet shard: its columns, its row groups, and batches of texts small enough for bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.errors import ShardError, TextColumnError
from provenance.matching.texts import is_text

TEXT_COLUMNS = ("text", "content", "raw_content", "body", "document")
ID_COLUMNS = ("id", "doc_id", "document_id", "_id", "url", "warc_record_id")

BATCH_BYTES = 4 << 20  # of text, about
BATCH_ROWS = 1024
SMALL_BATCH_ROWS = 8  # for the second try of a row group that did not fit into memory
REPEATING_BYTES = 64  # a dictionary column with fewer stored bytes a row is read as a dictionary: see `_repeats`
MOST_COLUMNS, MOST_NAME = 16, 40  # columns, and characters of each, that a message names
MOST_MESSAGE = 300  # characters of another library's message
READ_BUFFER = 1 << 20  # bytes; a column chunk is streamed through it instead of being read whole


@dataclass(frozen=True)
class Columns:
    """The columns of a shard that are read."""

    text: str
    id: str | None


@dataclass(frozen=True)
class RowGroup:
    """A row group: where its rows begin in the file, and about how many bytes of text it holds."""

    number: int
    first_row: int
    rows: int
    text_bytes: int  # as declared, decompressed but not decoded


@dataclass(frozen=True)
class Batch:
    """Consecutive rows of one row group."""

    row_group: int
    first_row: int  # in the file, from 0
    texts: pa.Array
    ids: pa.Array | None


class ParquetShard:
    """An opened Parquet file; all errors are ShardErrors that name the file."""

    def __init__(self, path: str, repeating: bool = False, text_column: str | None = None) -> None:
        """Open and read the footer. With `repeating`, the text column is read as a dictionary."""
        self.path = path
        try:
            if Path(path).stat().st_size == 0:
                raise ShardError(f"shard {path} is empty: 0 bytes")
            self._file = pq.ParquetFile(
                path,
                read_dictionary=[text_column] if repeating else None,
                buffer_size=READ_BUFFER,
                pre_buffer=False,
                page_checksum_verification=True,
            )
            self.schema: pa.Schema = self._file.schema_arrow
        except (pa.ArrowException, OSError, ValueError) as error:
            raise ShardError(f"shard {path} cannot be opened as Parquet: {_first_line(error)}") from error

    def __enter__(self) -> ParquetShard:
        """The shard itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._file.close()

    def choose_columns(self, text: str | None, row_id: str | None) -> Columns:
        """The columns asked for, or the first known names; raises TextColumnError naming the columns there are."""
        names = self.schema.names
        if not names:
            raise TextColumnError(f"shard {self.path} has no columns")
        present = self._describe_columns()
        for wanted, option in ((text, "--text-column"), (row_id, "--id-column")):
            if wanted is not None and names.count(wanted) != 1:
                how = "no column" if wanted not in names else "more than one column"
                raise TextColumnError(f"shard {self.path} has {how} {wanted} ({option}); it has {present}")
        chosen = text or next((name for name in TEXT_COLUMNS if names.count(name) == 1 and self._is_text(name)), None)
        if chosen is None:
            raise TextColumnError(f"shard {self.path} has no text column; it has {present}: pass --text-column NAME")
        if not self._is_text(chosen):
            raise TextColumnError(f"column {chosen} of shard {self.path} holds no text; it has {present}")
        found_id = row_id or next((name for name in ID_COLUMNS if names.count(name) == 1 and name != chosen), None)
        if found_id is not None and row_id is None and pa.types.is_nested(self.schema.field(found_id).type):
            found_id = None
        return Columns(chosen, found_id)

    def _describe_columns(self) -> str:
        """Names and types of the columns, those that could be scanned first, for a message of bearable length."""
        fields = sorted(self.schema, key=lambda field: not is_text(field.type))
        shown = ", ".join(
            f"{field.name[:MOST_NAME]} ({str(field.type)[:MOST_NAME]})" for field in fields[:MOST_COLUMNS]
        )
        return shown if len(fields) <= MOST_COLUMNS else f"{shown} and {len(fields) - MOST_COLUMNS} more"

    def _is_text(self, name: str) -> bool:
        return is_text(self.schema.field(name).type)

    @property
    def rows(self) -> int:
        """Rows in the file, as its footer says."""
        return int(self._file.metadata.num_rows)

    def row_groups(self, columns: Columns) -> list[RowGroup]:
        """All row groups in order; raises ShardError where the footer contradicts itself."""
        groups, first = [], 0
        for number in range(self._file.metadata.num_row_groups):
            chunk = self._text_chunk(number, columns.text)
            rows = self._file.metadata.row_group(number).num_rows
            groups.append(RowGroup(number, first, rows, max(0, chunk.total_uncompressed_size)))
            first += rows
        if first != self.rows:
            raise ShardError(
                f"shard {self.path} is damaged: its row groups hold {first} rows, its footer says {self.rows}"
            )
        return groups

    def repeats(self, group: int, column: str) -> bool:
        """Whether a row group's texts are stored as short references into a dictionary.

        Such a chunk can be a bomb: 487 bytes that decode to 100 GB. Read as a dictionary each value exists once.
        """
        chunk = self._text_chunk(group, column)
        return bool(chunk.has_dictionary_page) and chunk.total_uncompressed_size < REPEATING_BYTES * chunk.num_values

    def _text_chunk(self, group: int, column: str) -> pq.ColumnChunkMetaData:
        metadata = self._file.metadata.row_group(group)
        chunks = (metadata.column(number) for number in range(metadata.num_columns))
        for chunk in chunks:
            if chunk.path_in_schema == column:
                return chunk
        raise ShardError(f"shard {self.path} is damaged: row group {group} has no column {column}")

    def batches(self, group: RowGroup, columns: Columns, small: bool = False) -> Iterator[Batch]:
        """The texts of a row group in order; raises ShardError if it cannot be read, MemoryError if it does not fit."""
        wanted = [columns.text] if columns.id is None else [columns.text, columns.id]
        average = max(1, group.text_bytes // max(1, group.rows))
        rows = SMALL_BATCH_ROWS if small else min(BATCH_ROWS, max(1, BATCH_BYTES // average))
        at = group.first_row
        try:
            for batch in self._file.iter_batches(rows, row_groups=[group.number], columns=wanted, use_threads=False):
                texts = batch.column(batch.schema.get_field_index(columns.text))
                texts.validate()
                ids = None if columns.id is None else batch.column(batch.schema.get_field_index(columns.id))
                yield Batch(group.number, at, texts, ids)
                at += batch.num_rows
        except pa.ArrowMemoryError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            raise ShardError(
                f"shard {self.path}, row group {group.number}, from row {at}: {_first_line(error)}"
            ) from error
        if at != group.first_row + group.rows:
            raise ShardError(
                f"shard {self.path}, row group {group.number}: {at - group.first_row} rows read, "
                f"its footer says {group.rows}"
            )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:MOST_MESSAGE]


def plan_units(groups: Sequence[RowGroup], unit_bytes: int) -> list[list[RowGroup]]:
    """Consecutive row groups joined until a unit holds about `unit_bytes` of text; each unit has at least one."""
    units: list[list[RowGroup]] = []
    size = 0
    for group in groups:
        if not units or size + group.text_bytes > unit_bytes:
            units.append([])
            size = 0
        units[-1].append(group)
        size += group.text_bytes
    return units
