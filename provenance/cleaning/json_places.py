"""Where texts lie in a line of JSON, byte by byte: so that one can be changed and all else left as it is."""

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from provenance.cleaning.masking import Span
from provenance.shards.shard import ALONE

TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]|[^\s"{}\[\]:,]+')
DEEPER = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}
PIECE = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|[^\\]+")  # a pair of surrogates is one escape
REPLACED = len("\ufffd".encode())  # bytes that stand for what is no UTF-8, or for half of a surrogate pair

HANDLER = "provenance.places"  # of what cannot be decoded


class Leaf(NamedTuple):
    """A text of a line: its number in the row's list, or ALONE, and the bytes of its literal between the quotes."""

    item: int
    begin: int
    end: int


def text_leaves(line: bytes, steps: Sequence[str]) -> list[Leaf]:
    """The texts at the end of a path in a line that holds a JSON object. Of equal keys the last one counts."""
    return _Walk(line).value(steps, ALONE)


class _Walk:
    """Reads a value token by token; what is not asked for is passed over, however deep it is."""

    def __init__(self, line: bytes) -> None:
        self._line, self._tokens = line, TOKEN.finditer(line)

    def _next(self) -> re.Match[bytes]:
        token = next(self._tokens, None)
        if token is None:
            raise ValueError("the line ends within a value")
        return token

    def value(self, steps: Sequence[str], item: int) -> list[Leaf]:
        token = self._next()
        first = token[0][:1]
        if not steps and first == b'"':
            return [Leaf(item, token.start() + 1, token.end() - 1)]
        if steps and steps[0] == "[]" and first == b"[":
            return self._items(steps[1:])
        if steps and steps[0] != "[]" and first == b"{":
            return self._member(steps[0], steps[1:], item)
        depth = DEEPER.get(first, 0)
        while depth > 0:
            depth += DEEPER.get(self._next()[0], 0)
        return []

    def _items(self, steps: Sequence[str]) -> list[Leaf]:
        leaves, number = list[Leaf](), 0
        while not self._at_end(b"]"):
            leaves += self.value(steps, number)
            number += 1
        return leaves

    def _member(self, name: str, steps: Sequence[str], item: int) -> list[Leaf]:
        leaves = list[Leaf]()
        while not self._at_end(b"}"):
            if json.loads(self._next()[0].decode("utf-8", "replace")) == name:
                leaves = self.value(steps, item)
            else:
                self.value((), item)
        return leaves

    def _at_end(self, closing: bytes) -> bool:
        token = self._next()
        if token[0] != closing:
            self._tokens = TOKEN.finditer(self._line, token.start())
        return token[0] == closing


def raw_places(literal: bytes, places: Sequence[int]) -> list[int]:
    """Where in a JSON string literal, without its quotes, the bytes of its text lie that `places` names, rising.

    A text is what the literal says as UTF-8; bytes that are none, and lone surrogates, are three bytes of it.
    """
    raw, wanted = list[int](), iter([*places, None])
    place = next(wanted)
    text = 0
    for begin, end, size in _pieces(literal):
        while place is not None and place < text + size:
            raw.append(begin + (place - text if end - begin == size else 0))
            place = next(wanted)
        text += size
    while place is not None:
        if place > text:
            raise ValueError("a place lies behind the text")
        raw.append(len(literal))
        place = next(wanted)
    return raw


def _pieces(literal: bytes) -> Iterator[tuple[int, int, int]]:
    """The pieces of a literal: where each begins and ends, and how many bytes of text it stands for."""
    for piece in PIECE.finditer(literal):
        if piece[0].startswith(b"\\"):
            text: str = json.loads(b'"' + piece[0] + b'"')
            yield *piece.span(), len(text.encode("utf-8", "surrogatepass"))  # half of a pair has as many as REPLACED
        else:
            yield from _plain(literal, *piece.span())


def _plain(literal: bytes, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Bytes without escapes; sequences that are no UTF-8 are pieces of their own."""
    bad: list[Span] = []

    def note(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)
        bad.append((begin + error.start, begin + error.end))
        return "", error.end

    codecs.register_error(HANDLER, note)
    literal[begin:end].decode("utf-8", HANDLER)
    at = begin
    for first, last in bad:
        if at < first:
            yield at, first, first - at
        yield first, last, REPLACED
        at = last
    if at < end:
        yield at, end, end - at
