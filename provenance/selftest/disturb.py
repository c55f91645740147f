"""Ways in which a copied passage may differ from its book. Words are what lies between blanks, punctuation included."""

import random
import re
from collections.abc import Callable, Sequence

Words = list[str]

LINE = 60  # characters
PAGE = 30  # lines
OCR = {
    "rn": "m", "m": "rn", "cl": "d", "d": "cl", "vv": "w", "w": "vv", "li": "h", "h": "li", "e": "c", "c": "e",
    "l": "1", "i": "l", "o": "0", "O": "0", "u": "n", "n": "u", "t": "f", "f": "t", "s": "5", "S": "5", "b": "h",
    "a": "o", "g": "q",
}  # fmt: skip
HOMOGLYPHS = str.maketrans("aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ")
INVISIBLE = ("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad")
BRITISH = {
    "color": "colour", "honor": "honour", "favor": "favour", "labor": "labour", "neighbor": "neighbour",
    "humor": "humour", "harbor": "harbour", "parlor": "parlour", "vapor": "vapour", "splendor": "splendour",
    "rumor": "rumour", "center": "centre", "theater": "theatre", "somber": "sombre", "meter": "metre", "fiber": "fibre",
    "gray": "grey", "defense": "defence", "offense": "offence", "pretense": "pretence", "traveler": "traveller",
    "traveling": "travelling", "jewelry": "jewellery", "marvelous": "marvellous", "woolen": "woollen",
    "skillful": "skilful", "fulfill": "fulfil", "plow": "plough", "mold": "mould", "gayety": "gaiety",
    "inclosed": "enclosed", "connection": "connexion", "today": "to-day", "tomorrow": "to-morrow",
    "tonight": "to-night", "anyone": "any one", "someone": "some one", "forever": "for ever", "while": "whilst",
    "among": "amongst", "toward": "towards", "afterward": "afterwards",
}  # fmt: skip
SPELLINGS = BRITISH | {british: american for american, british in BRITISH.items() if " " not in british}
ENDINGS = (("ized", "ised"), ("izing", "ising"), ("ize", "ise"), ("ization", "isation"), ("yze", "yse"))


def substitute(words: Words, rate: float, rng: random.Random, vocabulary: Sequence[str]) -> Words:
    """Some words replaced by others of the vocabulary."""
    return [other_than(word, rng, vocabulary) if rng.random() < rate else word for word in words]


def other_than(word: str, rng: random.Random, vocabulary: Sequence[str]) -> str:
    """Another word of the vocabulary, which has to have one."""
    while (other := rng.choice(vocabulary)).lower() == word.lower():
        pass
    return other


def delete(words: Words, rate: float, rng: random.Random, vocabulary: Sequence[str]) -> Words:
    """Some words gone, but never all."""
    return [word for word in words if rng.random() >= rate] or words[:1]


def insert(words: Words, rate: float, rng: random.Random, vocabulary: Sequence[str]) -> Words:
    """A word of the vocabulary put before some words."""
    return [new for word in words for new in ([rng.choice(vocabulary), word] if rng.random() < rate else [word])]


def misread(words: Words, rate: float, rng: random.Random, vocabulary: Sequence[str]) -> Words:
    """OCR: characters taken for others that look like them; now and then a blank inside a word, or one lost."""
    return " ".join(misread_word(word, rng) if rng.random() < rate else word for word in words).split()


def misread_word(word: str, rng: random.Random) -> str:
    """A word with a character misread, or a blank in it."""
    if len(word) > 3 and rng.random() < 0.1:
        at = rng.randrange(1, len(word))
        return word[:at] + " " + word[at:]
    places = [(at, seen) for seen in OCR for at in range(len(word)) if word.startswith(seen, at)]
    if not places:
        return word + rng.choice("il1")
    at, seen = rng.choice(places)
    return word[:at] + OCR[seen] + word[at + len(seen) :]


def strip(words: Words, rng: random.Random) -> str:
    """Case and punctuation gone, as from a careless preprocessing."""
    return re.sub(r"[^\w\s]|_", "", re.sub(r"--|—|–", " ", " ".join(words))).lower()


def paginate(words: Words, rng: random.Random) -> str:
    """Lines of a printed page: long words broken at line ends, and a header with a page number every thirty lines."""
    lines, line = list[str](), ""
    for word in words:
        if len(line) + 1 + len(word) > LINE:
            room = LINE - len(line) - 2
            if word.isalpha() and len(word) >= 6 and room >= 3 and len(word) - room >= 3:
                line, word = f"{line} {word[:room]}-", word[room:]
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    lines.append(line)
    pages = [lines[at : at + PAGE] for at in range(0, len(lines), PAGE)]
    number = rng.randrange(2, 400)
    return "\n".join(
        line
        for n, page in enumerate(pages)
        for line in ([f"{number + n}\nTHE HISTORY OF AN OLD HOUSE.\n"] if n else []) + page
    )


def respell(words: Words, rng: random.Random) -> str:
    """British for American spelling, and the other way round."""
    return " ".join(respell_word(word) for word in words)


def respell_word(word: str) -> str:
    """A word in the other spelling; as it is where it has no other."""
    lead, core, tail = re.fullmatch(r"(\W*)(.*?)(\W*)", word, re.S).groups()  # type: ignore[union-attr]
    lower = core.lower()
    for spelling, other in SPELLINGS.items():
        if lower in (spelling, spelling + "s", spelling + "ed"):
            changed = other + lower[len(spelling) :]
            return lead + (changed.capitalize() if core[:1].isupper() else changed) + tail
    for ending, other in (pair for american, british in ENDINGS for pair in ((american, british), (british, american))):
        if lower.endswith(ending) and len(lower) > len(ending) + 3:
            return lead + core[: -len(ending)] + other + tail
    return word


def shuffle_sentences(words: Words, rng: random.Random) -> str:
    """The same sentences in another order."""
    sentences = re.split(r"(?<=[.!?;])\s+", " ".join(words))
    rng.shuffle(sentences)
    return " ".join(sentences)


def hide_zero_width(words: Words, rng: random.Random) -> str:
    """An invisible character inside every word."""
    return " ".join(w[: (at := rng.randrange(0, len(w)) + 1)] + rng.choice(INVISIBLE) + w[at:] for w in words)


def hide_homoglyphs(words: Words, rng: random.Random) -> str:
    """Half of the letters that Cyrillic has too taken from there."""
    return "".join(c.translate(HOMOGLYPHS) if rng.random() < 0.5 else c for c in " ".join(words))


def as_it_is(words: Words, rng: random.Random) -> str:
    """Word for word."""
    return " ".join(words)


RATED: dict[str, Callable[[Words, float, random.Random, Sequence[str]], Words]] = {
    "substitution": substitute,
    "deletion": delete,
    "insertion": insert,
    "OCR": misread,
}
UNRATED: dict[str, Callable[[Words, random.Random], str]] = {
    "verbatim": as_it_is,
    "case and punctuation stripped": strip,
    "line-end hyphens, page headers": paginate,
    "British/American spelling": respell,
    "sentences shuffled": shuffle_sentences,
    "zero-width characters": hide_zero_width,
    "homoglyphs": hide_homoglyphs,
}
VERBATIM = next(name for name, change in UNRATED.items() if change is as_it_is)
CUT = "cut at a chunk border"
RATES = (0.02, 0.05, 0.10, 0.20, 0.30)
