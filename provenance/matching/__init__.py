"""Finds indexed books in texts: arrays in, arrays out; no files, no database.

`matcher` has one page that calls the stages, a module for each, in this order (those of the papers in brackets):
`sketch` keeps some fingerprints of a batch (FracMinHash; banded MinHash); `seeds` finds them in the index, and takes
the hits of those that are rare (as minimap2's `seed.c`); `chains` chains them (`lchain.c`, Li 2018), or exact hits
where a coarse sketch pointed; `passages` grows chains word by word (X-drop, Zhang et al. 2000), or says what they come
to where there are no texts; `common` suppresses common text; `matches` gives passages to few editions (greedy cover, as
sourmash's gather), and locates them in the bytes of the documents.
`table` makes Arrow of them, and `annotations` what they say of each row.
"""
