"""What stands at a match on both of its sides: the text, cut; its digest, uncut; what stands around it; code points.

Invalid bytes count, and are shown, as the U+FFFD that Python's decoder puts in their place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from provenance.index.texts import EditionTexts
from provenance.matching.passages import Integers

CONTEXT_BYTES = 160  # before and after; less where that would cut a character

Bytes = bytes | memoryview


class Quote(NamedTuple):
    """One side of a match."""

    char_begin: int  # code points of the whole text before it
    char_end: int
    excerpt: str  # at most so many characters as were asked for
    sha256: str  # of all its bytes
    before: str
    after: str


def document_quotes(
    data: memoryview, starts: Integers, ends: Integers, places: Sequence[Integers], most: int
) -> list[Quote]:
    """The documents' sides of matches; `places` are, of each match, its document and where it begins and ends there."""
    documents, begins, stops = places
    quotes: list[Quote | None] = [None] * documents.size
    of, counted, characters = -1, 0, 0  # characters of the document before the byte `counted`
    for match in np.lexsort((begins, documents)).tolist():
        document, begin, end = int(documents[match]), int(begins[match]), int(stops[match])
        low, high = int(starts[document]), int(ends[document])
        if document != of:
            of, counted, characters = document, 0, 0
        characters += len(str(data[low + counted : low + begin], "utf-8", "replace"))
        counted = begin

        def between(first: int, last: int, low: int = low) -> memoryview:
            return data[low + first : low + last]

        quotes[match] = _quote(between, begin, end, high - low, characters, most)
    return [quote for quote in quotes if quote is not None]


def edition_quotes(texts: EditionTexts, places: Sequence[Integers], most: int) -> list[Quote]:
    """The editions' sides of matches; `places` are, of each match, its edition and where it begins and ends there."""
    editions, begins, stops = places
    quotes: list[Quote | None] = [None] * editions.size
    for match in np.lexsort((begins, editions)).tolist():  # in order each block is read once
        edition, begin, end = int(editions[match]), int(begins[match]), int(stops[match])

        def between(low: int, high: int, edition: int = edition) -> bytes:
            return texts.between(edition, low, high)

        size, characters = texts.size(edition), texts.characters_before(edition, begin)
        quotes[match] = _quote(between, begin, end, size, characters, most)
    return [quote for quote in quotes if quote is not None]


def _quote(between: Callable[[int, int], Bytes], begin: int, end: int, size: int, characters: int, most: int) -> Quote:
    low, high = max(0, begin - CONTEXT_BYTES), min(size, end + CONTEXT_BYTES)
    around = between(low, high)
    passage = around[begin - low : end - low]
    text = str(passage, "utf-8", "replace")
    before, after = bytes(around[: begin - low]), bytes(around[end - low :])
    return Quote(
        characters,
        characters + len(text),
        text[:most],
        hashlib.sha256(passage).hexdigest(),
        _from_character(before).decode("utf-8", "replace") if low else before.decode("utf-8", "replace"),
        _to_character(after).decode("utf-8", "replace") if high < size else after.decode("utf-8", "replace"),
    )


def _from_character(data: bytes) -> bytes:
    """The same from the beginning of a character on."""
    at = next((n for n in range(min(4, len(data))) if data[n] & 0xC0 != 0x80), 0)
    return data[at:]


def _to_character(data: bytes) -> bytes:
    """The same without a character at its end that is cut."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        length = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
        return data[:-back] if length > back else data
    return data
