"""Compiled inner loops: pure arrays in, arrays out. Nothing here knows files, Arrow or Python objects.

In the order of the data: `clumps` finds where words may lie, 64 bytes at a time, `simple` takes those that are one
short word though not plain ASCII, `codepoints` cuts the others, `cutting` has what they are cut with, and keeps their
words until they are hashed, `words` joins all that; `fingerprints` makes sketches of words, `minhash` the banded ones;
`probe` looks fingerprints up, `seeds` groups hits, `confirm` looks at the words around them, `chain` puts them in
order, `extend` and `align` verify them word by word, `join` puts the pieces of a copy together, `credit` gives passages
to editions by means of a `tree`, `places` tells their bytes. `sorting` serves the building of an index.
`compiling` holds the options of the compiler, `vectors` the machine operations it lacks.
Each has an oracle of a few plain lines in `tests/kernels`.
"""
