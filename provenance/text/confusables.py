"""Letters that look like Latin ones, and Latin letters that Unicode does not decompose.

A small, reviewed choice from the single-letter part of Unicode's confusables (UTS 39). It is applied after
case folding, so a letter has one image for both its cases; where the cases look like different Latin letters
(Greek nu: ν as v, Ν as N) the lower-case look wins, because running text is mostly lower case.
Both books and shards pass through it, so text in these scripts stays comparable with itself.
"""

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

INVISIBLE_LETTERS = "\u115f\u1160\u3164\uffa0"
"""Hangul fillers: letters by category, blank on paper, so treated as format characters."""
