"""Runs: one scan, cut into units of work, done by child processes, loaded into one database.

In the order of the work: `listed` says what there is, `units` cuts it, `terms` say what decides the result, `ledger`
keeps what is done. `plan` has the tasks of shards, `local` feeds child processes that do them (`worker`, which runs the
one function of `unit`; `fetcher`; `inspector`), `engine` keeps what they give, `cluster` does the same on Ray.
`collect` makes a run database of a ledger, and `scan` joins all into one call. Nothing is imported here: a child
process has no use for DuckDB, which `collect` needs, and every child would pay for it.
"""
