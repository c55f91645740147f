"""Runs: what the parent does with a run, from the listing of shards to one database.

In the order of the work: `listed` says what there is, `terms` say what decides the result, `job_ledger` keeps what is
done, and `ledger` what a run needs besides. `engine` does a job of any kind with child processes, `scanning` is the
kind that scans; `cluster` does a job on Ray, `scanner` scans there. `collect` makes a run database of a ledger; `scan`
joins all into one call.
"""
