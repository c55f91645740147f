"""datatrove: a block that writes what was found into the metadata of documents, and drops those with too much of it."""

from pathlib import Path
from typing import Unpack

from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from provenance.adapters.recipe import Options, Recipe, share
from provenance.adapters.tables import from_python

DROPPED = "known_book"


class ProvenanceFilter(BaseFilter):  # type: ignore[misc]
    """Keeps documents of which no more than a share of the words is from a known book; 1.0 keeps, and annotates, all.

    The columns of PROV_SCHEMA become metadata of all documents. What is dropped goes to `exclusion_writer`, if there is
    one. The statistics have, beside those of every filter, how many documents matched, and in how many passages.
    """

    name = "📚 Known books"

    def __init__(
        self,
        index: str | Path,
        most_coverage: float = 0.0,  # 0 to 1; 0.0: documents without any match
        exclusion_writer: DiskWriter | None = None,
        batch_size: int = 1000,  # documents that are matched at once
        **options: Unpack[Options],
    ) -> None:
        super().__init__(exclusion_writer, batch_size)
        self.recipe, self.most_coverage = Recipe.of(index, **options), share(most_coverage)

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        """Whether to keep a document."""
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: list[Document]) -> list[bool | tuple[bool, str]]:
        """Annotate documents, and say of each whether to keep it."""
        rows = self.recipe.annotations(from_python(doc.text for doc in batch), "text").to_pylist()
        for doc, row in zip(batch, rows, strict=True):
            doc.metadata.update(row)
            if row["prov_spans"]:
                self.stat_update("matched")
                self.stat_update("passages", value=len(row["prov_spans"]))
        return [row["prov_coverage"] <= self.most_coverage or (False, DROPPED) for row in rows]
