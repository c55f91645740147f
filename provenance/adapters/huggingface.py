"""Hugging Face datasets: `dataset.map(Annotate(index), batched=True)`, `dataset.filter(Clean(index), batched=True)`.

Both are hashed by what they carry (see `Recipe`), so `datasets` takes a result from its cache if, and only if, index,
thresholds and version are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

import pyarrow as pa
import pyarrow.compute as pc

from provenance.adapters import tables
from provenance.matching import PROV_SCHEMA

if TYPE_CHECKING:
    from datasets import Features

Batch: TypeAlias = "pa.Table | Mapping[str, Any]"


class Annotate:
    """For `map` with `batched=True`: adds the columns of PROV_SCHEMA, of Arrow's types whatever the first batch holds.

    Where a dataset has its rows in Arrow no Python values are made of them, and a table is returned. `map` leaves the
    columns of such as they are: with `remove_columns` none would be removed, so drop columns before or after.
    """

    def __init__(self, index: str | Path, text_column: str = "text", **options: Unpack[tables.Options]) -> None:
        self._annotate = tables.Annotate(index, text_column, **options)

    def __call__(self, batch: Batch) -> Batch:
        """The batch with the columns; those alone, as lists, of a stream that is not in Arrow."""
        table = arrow_of(batch, self._annotate.text_column)
        annotated = self._annotate(table)
        if isinstance(batch, pa.Table) or hasattr(batch, "pa_table"):
            return annotated
        return dict(annotated.select(PROV_SCHEMA.names).to_pydict())

    @staticmethod
    def features(before: Features) -> Features:
        """Features of a dataset with the columns added: a stream cannot know them by itself, `map` takes them."""
        from datasets import Features

        return Features({**before, **Features.from_arrow_schema(PROV_SCHEMA)})


class Clean:
    """For `filter` with `batched=True`: keeps rows of which no more than a share of the words is from a known book."""

    def __init__(
        self,
        index: str | Path,
        text_column: str = "text",
        most_coverage: float = 0.0,  # 0 to 1; 0.0: rows without any match
        **options: Unpack[tables.Options],
    ) -> None:
        self._annotate, self._most = tables.Annotate(index, text_column, **options), most_coverage

    def __call__(self, batch: Batch) -> list[bool]:
        """Whether to keep each row."""
        annotated = self._annotate(arrow_of(batch, self._annotate.text_column).select([self._annotate.text_column]))
        return list(pc.less_equal(annotated["prov_coverage"], self._most).to_pylist())


def arrow_of(batch: Batch, text_column: str) -> pa.Table:
    """The rows of a batch as they are in Arrow; of one that is made of lists, the texts."""
    if isinstance(batch, pa.Table):
        return batch
    if hasattr(
        batch, "pa_table"
    ):  # of a dataset without a format, whose Python values are made when they are asked for
        return batch.pa_table
    return pa.table({name: pa.array(batch[name], pa.large_string()) for name in batch if name == text_column})
