"""Spark: `frame.mapInArrow(annotate, annotate.schema(frame))`. Executors open the index once a Python worker."""

from collections.abc import Iterator
from pathlib import Path
from typing import Unpack

import pyarrow as pa

from provenance.adapters import tables
from provenance.adapters.recipe import Options
from provenance.matching.annotations import PROV_SCHEMA
from provenance.process.extras import spark_arrow, spark_sql, spark_types


class Annotate:
    """For `mapInArrow`: adds the columns of PROV_SCHEMA. The index must be at the same place on every executor."""

    def __init__(self, index: str | Path, text_column: str = "text", **options: Unpack[Options]) -> None:
        self._annotate = tables.Annotate(index, text_column, **options)

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches of a partition with the columns."""
        return map(self._annotate, batches)

    @staticmethod
    def schema(frame: "spark_sql.DataFrame") -> "spark_types.StructType":
        """Schema of a frame with the columns added."""
        added = spark_arrow.from_arrow_schema(PROV_SCHEMA)
        return spark_types.StructType([*frame.schema.fields, *added.fields])
