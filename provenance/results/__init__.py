"""What a run found, for Python and notebooks: `open_run` opens a run database, and gives works, matches and tables.

`run` reads, `rows` has what it gives, which notebooks show as HTML. Nothing here writes.
"""
