"""Whether a run says what its files say: the database against the units, those against shards and index.

`files` makes the database again and compares, and hashes what was scanned; `matches` scans units again; all they say
are checks. Nothing but scratch files is written, and nothing is mended: the same `provenance scan` again does that.
"""
