"""How a Parquet file is laid out, as far as its footer says, so that another can be written that looks the same."""

import io
from itertools import product
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ARROW_SCHEMA = b"ARROW:schema"
CODECS = {"UNCOMPRESSED": "NONE"}  # by what a footer calls them, where a writer does otherwise
ENCODINGS = ("DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT")
"""Those that a writer has to be asked for."""


def writer_options(file: pq.ParquetFile) -> dict[str, Any]:
    """Options for `ParquetWriter` that give a file with this one's layout: compression, dictionaries, statistics and
    encodings by column, page index, order of rows, version, and whether Arrow's schema is kept in it.

    A footer does not say how hard a codec worked; a codec's usual level is taken.
    """
    group = file.metadata.row_group(0) if file.metadata.num_row_groups else None
    chunks = [] if group is None else [group.column(number) for number in range(group.num_columns)]
    dictionaries = [chunk.path_in_schema for chunk in chunks if chunk.has_dictionary_page]
    encodings = {
        chunk.path_in_schema: name
        for chunk in chunks
        for name in ENCODINGS
        if name in chunk.encodings and not chunk.has_dictionary_page
    }
    options: dict[str, Any] = {
        "version": file.metadata.format_version,
        "compression": {chunk.path_in_schema: CODECS.get(chunk.compression, chunk.compression) for chunk in chunks}
        or "snappy",
        "use_dictionary": dictionaries or False,
        "write_statistics": [chunk.path_in_schema for chunk in chunks if chunk.is_stats_set] or False,
        "write_page_index": any(chunk.has_offset_index for chunk in chunks),
        "store_schema": ARROW_SCHEMA in (file.metadata.metadata or {}),
        "use_deprecated_int96_timestamps": any(chunk.physical_type == "INT96" for chunk in chunks),
    }
    if encodings:
        options["column_encoding"] = encodings
    if group is not None and group.sorting_columns:
        options["sorting_columns"] = group.sorting_columns
    return _fitted(file, options)


def _fitted(file: pq.ParquetFile, options: dict[str, Any]) -> dict[str, Any]:
    """The same, with what only trying tells: names inside lists, and how decimals are stored."""
    for compliant, integers in product((True, False), (False, True)):
        more = {"use_compliant_nested_type": compliant, "store_decimal_as_integer": integers}
        if _schema_of(file.schema_arrow, options | more).equals(file.schema):
            return options | more
    return options


def _schema_of(schema: pa.Schema, options: dict[str, Any]) -> pq.ParquetSchema:
    """The Parquet schema that a writer with these options makes of an Arrow schema."""
    sink = io.BytesIO()
    rest = {name: options[name] for name in options if name not in ("sorting_columns", "column_encoding")}
    with pq.ParquetWriter(sink, schema, **rest):
        pass
    return pq.ParquetFile(io.BytesIO(sink.getvalue())).schema


def leaves_of_schema(schema: pa.Schema) -> list[str]:
    """The paths of the columns that hold values, as Arrow writes them."""
    written = _schema_of(schema, {})
    return [written.column(number).path for number in range(len(written))]


def same_schema(file: pq.ParquetFile, target: str) -> bool:
    """Whether another file has the same Parquet schema: names, types and nesting, down to the names inside lists."""
    with pq.ParquetFile(target) as other:
        return bool(file.schema.equals(other.schema))
