"""Parquet. A row is its number in the file, a part is a row group; both are exact, because the footer has them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from provenance.errors import ShardError, first_line
from provenance.shards.columns import Columns, check_names
from provenance.shards.fields import batch_of
from provenance.shards.shard import Batch, Options, Part, Shard, batch_rows, read_errors

REPEATING_BYTES = 64  # a dictionary column with fewer stored bytes a row is read as a dictionary: see `_repeating`
READ_BUFFER = 1 << 20  # bytes; a column chunk is streamed through it instead of being read whole
SIGNATURE = 28  # bytes: a nonce of 12 and a tag of 16
ENCRYPTED = ("encrypt", "decrypt", "crypto")  # what the reader's messages say when it has no key


class ParquetShard(Shard):
    """A Parquet file, opened for one part after another."""

    kind = "parquet"

    def __init__(self, path: str, name: str, options: Options) -> None:
        super().__init__(path, name, options)
        self._file = self._open([])
        self._refuse_encrypted_columns()
        self._schema = self._file.schema_arrow
        with read_errors(f"shard {name} has a column whose name is no UTF-8"):
            check_names(self._schema)
        self.rows = int(self._file.metadata.num_rows)
        self.groups = int(self._file.metadata.num_row_groups)

    def _open(self, dictionaries: list[str]) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(
                self.path, read_dictionary=dictionaries or None, buffer_size=READ_BUFFER, pre_buffer=False,
                page_checksum_verification=True,
            )  # fmt: skip
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._error("cannot be opened as Parquet", error) from error

    def _refuse_encrypted_columns(self) -> None:
        """To look at an encrypted column chunk would end the process: Arrow throws where nobody catches.

        A footer in plain text is signed where columns are encrypted, and so longer than what it holds (Parquet Modular
        Encryption, "Plaintext footer mode").
        """
        with Path(self.path).open("rb") as file:
            file.seek(-8, 2)
            length = int.from_bytes(file.read(4), "little")
        if length - self._file.metadata.serialized_size == SIGNATURE:
            raise ShardError(f"shard {self.name} is encrypted and was not scanned: decrypt it first")

    def _error(self, what: str, error: Exception) -> ShardError:
        message = first_line(error)
        if any(word in message.lower() for word in ENCRYPTED):
            return ShardError(f"shard {self.name} is encrypted and was not scanned: decrypt it first ({message})")
        return ShardError(f"shard {self.name} {what}: {message}")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def parts(self, columns: Columns) -> list[Part]:
        """A part for each row group; raises ShardError where the footer contradicts itself."""
        parts, first = [], 0
        for number in range(self.groups):
            chunks = [chunk for _, chunk in self._chunks(number, columns)]
            rows = self._file.metadata.row_group(number).num_rows
            size = sum(max(0, chunk.total_uncompressed_size) for chunk in chunks)
            parts.append(Part(number, first, rows, size, row_group=number))
            first += rows
        if first != self.rows:
            reason = f"its row groups hold {first} rows, its footer says {self.rows}"
            raise ShardError(f"shard {self.name} is damaged: {reason}")
        return parts

    def _chunks(self, group: int, columns: Columns) -> list[tuple[str, pq.ColumnChunkMetaData]]:
        """The stored column behind each column of texts, and its chunk in a row group."""
        metadata = self._file.metadata.row_group(group)
        with read_errors(f"shard {self.name} is damaged: row group {group} has a column whose name is no UTF-8"):
            chunks = [(metadata.column(n).path_in_schema, metadata.column(n)) for n in range(metadata.num_columns)]
        columns_and_chunks = []
        for path in columns.texts:
            leaf = path.replace("[]", ".list.element")
            fitting = [chunk for chunk in chunks if chunk[0] in (path, leaf)]
            if not fitting:  # written by others than Arrow, lists have other names inside
                begin, end = path.partition("[]")[0] + ".", "." + path.rpartition(".")[2]
                fitting = [chunk for chunk in chunks if chunk[0].startswith(begin)]
                fitting = [chunk for chunk in fitting if chunk[0].endswith(end)] or fitting
            if not fitting:
                raise ShardError(f"shard {self.name} is damaged: row group {group} has no column {path}")
            columns_and_chunks.append(fitting[0])
        return columns_and_chunks

    def _repeating(self, group: int, columns: Columns) -> list[str]:
        """The columns whose texts a row group stores as short references into a dictionary.

        Such a chunk can be a bomb: 487 bytes that decode to 100 GB. Read as a dictionary each value exists once.
        """
        return [
            path
            for path, chunk in self._chunks(group, columns)
            if chunk.has_dictionary_page
            and chunk.physical_type == "BYTE_ARRAY"
            and chunk.total_uncompressed_size < REPEATING_BYTES * chunk.num_values
        ]

    def batches(self, part: Part, columns: Columns, small: bool = False) -> Iterator[Batch]:
        """The rows of a row group in order."""
        repeating = self._repeating(part.number, columns)
        file = self._open(repeating) if repeating else self._file
        rows = batch_rows(part.text_bytes, part.rows or 0, small)
        at = part.first_row
        try:
            leaves = columns.names(leaves=True)
            for batch in file.iter_batches(rows, row_groups=[part.number], columns=leaves, use_threads=False):
                for column in batch.columns:
                    column.validate()
                row_numbers = np.arange(at, at + batch.num_rows)
                yield batch_of(batch, columns, row_numbers, self.options.decoder, part.number)
                at += batch.num_rows
        except pa.ArrowMemoryError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._error(f"row group {part.number}, from row {at}", error) from error
        finally:
            if file is not self._file:
                file.close()
        if at != part.first_row + (part.rows or 0):
            reason = f"{at - part.first_row} rows read, its footer says {part.rows}"
            raise ShardError(f"shard {self.name}, row group {part.number}: {reason}")
        self._refuse_hidden_rows(part, columns)

    def _refuse_hidden_rows(self, part: Part, columns: Columns) -> None:
        """A footer that counts fewer rows than there are would have the others read as clean."""
        flat = [column.path for column in self._file.schema if not column.max_repetition_level]
        for path, chunk in self._chunks(part.number, columns):
            if path in flat and chunk.num_values > (part.rows or 0):
                rows = f"{part.rows} rows read, as its footer says, but column {path} has {chunk.num_values} values"
                raise ShardError(f"shard {self.name}, row group {part.number}: {rows}: the others were not scanned")
