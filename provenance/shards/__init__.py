"""Shards: which files there are, what is in them, and their texts in batches. Nothing here knows what an index is.

`shard` says what every format gives, `opening` finds the format of a file, and each format has a class of its own.
"""
