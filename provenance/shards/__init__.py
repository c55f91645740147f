"""Shards: which files there are, what is in them, and their texts in batches. Nothing here knows what an index is.

`shard` says what every format gives, `opening` finds the format of a file, and each format has a file of its own.
"""

from provenance.shards.columns import Columns
from provenance.shards.listing import ListedFile, list_shards
from provenance.shards.opening import open_shard
from provenance.shards.shard import Batch, Field, Options, Origins, Part, Shard

__all__ = [
    "Batch",
    "Columns",
    "Field",
    "ListedFile",
    "Options",
    "Origins",
    "Part",
    "Shard",
    "list_shards",
    "open_shard",
]
