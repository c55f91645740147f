"""Hugging Face datasets: `dataset.map(Annotate(index), batched=True)`, `dataset.filter(Clean(index), batched=True)`.

`datasets` hashes what they carry, so it finds a result in its cache if index, thresholds and version are the same.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, Unpack

import pyarrow as pa
import pyarrow.compute as pc

from provenance.adapters import tables
from provenance.adapters.recipe import Options, Recipe, share
from provenance.errors import UsageError
from provenance.matching.annotations import PROV_SCHEMA
from provenance.process.extras import datasets

Batch: TypeAlias = "pa.Table | Mapping[str, Any]"


class Annotate:
    """For `map` with `batched=True`: adds the columns of PROV_SCHEMA, of its types whatever the first batch holds.

    Rows that are in Arrow stay there: a table is returned, of which `map(remove_columns=...)` removes nothing.
    """

    def __init__(self, index: str | Path, text_column: str = "text", **options: Unpack[Options]) -> None:
        self._annotate = tables.Annotate(index, text_column, **options)

    def __call__(self, batch: Batch) -> Batch:
        """The batch with the columns; those alone, as lists, of a stream that is not in Arrow. Raises UsageError."""
        table, column = arrow_of(batch), self._annotate.text_column
        if table is not None:
            return self._annotate(table)
        texts = texts_of(batch, column)
        tables.check(list(batch), column, PROV_SCHEMA.names)
        return dict(self._annotate.recipe.annotations(texts, column).to_pydict())

    @staticmethod
    def features(before: "datasets.Features") -> "datasets.Features":
        """Features of a dataset with the columns added: a stream cannot know them by itself, `map` takes them."""
        added = datasets.Features.from_arrow_schema(PROV_SCHEMA)
        return datasets.Features({**before, **added})


class Clean:
    """For `filter` with `batched=True`: keeps rows of which at most a share of the words (0 to 1) is from a book."""

    def __init__(
        self, index: str | Path, text_column: str = "text", most_coverage: float = 0.0, **options: Unpack[Options]
    ) -> None:
        self._recipe, self._column, self._most = Recipe.of(index, **options), text_column, share(most_coverage)

    def __call__(self, batch: Batch) -> list[bool]:
        """Whether to keep each row; raises UsageError."""
        annotations = self._recipe.annotations(texts_of(batch, self._column), self._column)
        return list(pc.less_equal(annotations["prov_coverage"], self._most).to_pylist())


def arrow_of(batch: Batch) -> pa.Table | None:
    """The rows of a batch as they are in Arrow, if they are."""
    return batch if isinstance(batch, pa.Table) else getattr(batch, "pa_table", None)  # of datasets' lazy batches


def texts_of(batch: Batch, column: str) -> pa.Array | pa.ChunkedArray:
    """Texts of a batch; raises UsageError."""
    table = arrow_of(batch)
    if table is None and not isinstance(batch, Mapping):
        raise UsageError(f'batches are of type {type(batch).__name__}: use .with_format("arrow")')
    tables.check(list(batch) if table is None else table.schema.names, column)
    if table is None and (batch[column] is None or isinstance(batch[column], str)):
        raise UsageError("pass batched=True: one row at a time would take long")
    return tables.from_python(batch[column]) if table is None else table[column]
