"""Ray Data: `dataset.map_batches(Annotate, fn_constructor_args=[index], batch_format="pyarrow", concurrency=2)`."""

from pathlib import Path
from typing import Unpack

import pyarrow as pa

from provenance.adapters import tables
from provenance.adapters.recipe import Options


class Annotate(tables.Annotate):
    """An actor of `map_batches` with `batch_format="pyarrow"`: adds the columns of PROV_SCHEMA.

    It has its index open, and its kernels loaded, before the first batch comes. The index must be at the same place on
    every node. `map_batches(Annotate(index), batch_format="pyarrow")` runs tasks instead of actors, each of which makes
    sure that it has the index of the driver.
    """

    def __init__(self, index: str | Path, text_column: str = "text", **options: Unpack[Options]) -> None:
        super().__init__(index, text_column, **options)
        self.recipe.annotations(pa.array(["open"]), self.text_column)
