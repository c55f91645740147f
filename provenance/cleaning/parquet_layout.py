"""How a Parquet file is laid out, as far as its footer says, so that another can be written that looks the same."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import product
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ARROW_SCHEMA = b"ARROW:schema"
ENCODINGS = ("DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT")
"""Those that a writer has to be asked for."""


def writer_options(file: pq.ParquetFile) -> dict[str, Any]:
    """Options for `ParquetWriter` that give a file with this one's layout: compression, dictionaries, statistics and
    encodings by column, page index, order of rows, version, and whether Arrow's schema is kept in it.

    A footer does not say how hard a codec worked; a codec's usual level is taken.
    """
    chunks = _first_chunks(file.metadata)
    metadata = file.metadata.metadata or {}
    dictionaries = [chunk.path_in_schema for chunk in chunks if chunk.has_dictionary_page]
    encodings = {
        chunk.path_in_schema: name
        for chunk in chunks
        for name in ENCODINGS
        if name in chunk.encodings and not chunk.has_dictionary_page
    }
    options: dict[str, Any] = {
        "version": file.metadata.format_version,
        "compression": {chunk.path_in_schema: _codec(chunk) for chunk in chunks} or "snappy",
        "use_dictionary": dictionaries or False,
        "write_statistics": [chunk.path_in_schema for chunk in chunks if chunk.is_stats_set] or False,
        "write_page_index": any(chunk.has_offset_index for chunk in chunks),
        "store_schema": ARROW_SCHEMA in metadata,
        "use_deprecated_int96_timestamps": any(chunk.physical_type == "INT96" for chunk in chunks),
    }
    if encodings:
        options["column_encoding"] = encodings
    if file.metadata.num_row_groups and file.metadata.row_group(0).sorting_columns:
        options["sorting_columns"] = file.metadata.row_group(0).sorting_columns
    return _fitted(file, options)


def _first_chunks(metadata: pq.FileMetaData) -> list[pq.ColumnChunkMetaData]:
    if not metadata.num_row_groups:
        return []
    group = metadata.row_group(0)
    return [group.column(number) for number in range(group.num_columns)]


def _codec(chunk: pq.ColumnChunkMetaData) -> str:
    return "NONE" if chunk.compression == "UNCOMPRESSED" else str(chunk.compression)


def _fitted(file: pq.ParquetFile, options: dict[str, Any]) -> dict[str, Any]:
    """The same, with what only trying tells: names inside lists, and how decimals are stored."""
    for more in _tries():
        if _schema_of(file.schema_arrow, options | more).equals(file.schema):
            return options | more
    return options


def _tries() -> Iterator[dict[str, bool]]:
    for compliant, integers in product((True, False), (False, True)):
        yield {"use_compliant_nested_type": compliant, "store_decimal_as_integer": integers}


def _schema_of(schema: pa.Schema, options: dict[str, Any]) -> pq.ParquetSchema:
    """The Parquet schema that a writer with these options makes of an Arrow schema."""
    sink = io.BytesIO()
    rest = {name: options[name] for name in options if name not in ("sorting_columns", "column_encoding")}
    with pq.ParquetWriter(sink, schema, **rest):
        pass
    return pq.ParquetFile(io.BytesIO(sink.getvalue())).schema


def same_schema(file: pq.ParquetFile, other: pq.ParquetFile) -> bool:
    """Whether two files have the same Parquet schema: names, types and nesting, down to the names inside lists."""
    return bool(file.schema.equals(other.schema))
