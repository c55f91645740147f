"""Builds the fold table from `unicodedata`: `python -m provenance.text.generate`.

The result is committed, because Python versions carry different Unicode versions and an index must not depend on them.
"""

import sys
import unicodedata
from pathlib import Path

import numpy as np

from provenance.text import rules
from provenance.text.confusables import CONFUSABLES, INVISIBLE_LETTERS
from provenance.text.tables import PAGE_BITS, TABLE_FILE, FoldTable, pack_entry

SPACELESS_NAMES = (
    "CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "THAI", "LAO ",
    "KHMER", "MYANMAR",
)  # fmt: skip
CLASSES = {  # of folds without letters; all others separate
    "": rules.IGNORED,
    **dict.fromkeys("'\u2019\u02bc", rules.APOSTROPHE),
    **dict.fromkeys("-\u2010", rules.HYPHEN),
    **dict.fromkeys("\n\u2028", rules.NEWLINE),
    **dict.fromkeys(" \t\r", rules.SPACE),
}


def fold_code_point(character: str) -> str:
    """Case fold, look-alikes, NFKD, marks and format characters dropped; repeated until nothing changes.

    Repeating is needed because NFKD uncovers capitals (U+210C, a black-letter H) and look-alikes.
    """
    previous = ""
    while character != previous:
        previous = character
        character = "".join(CONFUSABLES.get(c, c) for c in character.casefold())
        character = unicodedata.normalize("NFKD", character)
        character = "".join(c for c in character if not is_ignored(c))
    return character


def is_ignored(character: str) -> bool:
    """True for marks that do not stand alone (Mn, Me), format characters (Cf) and invisible letters."""
    return unicodedata.category(character) in ("Mn", "Me", "Cf") or character in INVISIBLE_LETTERS


def is_word_character(character: str) -> bool:
    """True for letters, digits and spacing marks (Mc: vowel signs of Indic scripts, which are part of their words).

    U+02BC is a letter by category and an apostrophe by rule 3.
    """
    category = unicodedata.category(character)
    return (category[0] in "LN" or category == "Mc") and character != "\u02bc"


def is_spaceless(character: str) -> bool:
    """True for letters of Han, Hiragana, Katakana, Thai, Lao, Khmer and Myanmar, told by their Unicode names."""
    category = unicodedata.category(character)
    return category[0] in "LMN" and unicodedata.name(character, "").startswith(SPACELESS_NAMES)


def classify(code_point: int) -> tuple[int, str]:
    """Class and folded form of a code point. Where a fold mixes letters with other signs (½, ⑴) the letters stay."""
    character = chr(code_point)
    if character == "\u00ad":
        return rules.SOFT_HYPHEN, ""
    folded = fold_code_point(character)
    letters = "".join(c for c in folded if is_word_character(c))
    if letters:
        solo = any(is_spaceless(c) and not c.isdigit() for c in letters)
        return (rules.SOLO if solo else rules.WORD), letters
    return CLASSES.get(folded, rules.SEPARATOR), ""


def build() -> FoldTable:
    """The whole table, pages of 256 code points with equal pages stored once."""
    folds = bytearray()
    places: dict[bytes, int] = {}
    pages: dict[bytes, int] = {}
    page_numbers = []
    for first in range(0, 0x110000, 1 << PAGE_BITS):
        entries = [_entry(cp, folds, places) for cp in range(first, first + (1 << PAGE_BITS))]
        page = np.array(entries, dtype="<u4").tobytes()
        page_numbers.append(pages.setdefault(page, len(pages)))
    return FoldTable(
        pages=np.array(page_numbers, dtype="<u2"),
        entries=np.frombuffer(b"".join(pages), dtype="<u4"),
        folds=np.frombuffer(bytes(folds), dtype=np.uint8),
        unicode_version=unicodedata.unidata_version,
    )


def _entry(code_point: int, folds: bytearray, places: dict[bytes, int]) -> int:
    if 0xD800 <= code_point < 0xE000:
        return rules.SEPARATOR
    kind, folded = classify(code_point)
    encoded = folded.encode()
    if not encoded or encoded == chr(code_point).encode():
        return pack_entry(kind, 0, 0)
    if encoded not in places:
        places[encoded] = len(folds)
        folds.extend(encoded)
    return pack_entry(kind, len(encoded), places[encoded])


def main() -> None:
    """Write the table beside this module."""
    table = build()
    table.save(Path(__file__).with_name(TABLE_FILE))
    sys.stderr.write(f"Unicode {table.unicode_version}: {table.entries.nbytes + table.folds.nbytes} bytes\n")


if __name__ == "__main__":
    main()
