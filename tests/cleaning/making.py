"""Shards to clean, in all shapes, and what is read back of them without any code of ours."""

from __future__ import annotations

import bz2
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

HF = json.dumps(
    {"info": {"features": {"id": {"dtype": "string", "_type": "Value"}, "text": {"dtype": "string", "_type": "Value"}}}}
).encode()


def table_of(rows: list[tuple[str, str]], **more: Any) -> pa.Table:
    """Rows with an id, a text, and whatever else a data set has."""
    columns: dict[str, Any] = {
        "id": [key for key, _ in rows],
        "text": [text for _, text in rows],
        "score": pa.array([n / 3 for n in range(len(rows))], pa.float32()),
        "tags": [["a", None, str(n)] if n % 3 else None for n in range(len(rows))],
        "meta": [{"lang": "en", "n": n} if n % 4 else None for n in range(len(rows))],
        "when": pa.array([1_700_000_000_000 + n for n in range(len(rows))], pa.timestamp("ms", "UTC")),
        **more,
    }
    table = pa.table(columns)
    return table.replace_schema_metadata({b"huggingface": HF, b"maker": b"somebody \xc3\xa9"})


def write_parquet(path: Path, table: pa.Table, group: int = 7, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, table.schema, **options) as writer:
        writer.write_table(table, group)
        if options.get("store_schema") is False:
            writer.add_key_value_metadata(table.schema.metadata)
    return path


def lines_of(rows: list[tuple[str, str]], ascii_only: bool = True) -> list[bytes]:
    """JSON objects in more than one style, as found in the wild."""
    lines = []
    for n, (key, text) in enumerate(rows):
        row = {"id": key, "text": text, "meta": {"n": n, "text": "a text of another kind"}}
        style: dict[str, Any] = [{}, {"separators": (",", ":")}, {"indent": None, "sort_keys": True}][n % 3]
        lines.append(json.dumps(row, ensure_ascii=ascii_only, **style).encode())
    return lines


COMPRESS = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}


def write_lines(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(COMPRESS[path.suffix if path.suffix != ".jsonl" else ""](data))
    return path


def read_lines(path: Path) -> bytes:
    raw = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(raw)
    if path.suffix == ".bz2":
        return bz2.decompress(raw)
    if path.suffix == ".zst":
        return pa.input_stream(str(path), compression="zstd").read()
    return raw


def layout(path: Path) -> dict[str, Any]:
    """What a footer says of a file, but for sizes, places, and statistics of what was taken out."""
    file = pq.ParquetFile(path)
    metadata = file.metadata
    groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    return {
        "schema": file.schema,
        "arrow": file.schema_arrow,
        "metadata": {k: v for k, v in (metadata.metadata or {}).items() if k != b"ARROW:schema"},
        "arrow_schema": b"ARROW:schema" in (metadata.metadata or {}),
        "version": metadata.format_version,
        "groups": [group.num_rows for group in groups],
        "columns": [
            [
                (c.path_in_schema, c.compression, c.has_dictionary_page, c.is_stats_set, c.has_offset_index)
                for c in (group.column(k) for k in range(group.num_columns))
            ]
            for group in groups
        ],
    }
