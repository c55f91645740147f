"""Compiled inner loops: pure arrays in, arrays out. Nothing here knows files, Arrow or Python objects.

In the order of the data: `clumps` finds where words may lie, 64 bytes at a time, `codepoints` cuts the clumps that are
not plain ASCII, `folded` keeps their words until they are hashed, `words` joins all that; `fingerprints` makes sketches
of words, `minhash` the banded ones; `probe` looks fingerprints up, `seeds` groups hits, `chain` puts them in order,
`extend` and `align` verify them word by word, `credit` gives passages to editions, `places` and `spans`
tell their bytes. `sorting` serves the building of an index.
`compiling` holds the options of the compiler, `vectors` the machine operations it lacks.
Each has an oracle of a few plain lines in `tests/kernels`.
"""
