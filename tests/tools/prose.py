"""Text that no book has: a leaf, which needs nothing but Python."""

from __future__ import annotations

import random

WORDS = "the of and a to in he was that it his her with as had she for at on but not be him is".split()


def prose(seed: int, words: int) -> str:
    """English-like text in which every five words are nearly unique, with marks, quotes and other scripts."""
    rng = random.Random(seed)
    made = []
    for number in range(words):
        word = (
            rng.choice(WORDS)
            if rng.random() < 0.4
            else "".join(rng.choices("abcdefghiklmnoprstuvw", k=rng.randint(3, 9)))
        )
        if number % 17 == 0:
            word = word.capitalize()
        if number % 40 == 7:
            word = f"“{word},” café naïve"
        made.append(word + ("." if number % 13 == 12 else ",\n" if number % 29 == 5 else ""))
    return " ".join(made)
