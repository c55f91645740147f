"""The text rules (version 1): what a word is, for books and shards alike.

`rules` names the classes, `generate` builds the table from Unicode data, `tables` loads it,
`reference` is the plain-Python tokenizer that every kernel must agree with.
"""
