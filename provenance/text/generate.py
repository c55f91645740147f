"""Builds the fold table from `unicodedata`: `python -m provenance.text.generate`.

The result is committed, because Python versions carry different Unicode versions and an index must not depend on them.
"""

import sys
import unicodedata
from pathlib import Path

import numpy as np

from provenance.text import rules
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

_LOOKS = (  # letters of a script, and the Latin ones that they look like
    # Cyrillic
    ("а в г е к м н о п р с т у х ь ѕ і ј ѵ һ ӏ ү ԁ ԍ ԛ ԝ", "a b r e k m h o n p c t y x b s i j v h l y d g q w"),
    # Greek
    ("α β γ ε ζ η ι κ μ ν ο ρ τ υ χ ω ϲ ϳ", "a b y e z h i k m v o p t u x w c j"),
    # Armenian
    ("զ հ յ ո ս ց օ", "q h j n u g o"),
    # Coptic
    ("ⲉ ⲏ ⲓ ⲕ ⲙ ⲛ ⲟ ⲣ ⲥ ⲧ ⲩ ⲭ", "e h i k m n o p c t y x"),
    # Cherokee (case folding goes to the capitals here)
    ("Ꭰ Ꭱ Ꭲ Ꭵ Ꭹ Ꭺ Ꭻ Ꭼ Ꮃ Ꮇ Ꮋ Ꮐ Ꮓ Ꮟ Ꮢ Ꮤ Ꮥ Ꮩ Ꮪ Ꮮ Ꮯ Ꮲ Ꮶ Ꮷ Ᏻ Ᏼ", "d r t i y a j e w m h g z b r w s v s l c p k d g b"),
    # Lisu
    ("ꓐ ꓑ ꓓ ꓔ ꓖ ꓗ ꓙ ꓚ ꓜ ꓝ ꓟ ꓠ ꓡ ꓢ ꓣ ꓦ ꓧ ꓪ ꓫ ꓬ ꓮ ꓰ ꓲ ꓳ ꓴ", "b p d t g k j c z f m n l s r v h w x y a e i o u"),
    # Latin: dotless and script forms, small capitals, strokes
    (
        "ı ȷ ɑ ɡ ɩ ʋ ᴀ ʙ ᴄ ᴅ ᴇ ꜰ ɢ ʜ ɪ ᴊ ᴋ ʟ ᴍ ɴ ᴏ ᴘ ʀ ꜱ ᴛ ᴜ ᴠ ᴡ ʏ ᴢ ø ł đ",
        "i j a g i u a b c d e f g h i j k l m n o p r s t u v w y z o l d",
    ),
)

CONFUSABLES: dict[str, str] = {
    **dict(pair for letters, latin in _LOOKS for pair in zip(letters.split(), latin.split(), strict=True)),
    "æ": "ae",  # Latin ligatures that NFKD leaves whole: Cæsar is Caesar
    "œ": "oe",
}
"""Letters that look like Latin ones, and Latin letters that Unicode does not decompose.

A small, reviewed choice from the single-letter part of Unicode's confusables (UTS 39). It is applied after
case folding, so a letter has one image for both its cases; where the cases look like different Latin letters
(Greek nu: ν as v, Ν as N) the lower-case look wins, because running text is mostly lower case.
Both books and shards pass through it, so text in these scripts stays comparable with itself.
"""

INVISIBLE_LETTERS = "\u115f\u1160\u3164\uffa0"
"""Hangul fillers: letters by category, blank on paper, so treated as format characters."""


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
