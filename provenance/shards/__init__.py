"""Shards: which files there are, what is in them, and their texts in batches. Nothing here knows what an index is."""

from provenance.shards.listing import ListedFile, list_shards
from provenance.shards.parquet import Batch, Columns, ParquetShard, RowGroup

__all__ = ["Batch", "Columns", "ListedFile", "ParquetShard", "RowGroup", "list_shards"]
