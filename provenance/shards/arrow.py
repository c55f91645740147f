"""Arrow IPC files, Feather and Arrow streams, which is also what `datasets` saves. A part is a record batch."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from provenance.errors import ShardError
from provenance.shards.columns import Columns, check_names
from provenance.shards.fields import batch_of
from provenance.shards.shard import Batch, Options, Part, Shard, batch_rows, read_errors

FILE_MAGIC = b"ARROW1"
OLD_FEATHER = b"FEA1"


class ArrowShard(Shard):
    """An Arrow file or stream. Rows are numbered through all record batches."""

    kind = "arrow"

    def __init__(self, path: str, name: str, options: Options) -> None:
        super().__init__(path, name, options)
        with Path(path).open("rb") as file:
            head = file.read(6)
        if head.startswith(OLD_FEATHER):
            raise ShardError(
                f"shard {name} is Feather of version 1, which is no longer read: save it again as version 2"
            )
        self._is_file = head == FILE_MAGIC
        self.kind = "arrow file" if self._is_file else "arrow stream"
        self._size = Path(path).stat().st_size
        with read_errors(f"shard {name} cannot be opened as Arrow"):
            self._source = pa.OSFile(path)
            self._reader = pa.ipc.open_file(self._source) if self._is_file else pa.ipc.open_stream(self._source)
            self.groups = self._reader.num_record_batches if self._is_file else 0
            self._schema = self._reader.schema
            check_names(self._schema)

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def parts(self, columns: Columns) -> list[Part]:
        """The whole of a stream or a small file; of a large file each record batch, whose rows have to be counted."""
        if not self._is_file or self._size <= self.options.unit_bytes:
            return [Part(0, 0, None, self._size, 0, self.groups)]
        parts, first = [], 0
        with read_errors(f"shard {self.name} cannot be read"):
            for number in range(self.groups):
                rows = self._reader.get_batch(number).num_rows
                parts.append(Part(number, first, rows, self._size // self.groups, number, number + 1))
                first += rows
        self.rows = first
        return parts

    def batches(self, part: Part, columns: Columns, small: bool = False) -> Iterator[Batch]:
        """The rows of a part in order."""
        at = part.first_row
        for number, stored in self._stored(part, columns):
            size = batch_rows(stored.get_total_buffer_size() if stored.num_rows else 0, stored.num_rows, small)
            for begin in range(0, stored.num_rows, size):
                batch = stored.slice(begin, size)
                rows = np.arange(at, at + batch.num_rows)
                with read_errors(f"shard {self.name} record batch {number}, from row {at}"):
                    read = batch_of(batch, columns, rows, self.options.decoder, number)
                yield read
                at += batch.num_rows

    def _stored(self, part: Part, columns: Columns) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Record batches as they are stored, with only the columns that are read."""
        wanted = sorted(self._schema.get_field_index(name) for name in columns.names())
        options = pa.ipc.IpcReadOptions(included_fields=wanted, use_threads=False)
        with read_errors(f"shard {self.name} cannot be read"), pa.OSFile(self.path) as source:
            if self._is_file:
                reader = pa.ipc.open_file(source, options=options)
                yield from ((number, reader.get_batch(number)) for number in range(part.begin, part.end))
            else:
                yield from enumerate(pa.ipc.open_stream(source, options=options))
