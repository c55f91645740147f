"""CSV and TSV with a header, plain or compressed. A row is the number of its record, from 0, the header not counted."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from provenance.shards.columns import Columns
from provenance.shards.fields import batch_of
from provenance.shards.shard import BATCH_ROWS, BadRow, Batch, Options, Part, read_errors
from provenance.shards.streams import BLOCK, Stream, StreamShard

MOST_RECORD = 32 << 20  # bytes; the reader needs a record to fit into its block
TAB_SUFFIXES = (".tsv", ".tab")


class CsvShard(StreamShard):
    """A CSV file; quoted fields may hold line ends. Invalid UTF-8 is left to the text rules."""

    kind = "csv"

    def __init__(self, path: str, name: str, options: Options) -> None:
        super().__init__(path, name, options)
        suffixes = {suffix.lower() for suffix in Path(name).suffixes[-2:]}
        self.kind, self._delimiter = ("csv", ",") if suffixes.isdisjoint(TAB_SUFFIXES) else ("tsv", "\t")

    def schema(self) -> pa.Schema:
        """The names in the header; every column is text, and `id` columns are found by name."""
        with (
            self.stream() as stream,
            self._opened(stream, [], BLOCK, []) as reader,
            read_errors(f"shard {self.name} has a header that is no UTF-8"),
        ):
            return pa.schema([(name, pa.string()) for name in reader.schema.names])

    def batches(self, part: Part, columns: Columns, small: bool = False) -> Iterator[Batch]:
        """The records in order; one with more or fewer fields than the header is a bad row."""
        bad: list[BadRow] = []
        block = BLOCK if small else max(BLOCK, min(MOST_RECORD, self.options.max_row_bytes))
        with self.stream() as stream, self._opened(stream, columns.names(), block, bad) as reader:
            at, missing = 0, list[int]()  # numbers of refused records that stand before or in the next batch
            while True:
                with read_errors(f"shard {self.name}, from record {at}"):
                    stored = next(reader, None)
                if stored is None:
                    break
                missing = [row for row in missing if row >= at] + [row.row for row in bad]
                numbers = np.arange(at, at + stored.num_rows + len(missing))
                numbers = numbers[~np.isin(numbers, missing)][: stored.num_rows]
                for begin in range(0, stored.num_rows, BATCH_ROWS):
                    rows = numbers[begin : begin + BATCH_ROWS]
                    yield batch_of(stored.slice(begin, BATCH_ROWS), columns, rows, None, None, tuple(bad))
                    bad.clear()
                at = int(numbers[-1]) + 1 if numbers.size else at
            if bad:
                yield Batch(None, np.empty(0, dtype=np.int64), (), None, bad)

    def _opened(self, stream: Stream, names: list[str], block: int, bad: list[BadRow]) -> pc.CSVStreamingReader:
        """A reader of some columns; rows with more or fewer fields than the header are left out and noted in `bad`."""

        def refuse(row: pc.InvalidRow) -> str:
            number = (row.number or 0) - 2  # counted from 1, with the header
            fields = f"{row.actual_columns} fields, its header has {row.expected_columns}"
            bad.append(BadRow(number, "bad row", f"record {number} of shard {self.name} has {fields}: not scanned"))
            return "skip"

        kinds = {name: pa.large_binary() for name in names}
        with read_errors(f"shard {self.name} cannot be read as CSV"):
            return pc.open_csv(
                pa.PythonFile(stream, "r"),
                pc.ReadOptions(use_threads=False, block_size=block),
                pc.ParseOptions(delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=refuse),
                pc.ConvertOptions(
                    include_columns=names or None, column_types=kinds, strings_can_be_null=False, check_utf8=False
                ),
            )
