"""Runs: one scan, cut into units of work, done by child processes, loaded into one database.

`config` holds the options, `unit` is the one function that scans a unit, `worker` runs it in a child process,
`local` feeds the children, `scan` joins listing, engine and store into one call. Nothing is imported here: a child
process has no use for DuckDB, which `scan` needs, and every child would pay for it.
"""
