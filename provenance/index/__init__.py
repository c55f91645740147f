"""The index: fingerprint -> postings `(edition, word position)`, as memory-mapped files in one directory.

`format` names the files, and compares them with the manifest. `prepare` works out what is kept of one book, `postings`
gathers and sorts in bounded memory, and writes what lookup needs, `texts` the editions' texts in small compressed
blocks, `works` groups editions into works, `build` does all of it, `merge` joins two indexes, `opening` maps the files.
`indexes/README.md` describes the format.
"""
