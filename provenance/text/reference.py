"""The text rules in plain Python: slow, obvious, and the judge of every kernel."""

import codecs
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from provenance.text import rules
from provenance.text.tables import fold_table


class Word(NamedTuple):
    """A folded word and the bytes it was made from: `data[begin:end]`."""

    folded: bytes
    begin: int
    end: int


class Tokens(NamedTuple):
    """All words of a text, and how many invalid byte sequences lie between them."""

    words: list[Word]
    invalid: int


def words(data: bytes) -> list[Word]:
    """The words of a UTF-8 text in order."""
    return tokenize(data).words


def fold(text: str) -> list[str]:
    """The folded words of a string, without offsets: for comparing titles and for tests."""
    return [word.folded.decode() for word in words(text.encode("utf-8", "replace"))]


def tokenize(data: bytes) -> Tokens:
    """Cut a UTF-8 text into words by the state machine of the rules; invalid sequences separate and are counted."""
    table = fold_table()
    text_words: list[Word] = []
    state, folded, begin, end, invalid = rules.OUT, b"", 0, 0, 0
    for code_point, at, after in code_points(data):
        if code_point < 0:
            invalid += 1
        kind, piece = table.entry(code_point) if code_point >= 0 else (rules.SEPARATOR, b"")
        following = next_state(state, kind)
        if state != rules.OUT and ends_word(state, kind):
            text_words.append(Word(folded, begin, end))
            folded = b""
        if kind in (rules.WORD, rules.SOLO):
            if not folded:
                begin = at
            folded, end = folded + piece, after
        elif kind == rules.IGNORED and state in (rules.IN_WORD, rules.AFTER_SOLO):
            end = after  # a combining mark belongs to the letter before it
        state = following
    if state != rules.OUT:
        text_words.append(Word(folded, begin, end))
    return Tokens(text_words, invalid)


JOINING = (rules.IN_WORD, rules.AFTER_APOSTROPHE, rules.AFTER_HYPHEN, rules.AFTER_SOFT_HYPHEN, rules.HYPHEN_NEWLINE)


@cache  # of the two below there are 72 cases each
def ends_word(state: int, kind: int) -> bool:
    """Whether a pending word ends before a code point of this class."""
    if kind == rules.WORD:
        return state not in JOINING
    return kind == rules.SOLO or next_state(state, kind) == rules.OUT


@cache
def next_state(state: int, kind: int) -> int:
    """The state after a code point of this class."""
    if kind == rules.WORD:
        return rules.IN_WORD
    if kind == rules.SOLO:
        return rules.AFTER_SOLO
    if kind == rules.IGNORED:
        return state
    in_word = state in (rules.IN_WORD, rules.AFTER_SOFT_HYPHEN)
    if kind == rules.SOFT_HYPHEN:
        return rules.AFTER_SOFT_HYPHEN if in_word else state
    if kind == rules.APOSTROPHE and in_word:
        return rules.AFTER_APOSTROPHE
    if kind == rules.HYPHEN and in_word:
        return rules.AFTER_HYPHEN
    after_hyphen = state in (rules.AFTER_HYPHEN, rules.AFTER_SOFT_HYPHEN, rules.HYPHEN_SPACE)
    if kind == rules.NEWLINE and after_hyphen:
        return rules.HYPHEN_NEWLINE
    if kind == rules.SPACE and after_hyphen:
        return rules.HYPHEN_SPACE
    if kind == rules.SPACE and state == rules.HYPHEN_NEWLINE:
        return rules.HYPHEN_NEWLINE
    return rules.OUT


def code_points(data: bytes) -> Iterator[tuple[int, int, int]]:
    """`(code point, begin, end)` of each; code point -1 is one invalid sequence as CPython's decoder sees it."""
    gaps: list[tuple[int, int]] = []

    def note(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)
        gaps.append((error.start, error.end))
        return "\udc00", error.end  # no valid UTF-8 decodes to a surrogate, so it can stand for the gap

    codecs.register_error("provenance.note", note)
    text = data.decode("utf-8", "provenance.note")
    position, gap = 0, iter(gaps)
    for character in text:
        if character == "\udc00":
            begin, end = next(gap)
            yield -1, begin, end
        else:
            code_point = ord(character)
            begin, end = position, position + (1 if code_point < 128 else len(character.encode()))
            yield code_point, begin, end
        position = end
