"""Shards written anew without what a run found in them, or with columns that say what.

`selection` says which works and passages, `edits` what is done with the rows of a shard and `masking` with its texts;
`parquet` and `jsonl` write a shard, in the child process `cleaner`; `job` has all shards written, `on_cluster` on Ray,
`parts` keeps what is done, `again` scans what was written, and `shards` is all of it in one call.
"""
