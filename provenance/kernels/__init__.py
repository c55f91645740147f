"""Compiled inner loops: pure arrays in, arrays out. Nothing here knows files, Arrow or Python objects.

`words` cuts and hashes words, `fingerprints` makes sketches of them, `minhash` the banded ones,
`probe` looks fingerprints up, `chain` puts hits in order, `blocks` verifies them word by word.
Each has an oracle of a few plain lines in `tests/kernels`.
"""
