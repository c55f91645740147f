"""How many passages of the known books a scan of these very shards would find: some are planted, and counted.

`disturb` changes passages, `plants` puts them into rows, `passages` takes them from the books, `judge` matches and
counts, `settings` is what a run was given, `certify` does it all. The only thing that is kept is an entry in the
journal of a run, and it has no text in it.
"""
