"""CSV and TSV with a header, plain or compressed. A row is the number of its record, from 0, the header not counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from provenance.errors import ShardError, first_line
from provenance.shards.columns import Columns
from provenance.shards.fields import fields_of, ids_of, origins_of
from provenance.shards.shard import BATCH_ROWS, BadRow, Batch, Options, Part, Shard
from provenance.shards.streams import BLOCK, Stream, whole_part

MOST_RECORD = 32 << 20  # bytes; the reader needs a record to fit into its block
TAB_SUFFIXES = (".tsv", ".tab")


class CsvShard(Shard):
    """A CSV file; quoted fields may hold line ends. Invalid UTF-8 is left to the text rules."""

    kind = "csv"

    def __init__(self, path: str, name: str, options: Options) -> None:
        """Find the delimiter by the name of the file."""
        super().__init__(path, name, options)
        suffixes = [suffix.lower() for suffix in Path(name).suffixes[-2:]]
        self._delimiter = "\t" if any(suffix in TAB_SUFFIXES for suffix in suffixes) else ","
        self.kind = "tsv" if self._delimiter == "\t" else "csv"

    def schema(self) -> pa.Schema:
        """The names in the header; every column is text, and `id` columns are found by name."""
        with Stream(self.path, self.name, self.options) as stream, _opened(self, stream, [], BLOCK) as reader:
            try:
                return pa.schema([(name, pa.string()) for name in reader.schema.names])
            except UnicodeDecodeError as error:
                raise ShardError(f"shard {self.name} has a header that is no UTF-8: {first_line(error)}") from error

    def parts(self, columns: Columns) -> list[Part]:
        """The whole file: where a record begins is known only by reading from the start."""
        return [whole_part(self.path)]

    def batches(self, part: Part, columns: Columns, small: bool = False) -> Iterator[Batch]:
        """The records in order; one with more or fewer fields than the header is a bad row."""
        bad: list[BadRow] = []
        block = BLOCK if small else max(BLOCK, min(MOST_RECORD, self.options.max_row_bytes))
        with (
            Stream(self.path, self.name, self.options) as stream,
            _opened(self, stream, columns.names(), block, bad) as reader,
        ):
            at, missing = 0, list[int]()  # numbers of refused records that stand before or in the next batch
            while (stored := self._next(reader, at)) is not None:
                missing = [row for row in missing if row >= at] + [row.row for row in bad]
                numbers = _numbers(at, stored.num_rows, missing)
                for begin in range(0, stored.num_rows, BATCH_ROWS):
                    batch = stored.slice(begin, BATCH_ROWS)
                    ids, origins = ids_of(batch, columns), origins_of(batch, columns)
                    rows = numbers[begin : begin + batch.num_rows]
                    yield Batch(None, rows, fields_of(batch, columns, None), ids, tuple(bad), origins)
                    bad.clear()
                at = int(numbers[-1]) + 1 if numbers.size else at
            if bad:
                yield Batch(None, np.empty(0, dtype=np.int64), (), None, bad)

    def _next(self, reader: pc.CSVStreamingReader, at: int) -> pa.RecordBatch | None:
        try:
            return reader.read_next_batch()
        except StopIteration:
            return None
        except pa.ArrowMemoryError:
            raise
        except (pa.ArrowException, OSError) as error:
            raise ShardError(f"shard {self.name}, from record {at}: {first_line(error)}") from error


def _numbers(first: int, count: int, missing: list[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The next `count` record numbers from `first` on that are not missing."""
    numbers = np.arange(first, first + count + len(missing))
    return numbers[~np.isin(numbers, missing)][:count]


def _opened(
    shard: CsvShard, stream: Stream, names: list[str], block: int, bad: list[BadRow] | None = None
) -> pc.CSVStreamingReader:
    def refuse(row: pc.InvalidRow) -> str:
        if bad is not None:
            number = (row.number or 0) - 2  # counted from 1, with the header
            reason = (
                f"record {number} of shard {shard.name} has {row.actual_columns} fields, "
                f"its header has {row.expected_columns}: not scanned"
            )
            bad.append(BadRow(number, "bad row", reason))
        return "skip"

    try:
        return pc.open_csv(
            pa.PythonFile(stream, "r"),
            pc.ReadOptions(use_threads=False, block_size=block),
            pc.ParseOptions(delimiter=shard._delimiter, newlines_in_values=True, invalid_row_handler=refuse),
            pc.ConvertOptions(
                include_columns=names or None,
                column_types={name: pa.large_binary() for name in names},
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
    except (pa.ArrowException, OSError) as error:
        raise ShardError(f"shard {shard.name} cannot be read as CSV: {first_line(error)}") from error
