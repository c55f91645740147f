"""A Parquet shard written anew: the same schema, row groups, compression and metadata, without what is taken out."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from provenance.cleaning.edits import ANNOTATE, DROP, Edits, Texts, annotations_in, refuse_tokens
from provenance.cleaning.masking import masked_array, with_leaves
from provenance.cleaning.parquet_layout import leaves_of_schema, same_schema, writer_options
from provenance.errors import ShardError
from provenance.matching.annotations import PROV_SCHEMA
from provenance.shards.columns import Columns, leaves_of
from provenance.shards.fields import fields_of
from provenance.shards.shard import Options, batch_rows
from provenance.shards.tokens import Decoder

READ_BUFFER = 1 << 20  # bytes
HUGGING_FACE = b"huggingface"  # key of the metadata in which `datasets` keeps the types of columns


def rewrite(
    path: str, target: str, columns: Columns, edits: Edits, options: Options, on_bytes: Callable[[int], None]
) -> str:
    """Write the shard at `path` into `target`, edited; returns what could not be kept of it, empty if all was.

    One row group is held in memory at a time. Raises ShardError for what cannot be written the same.
    """
    with pq.ParquetFile(path, buffer_size=READ_BUFFER, pre_buffer=False, page_checksum_verification=True) as file:
        schema, layout = file.schema_arrow, writer_options(file)
        if edits.mode == ANNOTATE:
            schema = _annotated_schema(schema, edits.shard)
            if isinstance(layout["compression"], dict):
                codec = next(iter(layout["compression"].values()))
                layout["compression"] |= dict.fromkeys(leaves_of_schema(PROV_SCHEMA), codec)
        with pq.ParquetWriter(target, schema, **layout) as writer:
            if not layout["store_schema"] and schema.metadata:  # which Arrow writes beside its own schema only
                writer.add_key_value_metadata(schema.metadata)
            for group in range(file.metadata.num_row_groups):
                batches = list(_edited_batches(file, group, columns, edits, options.decoder, on_bytes))
                if rows := sum(batch.num_rows for batch in batches):  # else there would be a row group of nothing
                    table = pa.Table.from_batches(batches)
                    writer.write_table(table.cast(schema) if table.schema != schema else table, rows)
        if edits.mode == ANNOTATE or same_schema(file, target):
            return ""
        return "its Parquet schema is as Arrow writes it: names in nested columns, or how types are annotated"


def _edited_batches(
    file: pq.ParquetFile, group: int, columns: Columns, edits: Edits, decoder: Decoder | None,
    on_bytes: Callable[[int], None],
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """The rows of a row group that are kept, edited."""
    metadata = file.metadata.row_group(group)
    rows = batch_rows(max(0, metadata.total_byte_size), metadata.num_rows)
    for batch in file.iter_batches(rows, row_groups=[group], use_threads=False):
        edited = edit_batch(batch, columns, edits, decoder)
        on_bytes(batch.nbytes)
        edits.rows += batch.num_rows
        edits.kept += edited.num_rows
        yield edited


def edit_batch(batch: pa.RecordBatch, columns: Columns, edits: Edits, decoder: Decoder | None) -> pa.RecordBatch:
    """A batch of consecutive rows, the first of which is row `edits.rows` of the file, as it is in the new shard."""
    first = edits.rows
    passages = edits.between(first, first + batch.num_rows)
    if not passages.num_rows and edits.mode != ANNOTATE:
        return batch
    fields = fields_of(batch, columns, decoder)
    texts = [Texts.of(field, np.arange(first, first + batch.num_rows)) for field in fields]
    placed, spans = edits.place(passages, texts)
    rows = passages["row"].to_numpy()
    if edits.mode == DROP:
        edits.note(placed, pa.nulls(placed.num_rows, pa.int64()))
        return batch.filter(pa.array(~np.isin(np.arange(first, first + batch.num_rows), rows)))
    edits.changed += np.unique(rows).size
    edits.note(placed, pa.array(rows + (edits.kept - first)))
    if edits.mode == ANNOTATE:
        noted = annotations_in(placed, texts, first, batch.num_rows)
        names = [*batch.schema.names, *noted.schema.names]
        return pa.RecordBatch.from_arrays([*batch.columns, *noted.columns], names=names)
    for (_, top, steps), field in zip(columns.paths, fields, strict=True):
        if places := spans.get(field.column):
            refuse_tokens(field, edits.shard)
            edits.spans += sum(map(len, places.values()))
            at = batch.schema.get_field_index(top)
            column = batch.column(at)
            leaves = masked_array(leaves_of(column, steps).values, places, edits.marker)
            batch = batch.set_column(at, batch.schema.field(at), with_leaves(column, steps, leaves))
    return batch


def _annotated_schema(schema: pa.Schema, name: str) -> pa.Schema:
    """The schema with the columns of annotations; raises ShardError where it has some already."""
    if there := [name for name in PROV_SCHEMA.names if name in schema.names]:
        raise ShardError(f"shard {name} has the columns {', '.join(there)} already: annotate the shards that had none")
    metadata = dict(schema.metadata or {})
    if HUGGING_FACE in metadata:
        metadata[HUGGING_FACE] = _features(metadata[HUGGING_FACE])
    return pa.schema([*schema, *PROV_SCHEMA], metadata=metadata)


def _features(comment: bytes) -> bytes:
    """What `datasets` reads the types of columns from, with those of annotations; other JSON is left as it is."""
    try:
        written = json.loads(comment)
        written["info"]["features"].update({field.name: _feature(field.type) for field in PROV_SCHEMA})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return comment
    return json.dumps(written).encode()


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    return {"dtype": {"double": "float64"}.get(str(kind), str(kind)), "_type": "Value"}
