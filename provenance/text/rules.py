"""Names shared by the fold table, the reference tokenizer and the kernels: classes, states and the version."""

TEXT_RULES_VERSION = 1
"""Changes whenever any text could be cut or folded differently; indexes of another version are refused."""

# Class of a code point (3 bits and one more in the table). A code point has exactly one.
SEPARATOR = 0  # ends a word
WORD = 1  # letter or digit
SOLO = 2  # letter of a script written without spaces: a word by itself
IGNORED = 3  # mark or format character: as if it were not there
APOSTROPHE = 4  # ignored when single and between word characters
HYPHEN = 5  # the same; and joins across a line end
SPACE = 6  # ends a word, unless it lies between a hyphen and its line end
NEWLINE = 7  # ends a word, unless it follows a hyphen
SOFT_HYPHEN = 8  # ignored; and joins across a line end as a hyphen does

# State of the tokenizer between two code points. Every state but OUT has a word pending.
OUT = 0
IN_WORD = 1
AFTER_SOLO = 2
AFTER_APOSTROPHE = 3
AFTER_HYPHEN = 4
AFTER_SOFT_HYPHEN = 5
HYPHEN_SPACE = 6  # hyphen, then spaces: joins only if a line end follows
HYPHEN_NEWLINE = 7  # hyphen, line end, then any spaces: joins
