"""Finds indexed books in texts: Arrow in, Arrow out; no files, no database.

In the order of the data: `texts` takes Arrow strings apart, `lookup` finds hits and chains them, `passages` are what
chains grow into, `common` tells which are common text, `credit` gives each to one edition, `found` joins batches,
`table` makes Arrow of them, `matcher` joins these into one call. `chance` says how many matches chance makes,
`script` what differs in one, `annotations` what they say of each row. Whole batches go through each of them as arrays;
what runs for each hit or word is compiled.
"""
