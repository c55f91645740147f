"""What the scanner finds, and what it says wrongly: passages planted at known places, disturbed, and scanned.

`provenance.selftest.disturb` changes passages, `plants` hides them in unrelated documents, `truth` compares what was
found with where they were, `exact` searches without an index, `baselines` is what a user would write today, `study`
runs it all.
"""
