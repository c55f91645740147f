"""Arrow tables in, the same with columns out: all there is for DuckDB and Polars, and the inside of other adapters."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Unpack

import pyarrow as pa

from provenance.adapters.recipe import Options, Recipe
from provenance.errors import UsageError
from provenance.matching.annotations import PROV_SCHEMA


class Annotate:
    """Adds the columns of PROV_SCHEMA to an Arrow table or record batch with a column of texts."""

    def __init__(self, index: str | Path, text_column: str = "text", **options: Unpack[Options]) -> None:
        self.recipe, self.text_column = Recipe.of(index, **options), text_column

    def __call__(self, table: pa.Table) -> pa.Table:
        """The table with the columns; raises UsageError: see `check`, and `annotate`."""
        check(table.schema.names, self.text_column, PROV_SCHEMA.names)
        annotations = self.recipe.annotations(table.column(self.text_column), self.text_column)
        for field, column in zip(PROV_SCHEMA, annotations.columns, strict=True):
            table = table.append_column(field, column)
        return table


def check(names: Sequence[str], text_column: str, new: Sequence[str] = ()) -> None:
    """Raise UsageError where there is no such column of texts, or a new column is there already."""
    if text_column not in names:
        raise UsageError(f"there is no column {text_column}, only {', '.join(names)}: pass text_column=")
    if there := ", ".join(name for name in new if name in names):
        raise UsageError(f"columns are there already: drop {there} first")


def from_python(texts: Iterable[str | None]) -> pa.Array:
    """Texts as Arrow; half of a surrogate pair, which is no UTF-8, separates words.

    Raises UsageError for what is no string.
    """
    try:
        encoded = [None if text is None else text.encode("utf-8", "surrogatepass") for text in texts]
    except AttributeError as error:
        raise UsageError(f"strings are needed: {error}") from error
    return pa.array(encoded, pa.large_binary())
