"""Where the words of a text are, by a regular expression: twenty times as fast as the reference, for display."""

import re
from itertools import accumulate

from provenance.text.tables import fold_table

CLASSES = "-wsiah nf"
"""A letter for each class of `rules`, in their order."""

_BREAK = "[ if]*n[ if]*"  # a line end behind a hyphen
_JOINT = f"[if]*(?:a[if]*|h(?:{_BREAK}|[if]*))?|i*f{_BREAK}"  # what may stand between two letters of a word
_WORD = re.compile(f"s(?:[if]*i)?|w+(?:(?:{_JOINT})w+)*i*")  # as the transitions in `reference.next_state` have it


class _Classes(dict[int, str]):
    """The class of each code point that was met."""

    def __missing__(self, code_point: int) -> str:
        self[code_point] = CLASSES[fold_table().entry(code_point)[0]]
        return self[code_point]


_CLASSES = _Classes()


def word_places(text: str) -> list[tuple[int, int]]:
    """First byte of each word in UTF-8, and the one after its last, as `reference.words` has them."""
    spans = [match.span() for match in _WORD.finditer(text.translate(_CLASSES))]
    if text.isascii():
        return spans
    at = [0, *accumulate(map(len, map(str.encode, text)))]
    return [(at[begin], at[end]) for begin, end in spans]
